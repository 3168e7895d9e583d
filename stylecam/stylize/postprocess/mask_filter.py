"""Steady the masks of one stream: calm where the camera's picture stands still, at once where it changes.

A recursive filter whose memory is decided by the camera's pictures, not by the masks. Where the camera sees what it saw
before, but for noise, a network's change of mind is no motion, and the mask follows slowly. Where the camera's picture
changes, the new mask passes untouched, so that it does not lag behind a moving hand. Where a whole area of the mask
changes, although the camera sees no change, the new mask passes as well.

A frame without a mask of its own gets the one before, moved by dense inverse search flow (Kroeger et al. 2016,
https://arxiv.org/abs/1603.03590) and, where the picture moves, made smaller: rather a rim of the person is taken for
room than some room for person. What no motion explains is room, and where that is much there is no such mask.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.media.frame import Image
from stylecam.stylize.postprocess.change_detection import Floats, NoiseEstimate, energy
from stylecam.stylize.postprocess.temporal_history import pixel_places, remapped

_SIDE = 128
"""Width and height of the pictures that are compared, in pixels; they are distorted as the network's input is."""
_KEPT = 0.85
"""The share of the mask before that stays where nothing moves."""
_MIN_NOISE = 0.5
"""The standard deviation of noise assumed even of a quieter camera, in levels of the compared pictures."""
_CHANGED = (2.5, 6.0)
"""A change of so many times the noise's variance begins to be, and surely is, more than noise."""
_AREA = (9, 9)
"""The area whose mean tells that a mask has changed as a whole, in pixels of the compared pictures."""
_AREA_CHANGED = (0.25, 0.5)
"""The change of an area's mean, of 1, that begins to pass, and surely passes."""
_NEIGHBOURS = np.ones((5, 5), np.uint8)
_RIM = 1
"""Pixels of the mask for each frame by which one that is carried on becomes smaller where the picture moves."""
_FLOW_ERROR = 0.5
"""Pixels of the compared pictures by which the flow may err before what it carries is given up."""
_MAX_UNEXPLAINED = 0.02
"""The largest share of the picture that no motion explains in a mask that is carried on."""

Mask = npt.NDArray[np.float32]
"""H×W float32: 1 where the person is, 0 where the room is."""


def seen_by(camera: Image) -> Floats:
    """Return the small picture, h×w×3 float32, by which the masks of `camera` (uint8 BGR) are steadied."""
    return np.asarray(cv2.resize(camera, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.float32)


class MaskFilter:
    """Steadies the masks of one stream, one after the other, on one thread."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._flow.setFinestScale(1)
        self._places = pixel_places((_SIDE, _SIDE))
        self.reset()

    def reset(self) -> None:
        """Forget the masks before: the next one passes untouched."""
        self._steady: Mask | None = None
        self._before = self._remembered = cast(Floats, np.empty(0, np.float32))
        self._noise = NoiseEstimate(_MIN_NOISE)
        self._age = 0

    def apply(self, mask: Mask, seen: Floats) -> Mask:
        """Steady `mask`, made of a picture of which `seen_by` made `seen`; the result is only to be read."""
        steady, self._age = self._steady, 0
        if steady is None or steady.shape != mask.shape:
            self._steady, self._before, self._remembered = mask, seen, seen.copy()
            return mask
        moving = self._moving(seen)
        difference = mask - steady
        area = cv2.blur(cv2.resize(difference, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), _AREA)
        taken = cast(Floats, 1 - _KEPT * (1 - np.maximum(moving, _span(np.abs(area), *_AREA_CHANGED))))
        self._remembered += (seen - self._remembered) * taken[..., None]
        self._steady = steady + difference * cv2.resize(taken, mask.shape[::-1])
        return self._steady

    def carry(self, seen: Floats) -> Mask | None:
        """Return the mask before as it is in a picture of which `seen_by` made `seen`; None if that cannot be told."""
        if self._steady is None:
            return None
        before = self._before
        moving = self._moving(seen)
        steady, kept = self._steady, None
        if moving.any():
            flow = self._flow.calc(_grey(seen), _grey(before), None)  # type: ignore[call-overload]
            flow *= moving[..., None]
            unexplained = moving * self._unexplained(seen, remapped(before, flow + self._places))
            if unexplained.mean() > _MAX_UNEXPLAINED:
                return None
            steady, kept = self._moved(steady, flow), 1 - unexplained
            self._remembered += (seen - self._remembered) * moving[..., None]
        self._steady, self._age = steady, self._age + 1
        if kept is None:
            return steady
        rim = 2 * _RIM * self._age + 1
        smaller = cv2.erode(steady, np.ones((rim, rim), np.uint8)) * cv2.resize(kept, steady.shape[::-1])
        return cast(Mask, steady + (smaller - steady) * cv2.resize(moving, steady.shape[::-1]))

    def _moving(self, seen: Floats) -> Floats:
        """Return where `seen` differs from what was remembered by more than noise explains, 0..1."""
        self._variance = 2 * self._noise.observe(seen - self._before)
        self._before = seen
        return cast(Floats, cv2.dilate(_span(energy(seen - self._remembered) / self._variance, *_CHANGED), _NEIGHBOURS))

    def _unexplained(self, seen: Floats, moved: Floats) -> Floats:
        """Return where `seen` differs from the picture before, `moved` by the flow, by more than noise and error."""
        grey = cv2.cvtColor(seen, cv2.COLOR_BGR2GRAY)
        across, down = (cv2.Sobel(grey, -1, dx, 1 - dx, scale=1 / 8) for dx in (1, 0))
        inexact = cv2.blur(across * across + down * down, (3, 3)) * _FLOW_ERROR**2
        return _span(cast(Floats, energy(seen - moved) / (self._variance + inexact)), *_CHANGED)

    def _moved(self, mask: Mask, flow: Floats) -> Mask:
        """Return `mask` moved by `flow`, which is in pixels of the compared pictures."""
        small = remapped(cv2.resize(mask, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), flow + self._places)
        still = cv2.resize(np.abs(flow).max(-1), mask.shape[::-1]) < 0.25
        return cast(Mask, np.where(still, mask, cv2.resize(small, mask.shape[::-1])))


def _grey(seen: Floats) -> Image:
    return cast(Image, cv2.convertScaleAbs(cv2.cvtColor(seen, cv2.COLOR_BGR2GRAY)))


def _span(values: Floats, none: float, all_: float) -> Floats:
    """Return 0 where `values` are `none` or less and 1 where they are `all_` or more, linear between."""
    return np.asarray(np.clip((values - none) / (all_ - none), 0, 1), np.float32)
