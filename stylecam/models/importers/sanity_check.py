"""Whether what a network made of a photo can be meant: arithmetic on two pictures, no network is run here."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Tensor: TypeAlias = npt.NDArray[np.float32]

FLATTEST = 0.03
"""Least standard deviation of brightness; the faintest style we know has 0.1."""
BURNT = 0.85
"""Largest share of numbers at either end of the range; a woodcut in pure black and white comes near it."""
LIKENESS = 0.1
"""Least correlation of coarse brightness with the photo, which even wild styles keep above 0.3."""


def refusal(photo: Tensor, styled: Tensor) -> str | None:
    """Why `styled` cannot be a painting of `photo` (both 1×3×H×W float32 RGB 0..1), or None if it can."""
    if styled.shape != photo.shape:
        return f"it gave a picture of {_shown(styled)} for one of {_shown(photo)}"
    if not np.isfinite(styled).all():
        return "it gave values that are not numbers"
    given, made = _brightness(photo), _brightness(styled)
    if made.std() < FLATTEST:
        grey = "black" if made.mean() < 0.05 else "white" if made.mean() > 0.95 else "one even colour"
        return f"it painted the photo all {grey}"
    burnt = float(np.mean((styled <= 0.002) | (styled >= 0.998)))
    if burnt > BURNT:
        return f"{burnt:.0%} of what it painted is black or burnt out"
    alike = float(np.corrcoef(_coarse(given).ravel(), _coarse(made).ravel())[0, 1])
    if alike < -3 * LIKENESS:
        return f"it painted the photo inverted, light for dark (correlation {alike:.2f})"
    if alike < LIKENESS:
        return f"what it painted has nothing of the photo (correlation {alike:.2f})"
    return None


def _brightness(picture: Tensor) -> npt.NDArray[np.float32]:
    return np.asarray(np.tensordot(np.array([0.299, 0.587, 0.114], np.float32), picture[0], 1), np.float32)


def _coarse(brightness: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Brightness without brush strokes."""
    return np.asarray(cv2.GaussianBlur(brightness, (0, 0), max(brightness.shape) / 60), np.float32)


def _shown(picture: Tensor) -> str:
    return "×".join(map(str, picture.shape))
