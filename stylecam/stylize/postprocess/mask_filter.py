"""Steady the masks of one stream: calm where the camera's picture stands still, at once where it changes.

A recursive filter whose memory is decided by the camera's pictures, not by the masks. Where the camera sees what it saw
before, but for noise, a network's change of mind is no motion, and the mask follows slowly. Where the camera's picture
changes, the new mask passes untouched, so that it does not lag behind a moving hand. Where a whole area of the mask
changes, although the camera sees no change, the new mask passes as well.

A frame without a mask of its own gets the one before, moved by dense inverse search flow (Kroeger et al. 2016,
https://arxiv.org/abs/1603.03590) and, where the picture moves, made smaller: rather a rim of the person is taken for
room than some room for person.
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

    def carry(self, seen: Floats) -> Mask:
        """Return the mask before as it may be in a picture of which `seen_by` made `seen`; there must have been one."""
        assert self._steady is not None
        before, self._age = self._before, self._age + 1
        moving = self._moving(seen)
        if moving.any():
            flow = self._flow.calc(_grey(seen), _grey(before), None)  # type: ignore[call-overload]
            self._steady = self._moved(self._steady, flow * moving[..., None])
            self._remembered += (seen - self._remembered) * moving[..., None]
        rim = 2 * _RIM * self._age + 1
        smaller = cv2.erode(self._steady, np.ones((rim, rim), np.uint8))
        return cast(Mask, self._steady + (smaller - self._steady) * cv2.resize(moving, self._steady.shape[::-1]))

    def _moving(self, seen: Floats) -> Floats:
        """Return where `seen` differs from what was remembered by more than noise explains, 0..1."""
        noise = self._noise.observe(seen - self._before)
        self._before = seen
        return cast(Floats, cv2.dilate(_span(energy(seen - self._remembered) / (2 * noise), *_CHANGED), _NEIGHBOURS))

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
