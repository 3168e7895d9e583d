"""Tests of random crops that can be repeated, and of folders that cannot be used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from stylecam.errors import TrainingDataError
from stylecam.training.dataset import PhotoDataset, pictures_in, read_picture
from stylecam.training.faces import Face
from tests.training import fixtures


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_crop_is_a_square_of_red_green_blue(tmp_path: Path) -> None:
    crop = PhotoDataset([fixtures.photo_folder(tmp_path / "p")], 80).random_crop(rng()).picture
    assert crop.shape == (80, 80, 3)
    assert crop.dtype == np.float32
    assert 0 <= crop.min() < crop.max() <= 1


@pytest.mark.parametrize(("width", "height"), [(8, 300), (300, 8), (31, 31), (2000, 90)])
def test_any_shape_of_picture_gives_a_crop(tmp_path: Path, width: int, height: int) -> None:
    folder = fixtures.photo_folder(tmp_path / "p", 0)
    fixtures.random_picture(folder / "odd.png", width=width, height=height)
    assert PhotoDataset([folder], 64).random_crop(rng()).picture.shape == (64, 64, 3)


@pytest.mark.parametrize("cache_bytes", [0, 2**20])
def test_the_next_crops_depend_on_the_generator_alone(tmp_path: Path, cache_bytes: int) -> None:
    folder = fixtures.photo_folder(tmp_path / "p")
    (folder / "a.jpg").write_bytes(b"unreadable")
    whole, source = PhotoDataset([folder], 64), rng()
    for _ in range(5):
        whole.random_crop(source)
    resumed = rng()
    resumed.bit_generator.state = source.bit_generator.state
    fresh = PhotoDataset([folder], 64, cache_bytes=cache_bytes)  # without a cache or a list of unreadable files
    assert all(np.array_equal(whole.random_crop(source)[0], fresh.random_crop(resumed)[0]) for _ in range(8))


def test_corrupt_pictures_are_skipped_and_counted(tmp_path: Path) -> None:
    folder = fixtures.photo_folder(tmp_path / "p", 2)
    (folder / "empty.jpg").touch()
    (folder / "cut.png").write_bytes((folder / "0.png").read_bytes()[:60])
    jpeg = fixtures.random_picture(folder / "cut.jpg", 7).read_bytes()
    (folder / "cut.jpg").write_bytes(jpeg[: len(jpeg) // 2])  # a decoder may fill the rest with grey
    source, photos = rng(), PhotoDataset([folder], 64)
    for _ in range(60):
        photos.random_crop(source)
    assert {path.name for path in photos.unreadable} == {"empty.jpg", "cut.png", "cut.jpg"}
    assert photos.count == 5


def test_transparent_pixels_are_read_as_white_whatever_their_color(tmp_path: Path) -> None:
    cut_out = np.full((20, 30, 4), (0, 0, 255, 0), np.uint8)
    cut_out[:, 10:, 3] = 255
    assert cv2.imwrite(str(tmp_path / "cut_out.png"), cut_out)
    image = read_picture(tmp_path / "cut_out.png")
    assert (image[:, :10] == 255).all()
    assert (image[:, 10:] == (0, 0, 255)).all()


def test_a_photograph_is_read_the_right_way_up(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    Pillow.new("RGB", (30, 20), "red").save(tmp_path / "turned.webp", exif=exif)
    assert read_picture(tmp_path / "turned.webp").shape == (30, 20, 3)


def test_hidden_files_are_not_photographs(tmp_path: Path) -> None:
    folder = fixtures.photo_folder(tmp_path / "p", 1)
    (folder / "._0.png").write_bytes(b"macOS metadata")
    assert [path.name for path in pictures_in(folder)] == ["0.png"]


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps its permissions elsewhere")
def test_a_file_without_read_permission_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fixtures.photo_folder(tmp_path / "p", 1)
    fixtures.random_picture(folder / "secret.png")
    stat = os.stat

    def deny_secret(path: Any, **options: Any) -> os.stat_result:  # as the system does for every user but root
        if "secret.png" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", deny_secret)
    assert [path.name for path in pictures_in(folder)] == ["0.png"]


def test_crops_come_as_often_from_a_small_folder_as_from_a_large_one(tmp_path: Path) -> None:
    one, many = tmp_path / "one", fixtures.photo_folder(tmp_path / "many", 30)
    one.mkdir()
    white = np.full((64, 64, 3), 255, np.uint8)
    cv2.imwrite(str(one / "white.png"), white)
    source, photos = rng(), PhotoDataset([one, many], 64)
    plain = sum(float(photos.random_crop(source).picture.std()) < 0.03 for _ in range(60))
    assert 14 <= plain <= 38  # a few of the white ones have a wall


@pytest.mark.parametrize("state", ["missing", "empty", "text"])
def test_a_folder_without_pictures_is_an_error(tmp_path: Path, state: str) -> None:
    folder = tmp_path / "p"
    if state != "missing":
        folder.mkdir()
    if state == "text":
        (folder / "notes.txt").write_text("none")
    with pytest.raises(TrainingDataError, match="--photos"):
        PhotoDataset([folder], 64)


def test_a_folder_of_corrupt_pictures_only_is_an_error(tmp_path: Path) -> None:
    folder = fixtures.photo_folder(tmp_path / "p", 0)
    for name in "ab":
        (folder / f"{name}.jpg").write_bytes(b"?")
    with pytest.raises(TrainingDataError, match="none of the 2"):
        PhotoDataset([folder], 64).random_crop(rng())


class OneFace:
    """Finds a face of 40×48 pixels in the upper left of every picture."""

    def find(self, image: Any) -> list[Face]:
        return [Face(10, 6, 40, 48, np.zeros((5, 2), np.float32))]


def test_most_crops_are_made_for_a_face_and_say_where_it_is(tmp_path: Path) -> None:
    folder = fixtures.photo_folder(tmp_path / "p", 0)
    picture = np.zeros((200, 300, 3), np.uint8)
    picture[6:54, 10:50] = 255
    cv2.imwrite(str(folder / "a.png"), picture)
    photos = PhotoDataset([folder], 64, detector=OneFace())
    source = rng()
    crops = [photos.random_crop(source) for _ in range(60)]
    faces = [crop for crop in crops if crop.face is not None]
    assert 30 < len(faces) < 55
    for crop, face in faces:
        assert face is not None
        assert 0 <= face.x < 64
        assert 0 <= face.y < 64
        assert crop[int(face.y), int(face.x)].mean() > crop.mean()  # the bright place


def test_without_a_detector_no_crop_has_a_face(tmp_path: Path) -> None:
    photos, source = PhotoDataset([fixtures.photo_folder(tmp_path / "p")], 64), rng()
    assert all(photos.random_crop(source).face is None for _ in range(5))
