"""Tests of finding faces to crop photographs around."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import stylecam
from stylecam.models.catalog import shipped_models
from stylecam.training.dataset import PhotoDataset, read_picture
from stylecam.training.faces import ShippedFaceDetector


def test_the_shipped_detector_finds_a_large_face_and_none_on_a_wall() -> None:
    image = read_picture(Path(stylecam.__file__).parent / "assets" / "astronaut.jpg")
    detector = ShippedFaceDetector()
    (face,) = detector.find(image)
    eyes = face.landmarks[:2].mean(0)
    assert face.left < eyes[0] < face.left + face.width
    assert face.top < eyes[1] < face.top + face.height
    assert 70 < face.height < 130
    assert detector.find(np.full((240, 320, 3), 128, np.uint8)) == []


def test_the_photographs_that_are_shipped_are_many_and_small_and_each_has_a_source() -> None:
    folder = shipped_models() / "photos"
    photos = PhotoDataset([folder], 64)
    assert photos.count >= 40
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_500_000
    sources = (folder / "README.md").read_text("utf-8")
    stems = {path.stem.partition("_")[0] for path in folder.glob("*.jpg")}
    assert [stem for stem in stems if f"`{stem}" not in sources] == []
