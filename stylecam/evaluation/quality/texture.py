"""Measure the marks that a style leaves on a picture: how bold they are, and whether they repeat; needs no PyTorch.

Both are measured on a painted plain wall, where everything that can be seen was added by the style.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.evaluation.quality.model_runner import FloatImage
from stylecam.media.frame import Image, Size

WAVELENGTHS = (16.0, 128.0)
"""The band of marks that can be seen from a usual distance, in pixels: neither fine texture nor large areas."""
LAGS = (14.0, 96.0)
"""Distances in pixels at which a pattern is searched for its next repetition."""
_WALL_LEVEL, _WALL_NOISE = 0.75 * 255, 3.0
_BACKGROUND_SIGMA = 16.0
_SHORTEST = 3.0

Luminance = npt.NDArray[np.float64]


def plain_wall(size: Size, seed: int = 0) -> Image:
    """Return a light grey wall with the noise of a webcam, H×W×3 uint8 BGR."""
    noise = np.random.default_rng(seed).standard_normal((size.height, size.width, 3))
    return (_WALL_LEVEL + _WALL_NOISE * noise).round().clip(0, 255).astype(np.uint8)


def mark_contrast(image: Image | FloatImage) -> float:
    """Return how much contrast `image` (H×W×3 BGR, 0..255) has within `WAVELENGTHS`: rms of luminance, in levels."""
    frequency, power = _spectrum(image)
    band = (frequency >= 1 / WAVELENGTHS[1]) & (frequency <= 1 / WAVELENGTHS[0])
    return float(np.sqrt(power[band].sum()))


def mark_wavelength(image: Image | FloatImage) -> float:
    """Return how large the marks in `image` (H×W×3 BGR, 0..255) are: the mean wavelength of luminance, in pixels.

    It is the geometric mean over wavelengths from 3 pixels to the longest of `WAVELENGTHS`, weighted by their energy; 0
    where there is nothing to be seen.
    """
    frequency, power = _spectrum(image)
    band = (frequency >= 1 / WAVELENGTHS[1]) & (frequency <= 1 / _SHORTEST)
    energy = float(power[band].sum())
    if energy < 1e-3:
        return 0.0
    return float(np.exp(-np.average(np.log(frequency[band]), weights=power[band])))


def repetition(image: Image | FloatImage) -> float:
    """Return how much `image` (H×W×3 BGR, 0..255) looks like itself moved by one of `LAGS`; 1 for a perfect pattern.

    It is the largest local maximum of the normalized autocorrelation of luminance at these distances, once slow changes
    (a Gaussian blur of 16 pixels) are removed; 0 if there is none.
    """
    light = _luminance(image)
    light = light - cv2.GaussianBlur(light, (0, 0), _BACKGROUND_SIGMA)
    light = light - light.mean()
    variance = float(np.square(light).mean())
    if variance < 1e-3:  # a plain area has no pattern; its rounding might seem to have one
        return 0.0
    height, width = light.shape
    padded = (2 * height, 2 * width)
    sums = np.fft.irfft2(np.square(np.abs(np.fft.rfft2(light, padded))), padded)
    reach = int(min(LAGS[1], height / 2, width / 2))
    down, right = np.arange(-reach, reach + 1)[:, None], np.arange(-reach, reach + 1)[None]
    overlap = (height - np.abs(down)) * (width - np.abs(right))
    correlation = sums[down, right] / overlap / variance
    peaks = correlation >= cv2.dilate(correlation, np.ones((3, 3), np.uint8))
    distance = np.hypot(down, right)
    found = correlation[peaks & (distance >= LAGS[0]) & (distance < reach)]
    return max(0.0, float(found.max(initial=0.0)))


def _spectrum(image: Image | FloatImage) -> tuple[Luminance, Luminance]:
    """Return frequencies, in waves a pixel, and the variance of luminance at each: their sum is that of the picture.

    The border is faded out before the transform, so that it does not count as an edge.
    """
    light = _luminance(image)
    height, width = light.shape
    window = np.hanning(height + 2)[1:-1, None] * np.hanning(width + 2)[None, 1:-1]
    light = (light - np.average(light, weights=window)) * window
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    return frequency, np.square(np.abs(np.fft.fft2(light))) / light.size / np.square(window).sum()


def _luminance(image: Image | FloatImage) -> Luminance:
    blue, green, red = (image[:, :, channel].astype(np.float64) for channel in range(3))
    return 0.114 * blue + 0.587 * green + 0.299 * red
