"""Tests of resizing a part of a picture as a part of the resized whole."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from stylecam.stylize.postprocess.parallel_rows import strip_rows
from stylecam.stylize.postprocess.temporal_history import resized_rows

WIDTH = 640


@pytest.mark.parametrize("factor", [1, 2, 4])
@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_strips_are_resized_as_the_whole_is(factor: int, kind: type[np.uint16] | type[np.float32]) -> None:
    size = 720, WIDTH
    values = np.random.default_rng(3).uniform(0, 250, (size[0] // factor, size[1] // factor))
    small: npt.NDArray[np.uint16 | np.float32] = values.astype(kind)
    whole = cv2.resize(small, size[::-1])
    for top in range(0, size[0], strip_rows(WIDTH)):
        strip = slice(top, min(size[0], top + strip_rows(WIDTH)))
        assert np.allclose(resized_rows(small, strip, *size), whole[strip], atol=1 if kind is np.uint16 else 1e-3)


def test_sizes_that_do_not_divide_are_resized_too() -> None:
    small = np.random.default_rng(3).uniform(0, 250, (35, 25)).astype(np.float32)
    whole = cv2.resize(small, (101, 143))
    for strip in (slice(0, 64), slice(64, 143)):
        assert np.allclose(resized_rows(small, strip, 143, 101), whole[strip], atol=1e-3)
