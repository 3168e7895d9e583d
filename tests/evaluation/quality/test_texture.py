"""Tests of the marks' contrast and repetition, on pictures whose figures can be calculated."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stylecam.evaluation.quality.texture import mark_contrast, mark_wavelength, plain_wall, repetition
from stylecam.media.frame import Image, Size


def grating(wavelength: float, amplitude: float = 40.0, angle: float = 0.3) -> Image:
    down, right = np.mgrid[0:360, 0:640]
    wave = np.sin(2 * np.pi / wavelength * (np.cos(angle) * right + np.sin(angle) * down))
    return np.repeat((128 + amplitude * wave).round().astype(np.uint8)[..., None], 3, 2)


def blurred_noise(sigma: float, seed: int = 1) -> Image:
    noise = np.random.default_rng(seed).standard_normal((360, 640)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), sigma)
    return np.repeat((128 + 30 * smooth / smooth.std()).clip(0, 255).astype(np.uint8)[..., None], 3, 2)


def tiled(period: int) -> Image:
    tile = blurred_noise(3, 2)[:period, :period]
    return np.tile(tile, (360 // period + 1, 640 // period + 1, 1))[:360, :640]


@pytest.mark.parametrize("wavelength", [20, 48, 100])
def test_a_grating_within_the_band_has_the_contrast_of_a_sine(wavelength: float) -> None:
    assert mark_contrast(grating(wavelength)) == pytest.approx(40 / np.sqrt(2), rel=0.05)


@pytest.mark.parametrize("wavelength", [6, 300])
def test_finer_texture_and_larger_areas_do_not_count(wavelength: float) -> None:
    assert mark_contrast(grating(wavelength)) < 6


@pytest.mark.parametrize("wavelength", [5, 11, 24, 60])
def test_a_grating_has_its_own_wavelength(wavelength: float) -> None:
    assert mark_wavelength(grating(wavelength)) == pytest.approx(wavelength, rel=0.05)


def test_the_wavelength_grows_with_the_picture() -> None:
    small = blurred_noise(2.0)
    large = cv2.resize(small, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)[180:540, 320:960].astype(np.uint8)
    assert mark_wavelength(large) == pytest.approx(2 * mark_wavelength(small), rel=0.1)
    assert mark_wavelength(np.full((360, 640, 3), 90, np.uint8)) == 0


def test_an_unpainted_wall_has_no_marks() -> None:
    wall = plain_wall(Size(640, 360))
    assert wall.shape == (360, 640, 3)
    assert wall.std() == pytest.approx(3, rel=0.05)
    assert mark_contrast(wall) < 0.6
    assert repetition(wall) < 0.06


def test_an_even_area_has_neither_marks_nor_a_pattern() -> None:
    grey = np.full((360, 640, 3), 90, np.uint8)
    assert mark_contrast(grey) == pytest.approx(0, abs=1e-9)
    assert repetition(grey) == 0


@pytest.mark.parametrize("period", [16, 40, 90])
def test_a_tiled_pattern_repeats_perfectly(period: int) -> None:
    assert repetition(tiled(period)) > 0.95


@pytest.mark.parametrize("sigma", [2.0, 4.0])
def test_irregular_marks_hardly_repeat(sigma: float) -> None:
    assert repetition(blurred_noise(sigma)) < 0.2


def test_a_pattern_finer_than_the_lags_is_found_at_its_multiples() -> None:
    assert repetition(tiled(8)) > 0.95
