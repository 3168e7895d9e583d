"""What was painted before: carried along with what moves, and mixed with what is painted now."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np

from stylecam.finish.noise import Floats
from stylecam.frame import Image

_MARGIN = (2.0, 2.0, 2.0, 0.0)
"""Levels by which the history may leave the range of the new painting's neighbourhood."""
_STRIP = 96
"""Rows worked on at once, few enough for the processor's cache."""
_NEIGHBOURS = np.ones((3, 3), np.uint8)


class History:
    """A painting of h×w×3 in fractions of levels, so that rounding never holds it back. All buffers are made once."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self._places = places(shape)
        self._from = np.empty_like(self._places)
        self._painted, self._spare = np.empty(shape, np.float32), np.empty(shape, np.float32)
        self._kept, self._renewed = np.empty(shape[:2], np.float32), np.empty(shape[:2], np.float32)
        strip = (_STRIP, *shape[1:])
        self._floats = np.empty(strip, np.float32), np.empty(strip, np.float32)
        self._darkest, self._brightest = np.empty(shape, np.uint8), np.empty(shape, np.uint8)

    def begin(self, styled: Image) -> None:
        """Hold nothing but `styled` (uint8)."""
        np.copyto(self._painted, styled)

    def carry(self, way: Floats, share: Floats) -> None:
        """Fetch each pixel from `way`, of which `share` (0..1) is taken, beside it: right and down, in its own pixels.

        Both are resized to its size.
        """
        rows, columns = _span(share.max(1), self.shape[0]), _span(share.max(0), self.shape[1])
        if rows.start == rows.stop:
            return
        way = way * cv2.resize(share, way.shape[1::-1])[..., None]
        cv2.resize(way, self.shape[1::-1], self._from)
        wherefrom, fetched = self._from[rows, columns], self._spare[rows, columns]
        cv2.add(wherefrom, self._places[rows, columns], wherefrom)
        moved(self._painted, wherefrom, fetched)
        np.copyto(self._painted[rows, columns], fetched)

    def mix(self, styled: Image, kept: Floats) -> Image:
        """Renew it by `styled` (uint8) but for the share `kept` (0..1, resized to its size); it as it is now, rounded.

        First it is held within the range of each pixel's neighbours in `styled`.
        """
        height, width = self.shape[:2]
        cv2.erode(styled, _NEIGHBOURS, self._darkest)
        cv2.dilate(styled, _NEIGHBOURS, self._brightest)
        cv2.resize(kept, (width, height), self._kept)
        np.subtract(1, self._kept, out=self._renewed)
        result: Image = np.empty(self.shape, np.uint8)
        for top in range(0, height, _STRIP):
            rows = slice(top, min(height, top + _STRIP))
            self._mix(styled[rows], rows, result[rows])
        self._painted, self._spare = self._spare, self._painted
        return result

    def _mix(self, styled: Image, rows: slice, result: Image) -> None:
        bounded, floats = (buffer[: len(styled)] for buffer in self._floats)
        darkest, brightest = self._darkest[rows], self._brightest[rows]
        cv2.subtract(darkest, _MARGIN, darkest)  # type: ignore[call-overload]
        np.copyto(floats, darkest)
        cv2.max(self._painted[rows], floats, bounded)
        cv2.add(brightest, _MARGIN, brightest)  # type: ignore[call-overload]
        np.copyto(floats, brightest)
        cv2.min(bounded, floats, bounded)
        np.copyto(floats, styled)
        mixed = self._spare[rows]
        cv2.blendLinear(floats, bounded, self._renewed[rows], self._kept[rows], mixed)
        cv2.convertScaleAbs(mixed, result)


def _span(some: Floats, length: int) -> slice:
    """The part of `length` that `some` which are not 0 reach when resized to it; empty if all are."""
    found = np.flatnonzero(some)
    if not found.size:
        return slice(0, 0)
    step = length / len(some)
    return slice(max(0, int((found[0] - 1) * step)), min(length, int((found[-1] + 2) * step)))


def places(shape: tuple[int, ...]) -> Floats:
    """Each pixel's own column and row: h×w×2."""
    down, right = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    return np.dstack([right, down])


def moved(image: Floats, wherefrom: Floats, into: Floats | None = None) -> Floats:
    """`image` with each pixel fetched from the place `wherefrom` (h×w×2: column, row)."""
    border = cv2.BORDER_REPLICATE
    return cast(Floats, cv2.remap(image, wherefrom, None, cv2.INTER_LINEAR, into, border))  # type: ignore[call-overload]
