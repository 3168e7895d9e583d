"""Keep what was styled before: move it along with what moves, and blend it with what is styled now.

Pictures are worked through strip by strip, see `stylecam.stylize.postprocess.parallel_rows`.
"""

from __future__ import annotations

import math
from typing import Any, TypeVar, cast

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.media.frame import Image
from stylecam.stylize.postprocess.change_detection import Floats
from stylecam.stylize.postprocess.parallel_rows import ParallelRows, strip_rows

_MARGIN = 2
"""Levels by which the history may leave the range of the new picture's neighbourhood."""
_NEIGHBOURS = np.ones((3, 3), np.uint8)
_ONE = 256
"""A level in fixed point: of two bytes the higher one is the level, the lower one the remainder of rounding."""

_Values = TypeVar("_Values", bound="npt.NDArray[np.integer[Any] | np.floating[Any]]")


class PaintingHistory:
    """A styled picture of h×w×3 in whole levels, with the remainder that rounding took from each of them.

    The remainder is added the next time. Otherwise small changes would be rounded away repeatedly, and levels would
    stick one off.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self._shown: Image = np.empty(shape, np.uint8)
        self._remainder = np.empty(shape, np.uint8)
        self._rows = ParallelRows()
        self._scratches: list[_Scratch] = []
        self._flow: Floats | None = None

    def restart(self, styled: Image) -> None:
        """Hold nothing but `styled` (uint8)."""
        self._shown = styled.copy()
        self._remainder.fill(_ONE // 2)
        self._flow = None

    def carry(self, flow: Floats, share: Floats) -> None:
        """In the next `blend`, fetch each pixel from `share` (0..1) of `flow` beside it.

        `flow` is h×w×2: right and down, in pixels of the styled picture. Both are of one size, and are resized.
        """
        self._flow = flow * share[..., None]
        self._moved = share > 0

    def blend(self, styled: Image, kept: Floats) -> Image:
        """Renew the history by `styled` (uint8) except for the share `kept` (0..1, resized to its size).

        Before that it is held within the range of each pixel's neighbours in `styled`.

        Returns:
            The history as it is now: the caller may keep it but not write into it.
        """
        result: Image = np.empty(self.shape, np.uint8)
        shares = np.rint(kept * _ONE).astype(np.uint16)
        height, width = self.shape[:2]

        def blend(strip: slice, scratch: _Scratch) -> None:
            before = scratch.bounded(self._carried(strip, scratch), styled, strip)
            share = resized_rows(shares, strip, height, width)
            scratch.blend(styled[strip], before, share, self._remainder[strip], result[strip])

        self._rows.run(height, width, self._scratch, blend)
        self._shown, self._flow = result, None
        return result

    def _carried(self, strip: slice, scratch: _Scratch) -> Image:
        """Return the rows `strip` of what was shown, where they are now."""
        if self._flow is None:
            return self._shown[strip]
        height, width = self.shape[:2]
        small = source_rows(strip, height, len(self._flow))
        columns = np.flatnonzero(self._moved[small].any(axis=0))
        if not columns.size:
            return self._shown[strip]
        step = width / self._flow.shape[1]
        span = slice(max(0, int((columns[0] - 1) * step)), min(width, int((columns[-1] + 2) * step)))
        down = self._flow + np.array((0, strip.start), np.float32)
        return scratch.fetched(self._shown, resized_rows(down, strip, height, width), strip, span)

    def _scratch(self, count: int) -> list[_Scratch]:
        while len(self._scratches) < count:
            self._scratches.append(_Scratch(self.shape))
        return self._scratches[:count]


class _Scratch:
    """One thread's arrays for one strip, and what is done in them."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        height, width = min(shape[0], strip_rows(shape[1])), shape[1]
        self._places = pixel_places((height, width))
        self._from = np.empty_like(self._places)
        picture = (height, width, 3)
        self._fetched, self._bounded = np.empty(picture, np.uint8), np.empty(picture, np.uint8)
        self._extreme = np.empty((height + 2, width, 3), np.uint8)
        self._margin = np.full(picture, _MARGIN, np.uint8)
        self._mixed, self._change = np.empty(picture, np.uint16), np.empty(picture, np.uint16)

    def fetched(self, shown: Image, flow: Floats, strip: slice, span: slice) -> Image:
        """Return the rows `strip` of `shown`, with each pixel in the columns `span` fetched from `flow` beside it.

        `flow` is counted from the first row of `strip`.
        """
        fetched, source = self._fetched[: len(flow)], self._from[: len(flow), span]
        np.copyto(fetched, shown[strip])
        cv2.add(flow[:, span], self._places[: len(flow), span], source)
        remapped(shown, source, fetched[:, span])
        return fetched

    def bounded(self, before: Image, styled: Image, strip: slice) -> Image:
        """Return `before`, the rows `strip`, within the range of the neighbours of its pixels in `styled`."""
        height = len(before)
        first = max(0, strip.start - 1)
        around = styled[first : strip.stop + 1]
        extreme, bounded, margin = self._extreme[: len(around)], self._bounded[:height], self._margin[:height]
        inner = extreme[strip.start - first :][:height]
        cv2.erode(around, _NEIGHBOURS, extreme)
        cv2.subtract(inner, margin, inner)
        cv2.max(before, inner, bounded)
        cv2.dilate(around, _NEIGHBOURS, extreme)
        cv2.add(inner, margin, inner)
        return cast(Image, cv2.min(bounded, inner, bounded))

    def blend(
        self,
        styled: Image,
        before: Image,
        share: npt.NDArray[np.uint16],
        remainder: npt.NDArray[np.uint8],
        result: Image,
    ) -> None:
        """Put the `share` (h×w, of `_ONE`) of `before` and the rest of `styled` into `result`; renew `remainder`."""
        mixed, change = self._mixed[: len(styled)], self._change[: len(styled)]
        bytes_ = mixed.view(np.uint8).reshape(len(styled), -1, 2)
        cv2.merge((_flat(remainder), _flat(styled)), bytes_)
        # More than two bytes overflow on the way, but the result fits them: a share lies between its two ends.
        np.subtract(before, styled, out=change, dtype=np.uint16)
        np.multiply(change, cv2.cvtColor(share, cv2.COLOR_GRAY2BGR), out=change)
        mixed += change
        cv2.split(bytes_, (_flat(remainder), _flat(result)))


