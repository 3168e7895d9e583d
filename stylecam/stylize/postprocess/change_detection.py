"""Tell whether the camera still sees what was styled last, and how much of a change is only sensor noise."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.media.frame import Image

Floats = npt.NDArray[np.float32]

_MAX_NOISE = 3.0
"""The largest standard deviation that is believed to be noise, in levels of a small picture."""
_QUIET_SHARE = 0.4
"""The share of the picture that is taken to be at rest, also while somebody moves in the rest of it."""
_RISE = 1.03
"""The factor by which a place's variance grows with a frame that shows more."""
_FALL = 0.94
"""The factor by which a place's variance shrinks with a frame that shows less."""
_MIN_LOCAL = 0.5
"""The least variance of a place, as a multiple of the whole picture's."""
_MAX_LOCAL = 4.0
"""The largest variance of a place, as a multiple of the whole picture's."""

_MAX_WIDTH = 192
"""Pictures are halved until they are no wider than this, in pixels."""
_MIN_NOISE = 0.25
"""The standard deviation of noise that is assumed even of a quieter camera, in levels of the small picture."""
_SPOT_VARIANCES = 5.0
"""A spot has changed if the energy of its change exceeds this many times the variance of noise."""
_AREA_SIDE = 9
"""The side of the squares whose mean is compared, in pixels of the small picture."""
_AREA_LEVELS = 0.5
"""The mean of a square has changed only if it differs by more than this many levels."""
_AREA_DEVIATIONS = 7.0
"""On top of `_AREA_LEVELS`, the mean must differ by this many standard deviations of the noise's mean."""
_SETTLING_FRAMES = 10
"""Pictures alike in a row before the first is called unchanged, so that what was steadied in motion comes to rest."""
_MAX_UNCHANGED = 30
"""Pictures called unchanged in a row. The next is styled; while nothing moves, the temporal filter hides that."""


def energy(change: Floats) -> Floats:
    """Return the mean square of `change` (h×w×3) over its colours and 3×3 neighbours: h×w."""
    squares = cv2.transform(cv2.multiply(change, change), np.full((1, 3), 1 / 3, np.float32))
    return np.asarray(cv2.blur(squares, (3, 3)), np.float32)


class NoiseEstimate:
    """Follows a camera's noise from the difference of consecutive pictures, place by place and over time.

    The picture's variance is a quantile, which motion in half of the picture does not reach. Around it each place has
    its own running quantile that grows slower than it shrinks, as a sigma-delta filter's does (Manzanera and Richefeu
    2007, https://doi.org/10.1016/j.patrec.2006.04.007): sensors are noisier in some tones than in others, and coded
    video is in some blocks. Nothing that moves for a while can make itself noise.
    """

    def __init__(self, min_deviation: float) -> None:
        """Assume at least the standard deviation `min_deviation`, in levels."""
        self._min_variance = min_deviation**2
        self._level = 0.0
        self._variance: Floats | None = None

    def observe(self, change: Floats) -> Floats:
        """Take in the difference of two consecutive pictures (h×w×3 float32).

        A picture that came twice says nothing.

        Returns:
            The variance of one picture's noise, h×w; only good until the next call.
        """
        observed = energy(change) / 2
        at = int(observed.size * _QUIET_SHARE)
        level = float(np.clip(np.partition(observed, at, axis=None)[at], self._min_variance, _MAX_NOISE**2))
        variance = self._variance
        if variance is None:
            self._level = level
            self._variance = variance = np.full(observed.shape, level, np.float32)
        elif observed.any():
            self._level = min(max(level, self._level * 0.9), self._level * 1.05)
            variance *= np.where(observed > variance, np.float32(_RISE), np.float32(_FALL))
            lowest = max(self._min_variance, self._level * _MIN_LOCAL)
            np.clip(variance, lowest, self._level * _MAX_LOCAL, out=variance)
        return variance


class ChangeDetector:
    """Tells whether nothing has moved since the picture last called changed; sensor noise is not motion.

    In doubt a picture has changed. The reference stays the same while nothing changes, so slow changes (a turning head,
    dusk) add up until they count. Small spots (a blinking eye) and wide areas (the light) are compared apart. Calling a
    picture changed once in a while ends whatever is too small to count. One stream, one thread.
    """

    def __init__(self) -> None:
        self._reference: Floats | None = None
        self._before: Floats | None = None
        self._noise = NoiseEstimate(_MIN_NOISE)
        self._alike = self._unchanged = 0

    def unchanged(self, camera: Image) -> bool:
        """Tell whether `camera` (H×W×3 uint8 BGR, any size) need not be styled.

        The first picture and one of another size than before always have changed.
        """
        now, before, reference = _shrink(camera), self._before, self._reference
        self._before = now
        if before is None or reference is None or now.shape != reference.shape:
            self._restart(now)
            return False
        noise = self._noise.observe(now - before)
        if _differ(now, reference, noise):
            self._reference, self._alike, self._unchanged = now, 0, 0
            return False
        self._alike += 1
        if self._alike < _SETTLING_FRAMES:
            return False
        if self._unchanged == _MAX_UNCHANGED:
            self._reference, self._unchanged = now, 0
            return False
        self._unchanged += 1
        return True

    def _restart(self, now: Floats) -> None:
        self._reference = now
        self._noise = NoiseEstimate(_MIN_NOISE)
        self._alike = self._unchanged = 0


def _shrink(camera: Image) -> Floats:
    small = camera
    while small.shape[1] > _MAX_WIDTH and small.shape[0] > 1:
        half = (small.shape[1] // 2, small.shape[0] // 2)
        small = np.asarray(cv2.resize(small, half, interpolation=cv2.INTER_AREA), np.uint8)
    return small.astype(np.float32)


def _differ(now: Floats, reference: Floats, noise: Floats) -> bool:
    change = now - reference
    if (energy(change) > _SPOT_VARIANCES * 2 * noise).any():
        return True
    deviation = math.sqrt(2 * float(noise.mean())) / _AREA_SIDE
    mean = cv2.blur(change, (_AREA_SIDE, _AREA_SIDE))
    return bool(max(mean.max(), -mean.min()) > _AREA_LEVELS + _AREA_DEVIATIONS * deviation)
