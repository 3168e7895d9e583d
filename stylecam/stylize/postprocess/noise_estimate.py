"""How much of what changes in a camera picture is only its sensor's noise: estimated, place by place."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

LOUDEST = 3.0
"""More is not believed to be noise: a standard deviation in levels, after averaging pixels to a small picture's."""
_SHARE = 0.4
"""That share of the picture is taken to be at rest, also while somebody moves in the rest of it."""
_RISE, _FALL = 1.03, 0.94
_BELOW, _ABOVE = 0.5, 4.0
"""A place's variance lies within these multiples of the picture's."""


def energy(change: Floats, spread: int = 3) -> Floats:
    """The mean square of `change` (h×w×3) over its colours and `spread`×`spread` neighbours: h×w."""
    squares = cv2.transform(cv2.multiply(change, change), np.full((1, 3), 1 / 3, np.float32))
    return np.asarray(cv2.blur(squares, (spread, spread)), np.float32)


class NoiseEstimate:
    """Follows a camera's noise from the difference of consecutive pictures, place by place and over time.

    The picture's variance is a quantile, which motion in half of the picture does not reach. Around it each place has
    its own, a running quantile that grows slower than it shrinks, as a sigma-delta filter's does (Manzanera and
    Richefeu 2007, https://doi.org/10.1016/j.patrec.2006.04.007): sensors are noisier in some tones than in others, and
    coded video is in some blocks. Nothing that moves for a while can make itself noise.
    """

    def __init__(self, quietest: float) -> None:
        """`quietest` is the least standard deviation that is assumed, in levels."""
        self._lowest = quietest**2
        self._level = 0.0
        self._variance: Floats | None = None

    def observe(self, change: Floats) -> Floats:
        """Take the difference of two consecutive pictures (h×w×3 float32); the variance of one picture's noise, h×w.

        A picture that came twice says nothing.
        """
        seen = energy(change) / 2
        at = int(seen.size * _SHARE)
        level = float(np.clip(np.partition(seen, at, axis=None)[at], self._lowest, LOUDEST**2))
        variance = self._variance
        if variance is None:
            self._level = level
            self._variance = variance = np.full(seen.shape, level, np.float32)
        elif seen.any():
            self._level = min(max(level, self._level * 0.9), self._level * 1.05)
            variance *= np.where(seen > variance, np.float32(_RISE), np.float32(_FALL))
            np.clip(variance, max(self._lowest, self._level * _BELOW), self._level * _ABOVE, out=variance)
        return variance
