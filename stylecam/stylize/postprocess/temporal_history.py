"""What was painted before: carried along with what moves, and mixed with what is painted now."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.media.frame import Image
from stylecam.stylize.postprocess.noise_estimate import Floats
from stylecam.stylize.postprocess.parallel_rows import ParallelRows, enlarged, part, rows

_MARGIN = 2
"""Levels by which the history may leave the range of the new painting's neighbourhood."""
_NEIGHBOURS = np.ones((3, 3), np.uint8)
_ONE = 256
"""What a level is in whole numbers: of two bytes the higher one is the level, the lower one what rounding leaves."""

_Values = TypeVar("_Values", bound="npt.NDArray[np.integer[Any] | np.floating[Any]]")


class PaintingHistory:
    """A painting of h×w×3 in whole levels, and what rounding took from each of them, which is given back the next time.

    So nothing sticks a level off, as it does where small changes are rounded away time and again.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self._shown: Image = np.empty(shape, np.uint8)
        self._rest = np.empty(shape, np.uint8)
        self._strips = ParallelRows()
        self._scratches: list[_Scratch] = []
        self._way: Floats | None = None

    def begin(self, styled: Image) -> None:
        """Hold nothing but `styled` (uint8)."""
        self._shown = styled.copy()
        self._rest.fill(_ONE // 2)
        self._way = None

    def carry(self, way: Floats, share: Floats) -> None:
        """In the next `mix`, fetch each pixel from `share` (0..1) of `way` beside it: right, down, in its own pixels.

        Both are of one size, and are resized.
        """
        self._way = way * share[..., None]
        self._moved = share > 0

    def mix(self, styled: Image, kept: Floats) -> Image:
        """Renew it by `styled` (uint8) but for the share `kept` (0..1, resized to its size); it as it is now.

        First it is held within the range of each pixel's neighbours in `styled`. The picture is the caller's to keep,
        but not to write into.
        """
        result: Image = np.empty(self.shape, np.uint8)
        shares = np.rint(kept * _ONE).astype(np.uint16)
        height, width = self.shape[:2]

        def mix(strip: slice, scratch: _Scratch) -> None:
            known = scratch.bounded(self._known(strip, scratch), styled, strip)
            share = enlarged(shares, strip, height, width)
            scratch.mix(styled[strip], known, share, self._rest[strip], result[strip])

        self._strips.each(height, width, self._scratch, mix)
        self._shown, self._way = result, None
        return result

    def _known(self, strip: slice, scratch: _Scratch) -> Image:
        """What was shown, where it is now."""
        if self._way is None:
            return self._shown[strip]
        height, width = self.shape[:2]
        small = part(strip, height, len(self._way))
        columns = np.flatnonzero(self._moved[small].any(axis=0))
        if not columns.size:
            return self._shown[strip]
        way = enlarged(self._way, strip, height, width)
        step = width / self._way.shape[1]
        span = slice(max(0, int((columns[0] - 1) * step)), min(width, int((columns[-1] + 2) * step)))
        return scratch.fetched(self._shown, way, strip, span)

    def _scratch(self, count: int) -> list[_Scratch]:
        while len(self._scratches) < count:
            self._scratches.append(_Scratch(self.shape))
        return self._scratches[:count]


class _Scratch:
    """One thread's arrays for one strip, and what is done in them."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        height, width = min(shape[0], rows(shape[1])), shape[1]
        self._places = places((height, width))
        self._from = np.empty_like(self._places)
        picture = (height, width, 3)
        self._fetched, self._bounded = np.empty(picture, np.uint8), np.empty(picture, np.uint8)
        self._extreme = np.empty((height + 2, width, 3), np.uint8)
        self._margin = np.full(picture, _MARGIN, np.uint8)
        self._mixed, self._change = np.empty(picture, np.uint16), np.empty(picture, np.uint16)

    def fetched(self, shown: Image, way: Floats, strip: slice, span: slice) -> Image:
        """The rows `strip` of `shown`, in the columns `span` each pixel from `way` beside it."""
        fetched, wherefrom = self._fetched[: len(way)], self._from[: len(way), span]
        np.copyto(fetched, shown[strip])
        cv2.add(way[:, span], self._places[: len(way), span], wherefrom)
        cv2.add(wherefrom, (0, strip.start, 0, 0), wherefrom)  # type: ignore[call-overload]
        moved(shown, wherefrom, fetched[:, span])
        return fetched

    def bounded(self, known: Image, styled: Image, strip: slice) -> Image:
        """`known` within the range of the neighbours of its pixels in `styled`, of which it is the rows `strip`."""
        height = len(known)
        first = max(0, strip.start - 1)
        around = styled[first : strip.stop + 1]
        extreme, bounded, margin = self._extreme[: len(around)], self._bounded[:height], self._margin[:height]
        inner = extreme[strip.start - first :][:height]
        cv2.erode(around, _NEIGHBOURS, extreme)
        cv2.subtract(inner, margin, inner)
        cv2.max(known, inner, bounded)
        cv2.dilate(around, _NEIGHBOURS, extreme)
        cv2.add(inner, margin, inner)
        return cast(Image, cv2.min(bounded, inner, bounded))

    def mix(
        self, styled: Image, known: Image, share: npt.NDArray[np.uint16], rest: npt.NDArray[np.uint8], result: Image
    ) -> None:
        """The `share` (h×w, of `_ONE`) of `known`, else `styled`, into `result`; `rest` is used up and renewed."""
        mixed, change = self._mixed[: len(styled)], self._change[: len(styled)]
        bytes_ = mixed.view(np.uint8).reshape(len(styled), -1, 2)
        cv2.merge((flat(rest), flat(styled)), bytes_)
        # What is more than two bytes is lost on the way, but what comes out fits them: a share lies between its two.
        np.subtract(known, styled, out=change, dtype=np.uint16)
        np.multiply(change, cv2.cvtColor(share, cv2.COLOR_GRAY2BGR), out=change)
        mixed += change
        cv2.split(bytes_, (flat(rest), flat(result)))


def flat(image: Image) -> Image:
    """`image` (h×w×3) as h×3w."""
    return image.reshape(len(image), -1)


def places(shape: tuple[int, ...]) -> Floats:
    """Each pixel's own column and row: h×w×2."""
    down, right = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    return np.dstack([right, down])


def moved(image: _Values, wherefrom: Floats, into: _Values | None = None) -> _Values:
    """`image` with each pixel fetched from the place `wherefrom` (h×w×2: column, row)."""
    border = cv2.BORDER_REPLICATE
    return cast(_Values, cv2.remap(image, wherefrom, None, cv2.INTER_LINEAR, into, border))  # type: ignore[call-overload]
