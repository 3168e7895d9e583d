"""Clear eyes and mouths in pictures and clips."""

from __future__ import annotations

import numpy as np
import pytest

from stylecam.engines.autotune import sample_picture
from stylecam.engines.opencv import OpenCVEngine
from stylecam.media.frame import Image, Size
from stylecam.media.testing import gray_image
from stylecam.media.transforms import resize
from stylecam.stylize.still_faces import StillFaces

SIZE = Size(400, 400)
PAINTED = gray_image(0, SIZE)
WALL = (slice(0, 40), slice(0, 400))


@pytest.fixture(scope="module")
def portrait() -> Image:
    return sample_picture(SIZE)


def test_eyes_and_mouth_stay_as_far_as_is_asked_for(portrait: Image) -> None:
    faces = StillFaces(OpenCVEngine(), steady=False)
    whole, half = (faces.clear(portrait, PAINTED, share) for share in (1.0, 0.5))
    clear = (np.abs(whole.astype(int) - portrait) <= 2).all(2) & (portrait.max(2) > 40)
    assert 300 < np.count_nonzero(clear) < 5000
    assert half[clear].mean() == pytest.approx(whole[clear].mean() / 2, rel=0.05)
    assert whole[WALL].max() == 0


def test_a_larger_picture_of_the_same_is_cleared_alike(portrait: Image) -> None:
    size = Size(2000, 2000)
    faces = StillFaces(OpenCVEngine(), steady=False)
    large = faces.clear(resize(portrait, size), gray_image(0, size), 1.0)
    small = faces.clear(portrait, PAINTED, 1.0)
    assert np.abs(resize(large, SIZE).astype(int) - small).mean() < 2


def test_where_nobody_is_the_painting_stays() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (200, 300, 3), np.uint8)
    painted = gray_image(0, Size(300, 200))
    assert StillFaces(OpenCVEngine(), steady=False).clear(noise, painted, 1.0) is painted


def test_the_first_frame_of_a_clip_is_as_clear_as_those_that_follow(portrait: Image) -> None:
    faces = StillFaces(OpenCVEngine(), steady=True)
    first, *_, last = (faces.clear(portrait, PAINTED, 1.0).mean() for _ in range(5))
    assert first == pytest.approx(last, rel=0.05)
    assert first > 1
