"""Draw how much of the camera picture is kept in a face: all of the eyes with their brows, and of the mouth."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.stylize.face_detector import Landmarks

_EYE, _MOUTH = (0.15, 0.11), (0.18, 0.10)
"""Half axes of the ellipses, along the line of the eyes and across, in sizes of the face."""
_BROW = 0.03
"""How far the ellipse of an eye is moved to the brow."""
_FINEST = 12
"""Pixels of an ellipse's shorter half axis that it is drawn with at most, before it is enlarged."""
_FEATHER = 1.0
"""Over this share of its size beyond its edge an ellipse fades."""

Share = npt.NDArray[np.uint8]
"""H×W uint8: 255 where the camera picture is shown, 0 where the painting is."""


def draw_face(share: Share, landmarks: Landmarks, side: float, presence: float) -> None:
    """Draw eyes and mouth of a face into `share`, where they are above what is there.

    Args:
        share: H×W uint8.
        landmarks: of the face, in pixels of `share`.
        side: the size of its box, in the same.
        presence: 0..1, of its eyes and mouth at most.
    """
    right, left, _, mouth = landmarks[:4]
    across = left - right
    across = across / max(1e-6, float(np.hypot(*across)))
    down = np.array((-across[1], across[0]))
    if down @ (mouth - (left + right) / 2) < 0:  # mirrored
        down = -down
    eye, lips = (tuple(side * half for half in axes) for axes in (_EYE, _MOUTH))
    for middle, axes in ((right - _BROW * side * down, eye), (left - _BROW * side * down, eye), (mouth, lips)):
        _draw_ellipse(share, middle, across, axes, presence)


def _draw_ellipse(
    share: Share,
    middle: npt.NDArray[np.float64],
    across: npt.NDArray[np.float64],
    axes: tuple[float, ...],
    presence: float,
) -> None:
    """Draw an ellipse of the half `axes`, the first of them along `across`, that fades out beyond its edge."""
    reach = max(axes) * (1 + _FEATHER)
    low = np.maximum(0, np.floor(middle - reach)).astype(int)
    high = np.minimum(share.shape[::-1], np.ceil(middle + reach).astype(int))
    if (high <= low).any():
        return
    step = max(1, round(min(axes) / _FINEST))  # it is soft: drawn coarsely, and enlarged
    columns, rows = (
        start + (np.arange(-(-(stop - start) // step)) + 0.5) * step for start, stop in zip(low, high, strict=True)
    )
    x, y = columns[None] - middle[0], rows[:, None] - middle[1]
    along, beside = x * across[0] + y * across[1], y * across[0] - x * across[1]
    far = np.hypot(along / axes[0], beside / axes[1])
    level = np.clip((1 + _FEATHER - far) / _FEATHER, 0, 1)
    level = level * level * (3 - 2 * level)
    soft = cv2.convertScaleAbs(level, alpha=255 * presence)
    width, height = high - low
    if step > 1:
        soft = cv2.resize(soft, None, fx=step, fy=step, interpolation=cv2.INTER_LINEAR)
    part = share[low[1] : high[1], low[0] : high[0]]
    np.maximum(part, soft[:height, :width], out=part)