def source_rows(strip: slice, height: int, small: int) -> slice:
    """Return the rows of a picture `small` rows high that the rows `strip` come from when it is resized to `height`."""
    step = height / small
    return slice(max(0, int(strip.start / step) - 1), min(small, math.ceil(strip.stop / step) + 1))


def resized_rows(small: _Values, strip: slice, height: int, width: int) -> _Values:
    """Return the rows `strip` of `small` (h×w×any) resized bilinearly to height×width."""
    factor, remainder = divmod(height, len(small))
    if remainder:  # no part of it would do
        return cast(_Values, cv2.resize(small, (width, height))[strip])
    taken = source_rows(strip, height, len(small))
    made = cv2.resize(small[taken], (width, (taken.stop - taken.start) * factor))
    return cast(_Values, made[strip.start - taken.start * factor : strip.stop - taken.start * factor])


def pixel_places(shape: tuple[int, ...]) -> Floats:
    """Return each pixel's own column and row: h×w×2."""
    down, right = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    return np.dstack([right, down])


def remapped(image: _Values, source: Floats, into: _Values | None = None) -> _Values:
    """Return `image` with each pixel fetched from the place `source` (h×w×2: column, row)."""
    border = cv2.BORDER_REPLICATE
    return cast(_Values, cv2.remap(image, source, None, cv2.INTER_LINEAR, into, border))  # type: ignore[call-overload]


def _flat(image: Image) -> Image:
    """Return `image` (h×w×3) as h×3w."""
    return image.reshape(len(image), -1)
