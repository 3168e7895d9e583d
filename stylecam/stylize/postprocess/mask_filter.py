"""Steady the masks of one stream: calm where the camera's picture stands still, at once where it changes.

A recursive filter whose memory is decided by the camera's pictures, not by the masks. Where the camera sees what it saw
before, but for noise, a network's change of mind is no motion, and the mask follows slowly. Where the camera's picture
changes, the new mask passes untouched, so that it does not lag behind a moving hand. Where a whole area of the mask
changes, although the camera sees no change, the new mask passes as well.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.media.frame import Image
from stylecam.stylize.postprocess.change_detection import Floats, NoiseEstimate, energy

SIDE = 128
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

Mask = npt.NDArray[np.float32]
"""H×W float32: 1 where the person is, 0 where the room is."""


class MaskFilter:
    """Steadies the masks of one stream, one after the other, on one thread."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the masks before: the next one passes untouched."""
        self._steady: Mask | None = None
        self._before = self._remembered = cast(Floats, np.empty(0, np.float32))
        self._noise = NoiseEstimate(_MIN_NOISE)

    def apply(self, mask: Mask, camera: Image) -> Mask:
        """Steady `mask`, which was made of `camera` (h×w×3 uint8 BGR, both of the network's size).

        Returns:
            The mask, which may be kept but not written into.
        """
        now = np.asarray(cv2.resize(camera, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32)
        before, steady, self._before = self._before, self._steady, now
        if steady is None or steady.shape != mask.shape:
            self._steady, self._remembered = mask, now.copy()
            return mask
        noise = self._noise.observe(now - before)
        changed = _span(energy(now - self._remembered) / (2 * noise), *_CHANGED)
        moving = cv2.dilate(changed, _NEIGHBOURS)
        difference = mask - steady
        area = cv2.blur(cv2.resize(difference, (SIDE, SIDE), interpolation=cv2.INTER_AREA), _AREA)
        passed = np.maximum(moving, _span(np.abs(area), *_AREA_CHANGED))
        taken = cast(Floats, 1 - _KEPT * (1 - passed))
        self._remembered += (now - self._remembered) * taken[..., None]
        larger = cv2.resize(taken, mask.shape[::-1], interpolation=cv2.INTER_LINEAR)
        self._steady = steady + difference * larger
        return self._steady


def _span(values: Floats, none: float, all_: float) -> Floats:
    """Return 0 where `values` are `none` or less and 1 where they are `all_` or more, linear between."""
    return np.asarray(np.clip((values - none) / (all_ - none), 0, 1), np.float32)
