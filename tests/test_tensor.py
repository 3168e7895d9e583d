"""Between pictures and tensors, and between sizes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylecam.engines.base import Tensor
from stylecam.frame import Image, Size
from stylecam.tensor import crop, fit, resize, to_image, to_tensor


def noise(width: int = 96, height: int = 64) -> Image:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


def test_a_tensor_is_rgb_from_zero_to_one() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    image[:] = (255, 0, 51)
    tensor = to_tensor(image)
    assert tensor.shape == (1, 3, 8, 8)
    assert tensor.dtype == np.float32
    assert tensor[0, :, 0, 0] == pytest.approx([0.2, 0.0, 1.0])


@pytest.mark.parametrize("rim", [0, 8, 16])
def test_a_picture_comes_back_unchanged(rim: int) -> None:
    image = noise()
    assert np.array_equal(to_image(to_tensor(image, rim), rim), image)


def test_the_rim_is_the_picture_reflected() -> None:
    image = noise()
    tensor = to_tensor(image, 8)
    assert tensor.shape == (1, 3, 80, 112)
    assert np.allclose(tensor[0, :, 8:-8, 7], tensor[0, :, 8:-8, 9])


@given(st.floats(-10, 10, width=32))
def test_values_are_rounded_and_saturated_not_wrapped(value: float) -> None:
    tensor: Tensor = np.full((1, 3, 8, 8), value, np.float32)
    expected = min(255.0, max(0.0, value * 255))
    if value >= 0:  # convertScaleAbs takes the absolute value of what networks should never give
        assert abs(float(to_image(tensor)[0, 0, 0]) - expected) <= 0.51


def test_a_slightly_negative_value_is_black() -> None:
    assert to_image(np.full((1, 3, 8, 8), -0.001, np.float32)).max() == 0


@pytest.mark.parametrize("value", [-0.1, -1.0])
def test_a_value_far_below_black_is_black(value: float) -> None:
    assert to_image(np.full((1, 3, 8, 8), value, np.float32)).max() == 0


def test_a_picture_is_contiguous_and_its_own() -> None:
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
def test_the_largest_middle_part_of_the_wanted_shape_is_taken(
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
