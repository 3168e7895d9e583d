"""Tests of the sizes of strokes that a bank is trained with."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from stylecam.models.brush import StrokeScales
from stylecam.training.strokes import RANGE, StrokeTargets, stroke_scales
from stylecam.training.style_image import StyleImage


@pytest.fixture
def paintings(tmp_path: Path) -> list[StyleImage]:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((200, 300, 3), 90, np.uint8))
    return [
        StyleImage("often", tmp_path / "a.png", share=3.0),
        StyleImage("large", tmp_path / "a.png", scale=400),
    ]


def test_the_two_rows_lie_evenly_around_the_scale() -> None:
    fine, broad = stroke_scales(540)
    assert broad / fine == pytest.approx(RANGE, rel=0.01)
    assert fine * broad == pytest.approx(540**2, rel=0.01)


def test_with_one_size_of_strokes_each_style_is_one_target(paintings: list[StyleImage]) -> None:
    targets = StrokeTargets(paintings, 100, None)
    assert [image.shape[0] for image in targets.read()] == [100, 400]
    drawn = targets.draw(np.random.default_rng(0), 4000)
    assert np.mean(targets.styles(drawn) == 0) == pytest.approx(0.75, abs=0.05)
    assert not targets.broad_shares(drawn).any()


def test_with_two_rows_each_style_has_three_sizes_of_strokes(paintings: list[StyleImage]) -> None:
    targets = StrokeTargets(paintings, 100, StrokeScales(200, 800))
    assert [image.shape[0] for image in targets.read()] == [50, 100, 200, 200, 400, 800]
    assert targets.styles(np.arange(6)).tolist() == [0, 0, 0, 1, 1, 1]
    assert targets.broad_shares(np.arange(6)).tolist() == [0, 0.5, 1, 0, 0.5, 1]
    drawn = targets.draw(np.random.default_rng(0), 4000)
    assert np.mean(targets.broad_shares(drawn) == 0.5) == pytest.approx(0.5, abs=0.05)
