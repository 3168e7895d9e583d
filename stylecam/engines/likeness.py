"""Judge whether an engine paints the same picture as another one: to the level, or as far as an eye can see."""

from __future__ import annotations

import cv2
import numpy as np

from stylecam.media.frame import Image

MAX_DIFFERENCE = 2
"""Levels of 255 that the same picture may differ by at full precision."""
OUTLIER_SHARE = 1e-5
"""The share of numbers that may differ by more, because sums of rounding errors have no hard limit."""
MIN_PSNR_DB = 40.0
"""The least signal-to-noise ratio of a picture at reduced precision against full precision, in dB."""
MAX_BLOCK_DIFFERENCE = 2.0
"""Levels of 255 that a block may be lighter or darker at reduced precision; more shows as a spot on plain areas.

The eye sees light in much finer detail than color, so a block's color alone counts by the light in it.
"""
_LUMA = np.array([0.114, 0.587, 0.299], np.float32)
"""Of blue, green and red."""
BLOCK = 8
"""The side of such a block in pixels."""


def max_difference(one: Image, other: Image) -> int:
    """Return how many levels of 255 two pictures differ at most, except for `OUTLIER_SHARE` of their numbers."""
    counts = np.bincount(cv2.absdiff(one, other).ravel(), minlength=256)
    further = counts.sum() - np.cumsum(counts)
    return int(np.argmax(further <= OUTLIER_SHARE * counts.sum()))


def psnr(one: Image, other: Image) -> float:
    """Return the peak signal-to-noise ratio of two pictures in dB; infinite for equal ones."""
    error = float(np.square(cv2.absdiff(one, other), dtype=np.float32).mean())
    return float("inf") if error == 0 else 10 * float(np.log10(255**2 / error))


def block_difference(one: Image, other: Image) -> float:
    """Return how much lighter or darker a block is at most, in levels of 255, in the mean of its luma (ITU-R BT.601).

    Pictures smaller than a block count as one; the rest of a picture at the right and at the bottom is left out.
    """
    height, width = (max(1, side // BLOCK) for side in one.shape[:2])
    rows, columns = (min(side, count * BLOCK) for side, count in zip(one.shape[:2], (height, width), strict=True))
    off = cv2.subtract(one[:rows, :columns], other[:rows, :columns], dtype=cv2.CV_32F)
    blocks = cv2.resize(off, (width, height), interpolation=cv2.INTER_AREA)
    return float(np.abs(np.asarray(blocks).reshape(-1, 3) @ _LUMA).max())


def exact_fault(painted: Image, reference: Image) -> str | None:
    """Return how `painted` differs from `reference` more than rounding at full precision does; None if it does not."""
    levels = max_difference(painted, reference)
    return None if levels <= MAX_DIFFERENCE else f"differs by {levels} of 255 levels, and may by {MAX_DIFFERENCE}"


def visible_fault(painted: Image, reference: Image) -> str | None:
    """Return how an eye could tell `painted`, of reduced precision, from `reference`; None if it could not."""
    ratio = psnr(painted, reference)
    if ratio < MIN_PSNR_DB:
        return f"has {ratio:.0f} dB against full precision, and needs {MIN_PSNR_DB:.0f}"
    levels = block_difference(painted, reference)
    if levels > MAX_BLOCK_DIFFERENCE:
        return f"has a spot that is off by {levels:.1f} of 255 levels, and may by {MAX_BLOCK_DIFFERENCE:.0f}"
    return None
