"""Tests of converting between images and tensors, and of resizing, cropping and packing."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylecam.media.frame import Image, Size
from stylecam.media.transforms import (
    Tensor,
    crop,
    fit,
    pack_pixels,
    packed_to_image,
    pad_by_reflection,
    resize,
    to_image,
    to_tensor,
)


def noise(width: int = 96, height: int = 64) -> Image:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


def test_a_tensor_is_rgb_from_zero_to_one() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    image[:] = (255, 0, 51)
    tensor = to_tensor(image)
    assert tensor.shape == (1, 3, 8, 8)
    assert tensor.dtype == np.float32
    assert tensor[0, :, 0, 0] == pytest.approx([0.2, 0.0, 1.0])


def test_an_image_is_unchanged_after_a_round_trip() -> None:
    image = noise()
    assert np.array_equal(to_image(to_tensor(image)), image)


def test_padding_reflects_the_picture() -> None:
    image = noise()
    padded = pad_by_reflection(image, 8)
    assert padded.shape == (80, 112, 3)
    assert np.array_equal(padded[8:-8, 8:-8], image)
    assert np.array_equal(padded[8:-8, 7], image[:, 1])


@given(st.floats(-10, 10, width=32, allow_subnormal=False))
def test_values_are_rounded_and_saturated_not_wrapped(value: float) -> None:
    tensor: Tensor = np.full((1, 3, 8, 8), value, np.float32)
    expected = min(255.0, max(0.0, value * 255))
    if value >= 0:  # convertScaleAbs takes the absolute value of negative numbers
        assert abs(float(to_image(tensor)[0, 0, 0]) - expected) <= 0.51


def test_a_slightly_negative_value_is_black() -> None:
    assert to_image(np.full((1, 3, 8, 8), -0.001, np.float32)).max() == 0


@pytest.mark.parametrize("value", [-0.1, -1.0])
def test_a_value_far_below_black_is_black(value: float) -> None:
    assert to_image(np.full((1, 3, 8, 8), value, np.float32)).max() == 0


def test_an_image_is_contiguous_and_does_not_share_memory() -> None:
    tensor = to_tensor(noise())
    image = to_image(tensor)
    tensor[:] = 0
    assert image.flags.c_contiguous
    assert image.max() > 0


@pytest.mark.parametrize(
    ("have", "want", "expected"),
    [
        ((640, 480), (1280, 720), (640, 360)),
        ((1920, 1080), (1280, 720), (1920, 1080)),
        ((1280, 720), (640, 480), (960, 720)),
        ((1280, 720), (720, 1280), (405, 720)),
    ],
)
def test_the_largest_centered_part_of_the_requested_shape_is_cropped(
    have: tuple[int, int], want: tuple[int, int], expected: tuple[int, int]
) -> None:
    height, width = crop(noise(*have), Size(*want)).shape[:2]
    assert (width, height) == pytest.approx(expected, abs=1)


def test_cropping_keeps_the_middle() -> None:
    image = np.zeros((100, 300, 3), np.uint8)
    image[:, 100:200] = 255
    assert crop(image, Size(100, 100)).min() == 255


def test_cropping_copies_nothing() -> None:
    image = noise()
    assert np.shares_memory(crop(image, Size(64, 64)), image)


sides = st.integers(2, 300)


@given(sides, sides, st.integers(32, 200), st.integers(32, 200))
def test_any_picture_fits_any_size(width: int, height: int, half_width: int, half_height: int) -> None:
    size = Size(2 * half_width, 2 * half_height)
    assert fit(np.zeros((height, width, 3), np.uint8), size).shape == (size.height, size.width, 3)


def test_a_picture_that_fits_is_not_copied() -> None:
    image = noise(128, 72)
    assert resize(image, Size(128, 72)) is image


def test_fitting_does_not_distort() -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    image[140:340, 220:420] = 255  # a square in the middle
    fitted = fit(image, Size(1280, 720))[:, :, 0] > 127
    tall, wide = fitted.any(axis=1).sum(), fitted.any(axis=0).sum()
    assert tall == pytest.approx(wide, abs=4)


@pytest.mark.parametrize("side", [1, 2, 4])
def test_a_picture_survives_packing_and_unpacking(side: int) -> None:
    image = noise()
    cells = np.empty((1, 3 * side**2, 64 // side, 96 // side), np.float32)
    pack_pixels(image, cells)
    assert np.array_equal(cells[0, :3, 1, 1], image[side, side])
    assert np.array_equal(packed_to_image(cells / np.float32(255)), image)


def test_a_view_of_a_picture_can_be_packed() -> None:
    cells = np.empty((1, 48, 8, 16), np.float32)
    pack_pixels(noise()[16:48, 8:72], cells)
    assert np.array_equal(packed_to_image(cells / np.float32(255)), noise()[16:48, 8:72])


def test_packed_values_are_rounded_and_saturated() -> None:
    values = np.array([-0.5, 0.501 / 255, 1.7, np.nan], np.float32)
    cells = np.repeat(values, 3)[None, :, None, None]
    assert packed_to_image(cells)[:, :, 0].ravel().tolist() == [0, 1, 255, 0]


@pytest.mark.parametrize("size", [Size(160, 90), Size(100, 56), Size(48, 27)])
def test_quick_shrinking_is_close_to_the_exact_result(size: Size) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (144, 256, 3), np.uint8)
    picture = cast(Image, cv2.GaussianBlur(noise, (0, 0), 5))
    quick, careful = resize(picture, size, quick=True), resize(picture, size)
    assert cv2.absdiff(quick, careful).max() <= 2


def test_quick_shrinking_below_half_averages_all_pixels() -> None:
    picture = np.random.default_rng(5).integers(0, 256, (144, 256, 3), np.uint8)
    quick, careful = (resize(picture, Size(64, 36), quick=quick) for quick in (True, False))
    assert cv2.absdiff(quick, careful).max() <= 1  # the halves are rounded
