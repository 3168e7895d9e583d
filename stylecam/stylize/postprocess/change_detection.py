"""Does the camera still see what was painted last? Then the painting need not be made again."""

from __future__ import annotations

import math

import cv2
import numpy as np

from stylecam.media.frame import Image
from stylecam.stylize.postprocess.noise_estimate import Floats, NoiseEstimate, energy

_WIDEST = 192
"""Pictures are halved until they are no wider, in pixels."""
_QUIETEST = 0.25
"""Noise assumed even of a camera that has less, in levels of the small picture."""
_SPOT = 5.0
"""A spot has changed if its change has so many times the variance that noise gives it."""
_AREA, _AREA_LEVELS, _AREA_DEVIATIONS = 9, 0.5, 7.0
"""A square of that side has changed if its mean has by so many levels and so many deviations of its noise's mean."""
_SETTLING = 10
"""Pictures alike in a row before the first is called unchanged: what was steadied while things moved comes to rest."""
_LONGEST = 30
"""Pictures called unchanged in a row. The next is painted; while nothing moves, steadying makes that unseen."""


class ChangeDetector:
    """Tells whether nothing has moved since the picture that was last called changed; sensor noise is no motion.

    In doubt a picture has changed. What is compared with stays the same while nothing changes, so what happens slowly
    (a turning head, dusk) adds up until it counts; small spots (a blinking eye) and wide areas (the light) are looked
    at apart. Painting once in a while ends whatever is too small to count. One stream, one thread.
    """

    def __init__(self) -> None:
        self._anchor: Floats | None = None
        self._before: Floats | None = None
        self._noise = NoiseEstimate(_QUIETEST)
        self._alike = self._unchanged = 0

    def unchanged(self, camera: Image) -> bool:
        """Whether `camera` (H×W×3 uint8 BGR, any size) need not be painted; never true of the first or another size."""
        now, before, anchor = _small(camera), self._before, self._anchor
        self._before = now
        if before is None or anchor is None or now.shape != anchor.shape:
            self._begin(now)
            return False
        noise = self._noise.observe(now - before)
        if _differ(now, anchor, noise):
            self._anchor, self._alike, self._unchanged = now, 0, 0
            return False
        self._alike += 1
        if self._alike < _SETTLING:
            return False
        if self._unchanged == _LONGEST:
            self._anchor, self._unchanged = now, 0
            return False
        self._unchanged += 1
        return True

    def _begin(self, now: Floats) -> None:
        self._anchor = now
        self._noise = NoiseEstimate(_QUIETEST)
        self._alike = self._unchanged = 0


def _small(camera: Image) -> Floats:
    small = camera
    while small.shape[1] > _WIDEST and small.shape[0] > 1:
        half = (small.shape[1] // 2, small.shape[0] // 2)
        small = np.asarray(cv2.resize(small, half, interpolation=cv2.INTER_AREA), np.uint8)
    return small.astype(np.float32)


def _differ(now: Floats, anchor: Floats, noise: Floats) -> bool:
    change = now - anchor
    if (energy(change) > _SPOT * 2 * noise).any():
        return True
    deviation = math.sqrt(2 * float(noise.mean())) / _AREA
    mean = cv2.blur(change, (_AREA, _AREA))
    return bool(max(mean.max(), -mean.min()) > _AREA_LEVELS + _AREA_DEVIATIONS * deviation)
