"""Judge whether a network's result can be a styled version of a photo: arithmetic on two pictures, no network runs."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.media.transforms import Tensor
from stylecam.utils.text import format_shape

MIN_CONTRAST = 0.03
"""Least standard deviation of brightness; the faintest known style has 0.1."""
MAX_CLIPPED = 0.85
"""Largest share of values at either end of the range; a woodcut in pure black and white comes near it."""
MIN_CORRELATION = 0.1
"""Least correlation of coarse brightness with the photo; even wild styles keep it above 0.3."""


def find_problem(photo: Tensor, styled: Tensor) -> str | None:
    """Return why `styled` cannot be a styled `photo`, or None if it can.

    Args:
        photo: 1×3×H×W float32 RGB 0..1.
        styled: the network's result for it, of the same form.
    """
    if styled.shape != photo.shape:
        return f"it gave a picture of {format_shape(styled.shape)} for one of {format_shape(photo.shape)}"
    if not np.isfinite(styled).all():
        return "it gave values that are not numbers"
    before, after = _brightness(photo), _brightness(styled)
    if after.std() < MIN_CONTRAST:
        grey = "black" if after.mean() < 0.05 else "white" if after.mean() > 0.95 else "one even colour"
        return f"it painted the photo all {grey}"
    clipped = float(np.mean((styled <= 0.002) | (styled >= 0.998)))
    if clipped > MAX_CLIPPED:
        return f"{clipped:.0%} of what it painted is black or burnt out"
    correlation = float(np.corrcoef(_blurred(before).ravel(), _blurred(after).ravel())[0, 1])
    if correlation < -3 * MIN_CORRELATION:
        return f"it painted the photo inverted, light for dark (correlation {correlation:.2f})"
    if correlation < MIN_CORRELATION:
        return f"what it painted has nothing of the photo (correlation {correlation:.2f})"
    return None


def _brightness(picture: Tensor) -> npt.NDArray[np.float32]:
    return np.asarray(np.tensordot(np.array([0.299, 0.587, 0.114], np.float32), picture[0], 1), np.float32)


def _blurred(brightness: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return `brightness` without brush strokes."""
    return np.asarray(cv2.GaussianBlur(brightness, (0, 0), max(brightness.shape) / 60), np.float32)
