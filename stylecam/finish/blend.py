"""Mixing two pictures."""

from __future__ import annotations

from typing import cast

import cv2

from stylecam.frame import Image


def blend(below: Image, above: Image, opacity: float) -> Image:
    """`above` over `below` (both H×W×3 uint8 BGR) with `opacity` 0..1; the very image where one of them is all."""
    if opacity <= 0:
        return below
    if opacity >= 1:
        return above
    return cast(Image, cv2.addWeighted(above, opacity, below, 1 - opacity, 0))
