"""Tests of the drawing of eyes and mouth: soft, at any size, and inside the picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stylecam.stylize.face_detector import Landmarks
from stylecam.stylize.postprocess.face_share import Share, draw_face

FACE = np.array([(-0.25, -0.2), (0.25, -0.2), (0, 0), (0, 0.25), (-0.5, -0.1), (0.5, -0.1)])
"""The landmarks around a nose at 0, 0, in sizes of the face."""


def drawn(landmarks: Landmarks, side: float, presence: float = 1.0, size: tuple[int, int] = (400, 600)) -> Share:
    share = np.zeros(size, np.uint8)
    draw_face(share, landmarks, side, presence)
    return share


def face(side: float, x: float = 300, y: float = 200) -> Landmarks:
    return np.asarray(FACE * side + (x, y), np.float64)


@pytest.mark.parametrize("side", [20, 60, 150, 300])
def test_eyes_and_mouth_are_kept_whole_and_cheeks_are_painted(side: int) -> None:
    share = drawn(face(side), side)
    landmarks = face(side).astype(int)
    right, left, _, mouth = (share[y, x] for x, y in landmarks[:4])
    assert min(right, left, mouth) == 255
    assert max(share[200, 300 - side // 2], share[200 + side // 4, 300 - side // 2]) < 30


@pytest.mark.parametrize("side", [60, 150, 300])
def test_it_has_no_edge(side: float) -> None:
    share = drawn(face(side), side).astype(int)
    steepest = 255 * 1.5 / (0.1 * side)  # of a smooth step over the shorter half axis
    assert max(np.abs(np.diff(share, axis=0)).max(), np.abs(np.diff(share, axis=1)).max()) < 1.3 * steepest


def test_a_large_face_is_the_small_one_enlarged() -> None:
    small, large = drawn(face(60, 100, 70), 60, size=(140, 200)), drawn(face(240, 400, 280), 240, size=(560, 800))
    reduced = cv2.resize(large, (200, 140), interpolation=cv2.INTER_AREA)
    assert cv2.absdiff(small, reduced).max() < 16
    assert abs(small.mean() - reduced.mean()) < 0.1


def test_a_face_that_fades_is_kept_in_part() -> None:
    assert drawn(face(100), 100, 0.4).max() == 102


def test_two_faces_are_drawn_over_each_other() -> None:
    share = drawn(face(100), 100)
    before = share.copy()
    draw_face(share, face(100, 330), 100, 0.5)
    assert (share >= before).all()
    assert (share > before).any()


@pytest.mark.parametrize(("x", "y"), [(-500, 200), (300, 900), (0, 0), (599, 399)])
def test_what_is_beside_the_picture_is_not_drawn(x: float, y: float) -> None:
    share = drawn(face(120, x, y), 120)
    assert share.shape == (400, 600)
    assert share.any() == (0 <= x < 600 and 0 <= y < 400)
