"""Tell whether a person mask can be believed, by its numbers and by what the camera has seen since the last one.

A network that fails need not say so: it may return numbers that are none, or that say nobody is there, or everybody
everywhere. Somebody who leaves or comes changes the camera's picture; a network that changes its mind does not.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.stylize.postprocess.change_detection import Floats
from stylecam.stylize.postprocess.mask_filter import Mask

_ROUNDING = 0.01
"""By how much shares may lie outside 0 and 1: engines round, and ONNX Runtime returns 1.0000001."""
_MAX_AROUND = 0.8
"""The largest share of the left, top and right edges together that a person fills: on 484 photographs 0.66.

Where it is more, everything, or the room, is taken for the person.
"""
_UNDECIDED, _MAX_UNDECIDED = (0.2, 0.8), 0.4
"""The share of the picture that may lie between these two, which is neither person nor room."""
_CELLS = 32
"""Rows and columns of the cells whose mean colours tell whether the camera has seen a change."""
_CELL_LEVELS = 8.0
"""Levels by which a cell's mean changes, in any colour, when somebody comes or leaves."""
_MIN_PERSON = 0.01
"""The share of the picture from which on a person counts, who cannot vanish."""
_VANISHED = 0.2
"""A person of whom less than this share is left has vanished."""
_MAX_APPEARED = 0.15
"""The share of the picture that may become person although the camera saw no change there."""
_PERSISTENT_S = 0.5
"""Seconds after which what appeared without a change is believed."""

_Flags = npt.NDArray[np.bool_]


class MaskDoubt:
    """Judges the masks of one stream, one after the other. Used by one thread; times are clock seconds."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget the masks before: the next one is judged by its numbers alone."""
        self._person: _Flags | None = None
        self._cells = cast(Floats, np.empty(0, np.float32))
        self._appeared_at: float | None = None

    def believes(self, mask: Mask, seen: Floats, now: float) -> bool:
        """Return whether `mask` can be believed.

        Args:
            mask: what the network returned, h×w.
            seen: the camera's picture of it, see `mask_filter.seen_by`.
            now: the frame's time.
        """
        appeared_at, self._appeared_at = self._appeared_at, None
        if not _is_a_mask(mask):
            return False
        cells = np.asarray(cv2.resize(seen, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA), np.float32)
        person = cv2.resize(mask, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA) > 0.5
        if self._person is not None:
            unchanged = np.abs(cells - self._cells).max(-1) < _CELL_LEVELS
            if _vanished(self._person, person, unchanged):
                return False
            appeared = person & unchanged & (cv2.dilate(np.uint8(self._person), np.ones((3, 3), np.uint8)) == 0)
            if appeared.mean() > _MAX_APPEARED:
                self._appeared_at = now if appeared_at is None else appeared_at
                if now - self._appeared_at < _PERSISTENT_S:
                    return False
        self._person, self._cells = person, cells
        return True


def _is_a_mask(mask: Mask) -> bool:
    if not np.isfinite(mask).all() or mask.min() < -_ROUNDING or mask.max() > 1 + _ROUNDING:
        return False
    around = np.concatenate([mask[0], mask[:, 0], mask[:, -1]])
    if (around > 0.5).mean() > _MAX_AROUND:
        return False
    undecided = (mask > _UNDECIDED[0]) & (mask < _UNDECIDED[1])
    return bool(undecided.mean() <= _MAX_UNDECIDED)


def _vanished(before: _Flags, person: _Flags, unchanged: _Flags) -> bool:
    """Return whether most of a person is gone, although the camera sees the same where most of that was."""
    if before.mean() < _MIN_PERSON or (before & person).sum() >= _VANISHED * before.sum():
        return False
    return bool(unchanged[before & ~person].mean() > 0.5)
