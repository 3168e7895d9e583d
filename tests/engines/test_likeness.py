"""Tests of judging whether two pictures are the same: to the level, or as far as an eye can see."""

from __future__ import annotations

import numpy as np
import pytest

from stylecam.engines.likeness import block_difference, exact_fault, max_difference, psnr, visible_fault
from stylecam.media.frame import Image, Size
from stylecam.media.testing import gray_image


def noisy(deviation: float) -> Image:
    """Return a gray picture with noise of this deviation in levels."""
    noise = np.random.default_rng(1).normal(0, deviation, (240, 320, 3))
    return np.clip(np.round(120 + noise), 0, 255).astype(np.uint8)


GRAY = gray_image(120, Size(320, 240))


def test_the_difference_of_two_pictures_ignores_a_few_outliers() -> None:
    one = np.full((1000, 1000, 3), 100, np.uint8)
    other = one.copy()
    other[0, :10] = 109  # 30 of 3,000,000
    assert max_difference(one, other) == 0
    other[0, 10] = 105
    assert max_difference(one, other) == 5
    assert max_difference(one, one + np.uint8(3)) == 3


def test_the_signal_to_noise_ratio_follows_its_definition() -> None:
    assert psnr(GRAY, GRAY) == float("inf")
    assert psnr(GRAY, GRAY + np.uint8(1)) == pytest.approx(48.13, abs=0.01)
    assert psnr(GRAY, noisy(5.0)) == pytest.approx(34.15, abs=0.1)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_difference_of_a_block_is_that_of_its_mean_light(sign: int) -> None:
    spot = GRAY.astype(int)
    spot[80:88, 160:168] += 6 * sign
    assert block_difference(spot.astype(np.uint8), GRAY) == pytest.approx(6)
    spot = GRAY.astype(int)
    spot[84:92, 164:172] += 8 * sign  # a quarter in each of four blocks
    assert block_difference(GRAY, spot.astype(np.uint8)) == pytest.approx(2)


@pytest.mark.parametrize(("channel", "light"), [(0, 0.114), (1, 0.587), (2, 0.299)])
def test_a_color_counts_by_its_light(channel: int, light: float) -> None:
    spot = GRAY.copy()
    spot[80:88, 160:168, channel] += np.uint8(10)
    assert block_difference(spot, GRAY) == pytest.approx(10 * light, abs=0.01)


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (9, 200)])
def test_small_pictures_are_compared_too(size: tuple[int, int]) -> None:
    one = np.full((*size, 3), 50, np.uint8)
    assert block_difference(one, one + np.uint8(3)) == pytest.approx(3)


def test_at_full_precision_two_levels_are_rounding_and_three_are_not() -> None:
    assert exact_fault(GRAY + np.uint8(2), GRAY) is None
    assert exact_fault(GRAY + np.uint8(3), GRAY) == "differs by 3 of 255 levels, and may by 2"


def test_fine_noise_of_rounding_is_not_seen_and_coarse_noise_is() -> None:
    assert visible_fault(noisy(2.0), GRAY) is None
    assert visible_fault(noisy(5.0), GRAY) == "has 34 dB against full precision, and needs 40"


def test_a_single_outlier_is_not_seen_and_a_spot_is() -> None:
    other = GRAY.copy()
    other[100, 100] = 220
    assert visible_fault(other, GRAY) is None
    other = GRAY.copy()
    other[80:88, 160:168] += np.uint8(4)
    assert psnr(other, GRAY) > 60
    assert visible_fault(other, GRAY) == "has a spot that is off by 4.0 of 255 levels, and may by 2"
