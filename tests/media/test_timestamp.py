"""Tests of drawing a capture time into a picture and of reading it back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylecam.media.frame import Image, Size
from stylecam.media.testing import gray_image
from stylecam.media.timestamp import draw_timestamp, read_timestamp

HD = Size(1280, 720)


def stamped(seconds: float, size: Size = HD) -> Image:
    image = gray_image(90, size)
    draw_timestamp(image, seconds)
    return image


@given(st.floats(0, 1e7, allow_subnormal=False))
def test_a_time_is_read_back_to_a_tenth_of_a_millisecond(seconds: float) -> None:
    assert read_timestamp(stamped(seconds, Size(320, 180))) == pytest.approx(seconds, abs=1.01e-4)


@pytest.mark.parametrize("quality", [95, 85, 50])
def test_it_survives_jpeg(quality: int) -> None:
    _, data = cv2.imencode(".jpg", stamped(4321.5678), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert read_timestamp(cv2.imdecode(data, cv2.IMREAD_COLOR)) == pytest.approx(4321.5678, abs=1e-4)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(640, 360), (1920, 1080), (854, 480)])
def test_it_survives_scaling(size: tuple[int, int]) -> None:
    scaled = cv2.resize(stamped(98765.4321), size, interpolation=cv2.INTER_AREA)
    assert read_timestamp(scaled) == pytest.approx(98765.4321, abs=1e-4)  # type: ignore[arg-type]


def test_it_survives_conversion_to_yuv() -> None:
    yuv = cv2.cvtColor(stamped(55.5), cv2.COLOR_BGR2YUV_I420)
    assert read_timestamp(cv2.cvtColor(yuv, cv2.COLOR_YUV2BGR_I420)) == pytest.approx(55.5, abs=1e-4)  # type: ignore[arg-type]


def test_a_picture_without_a_timestamp_gives_none() -> None:
    assert read_timestamp(gray_image(128, HD)) is None


def test_a_mirrored_timestamp_is_not_read() -> None:
    assert read_timestamp(np.ascontiguousarray(stamped(1234.5)[:, ::-1])) is None


@given(st.integers(0, 23), st.integers(0, 1))
def test_one_flipped_block_is_noticed(column: int, row: int) -> None:
    image = stamped(4242.4242)
    width, height = 1280 // 24, 30
    block = image[row * height : (row + 1) * height, column * width : (column + 1) * width]
    block[:] = 251 - block
    assert read_timestamp(image) is None
