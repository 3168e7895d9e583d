"""The picture's own colours in a painting."""

from __future__ import annotations

from typing import cast

import cv2

from stylecam.media.frame import Image


# ---- finish.color
def with_colors_of(original: Image, painted: Image) -> Image:
    """The light and dark of `painted` with the hues of `original` (both H×W×3 uint8 BGR, of one size)."""
    luma = cv2.cvtColor(painted, cv2.COLOR_BGR2GRAY)
    mixed = cv2.cvtColor(original, cv2.COLOR_BGR2YCrCb)
    cv2.insertChannel(luma, mixed, 0)
    return cast(Image, cv2.cvtColor(mixed, cv2.COLOR_YCrCb2BGR))


# ---- finish.blend
def blend(below: Image, above: Image, opacity: float) -> Image:
    """`above` over `below` (both H×W×3 uint8 BGR) with `opacity` 0..1; the very image where one of them is all."""
    if opacity <= 0:
        return below
    if opacity >= 1:
        return above
    return cast(Image, cv2.addWeighted(above, opacity, below, 1 - opacity, 0))
