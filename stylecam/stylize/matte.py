"""Find the person in single pictures of any size, or in the frames of a clip: more closely than live frames allow."""

from __future__ import annotations

import numpy as np

from stylecam.engines.base import Engine
from stylecam.media.frame import Image, Size
from stylecam.media.transforms import resize
from stylecam.stylize.mask import PersonMasker
from stylecam.stylize.postprocess.chain import FrameView
from stylecam.stylize.postprocess.compositor import Shares

LONGER_SIDE = 1024
"""The longer side, in pixels, of the copy in which the person is found and whose mask is refined from."""
_CLOSE_MARGIN = 0.15
"""Room around the person in the second look, as a share of the person's size."""
_CLOSE_BELOW = 0.6
"""A second look is taken where the first one needs less than this share of the picture."""
_FOUND = 128
_FRAME_S = 1 / 30
_MAX_REFINED_PIXELS = 16_000_000
"""A larger mask is enlarged without the picture's edges, whose search takes some thirty bytes a pixel."""


class Matte:
    """Finds the person with the shipped network. Used by one thread.

    A person who is small in the picture is looked at a second time, from close by.
    """

    def __init__(self, engine: Engine, *, steady: bool) -> None:
        """Run the network with `engine`; `steady` if the pictures are the frames of one clip, in their order."""
        self._masker = PersonMasker(engine)
        self._steady = steady
        self._now = 0.0

    def find(self, image: Image) -> Shares | None:
        """Return where the person is in `image` (H×W×3 uint8 BGR): H×W uint8, 255 on the person; None where in doubt.

        Raises:
            EngineError: the engine cannot load the network.
        """
        self._masker.prepare()
        self._now += _FRAME_S
        if self._steady:
            return self._look(image)
        self._masker.forget()
        share = self._look(image)
        place = None if share is None else _around(share)
        if share is None or place is None:
            return share
        self._masker.forget()
        close = self._look(image[place])
        if close is None:
            return share
        result = np.zeros_like(share)
        result[place] = close
        return result

    def forget(self) -> None:
        """Forget the frames before: another clip begins."""
        self._masker.forget()

    def _look(self, image: Image) -> Shares | None:
        height, width = image.shape[:2]
        factor = min(1.0, LONGER_SIDE / max(height, width))
        small = Size(max(1, round(width * factor)), max(1, round(height * factor)))
        view = FrameView(image, Size(width, height))
        found = self._masker.mask(view, small, self._now)
        if found is None:
            return None
        if height * width > _MAX_REFINED_PIXELS or small == (width, height):
            return resize(found.share, Size(width, height))
        return self._masker.enlarged(found, view.at(small), image)


def _around(share: Shares) -> tuple[slice, slice] | None:
    """Return the part of the picture that the person needs, with a margin; None for nobody, or for most of it."""
    rows, columns = (np.flatnonzero((share >= _FOUND).any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return None
    slices = []
    for found, length in zip((rows, columns), share.shape, strict=True):
        margin = round((found[-1] - found[0] + 1) * _CLOSE_MARGIN) + 1
        slices.append(slice(max(0, int(found[0]) - margin), min(length, int(found[-1]) + 1 + margin)))
    down, across = slices
    part = (down.stop - down.start) * (across.stop - across.start)
    return (down, across) if part < _CLOSE_BELOW * share.size else None
