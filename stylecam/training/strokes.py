"""The sizes of strokes in which each style is learned: one, or three of which the outer two have rows of their own.

The middle one is the mix that is seen most often. It is learned too, so that a mix of rows is a painting as good as
either (see `stylecam.models.brush`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from stylecam.media.frame import Image
from stylecam.models.brush import StrokeScales

RANGE = 2.53
"""How much larger a painting is when broad strokes are learned from it than when fine ones are."""
_BROAD_SHARES = np.array([0.0, 0.5, 1.0], np.float32)
_FREQUENCIES = np.array([0.2, 0.5, 0.3])

Numbers = npt.NDArray[np.int64]


class Painting(Protocol):
    """What a style is learned from."""

    @property
    def share(self) -> float:
        """How often it is drawn, 1 for an average one."""

    def read(self, scale: int, factor: float = 1.0) -> Image:
        """Return it with its short side at its own scale or else at `scale` pixels, times `factor`: H×W×3 uint8 BGR."""


def stroke_scales(scale: int) -> StrokeScales:
    """Return the short sides of a painting for a new bank whose middle strokes are learned at `scale` pixels."""
    return StrokeScales(round(scale / math.sqrt(RANGE)), round(scale * math.sqrt(RANGE)))


class StrokeTargets:
    """Everything that a bank is to paint: each style in each of its sizes of strokes, numbered.

    Args:
        paintings: the styles.
        scale: the short side, in pixels, of paintings without a scale of their own.
        scales: of a bank with two rows a style; None for one with a single size of strokes.
    """

    def __init__(self, paintings: Sequence[Painting], scale: int, scales: StrokeScales | None) -> None:
        self._paintings, self._scale, self._scales = paintings, scale, scales
        shares = np.array([painting.share for painting in paintings])
        self.sizes = 1 if scales is None else len(_FREQUENCIES)
        frequencies = np.outer(shares, [1.0] if scales is None else _FREQUENCIES).ravel()
        self._frequencies = frequencies / frequencies.sum()

    def read(self) -> list[Image]:
        """Return the painting of each target, H×W×3 uint8 BGR, at the size at which its strokes are learned.

        Raises:
            TrainingDataError: one cannot be read.
        """
        middle = 1.0 if self._scales is None else math.sqrt(self._scales.fine * self._scales.broad)
        sides = (1.0,) if self._scales is None else (self._scales.fine, middle, self._scales.broad)
        return [painting.read(self._scale, side / middle) for painting in self._paintings for side in sides]

    def draw(self, rng: np.random.Generator, count: int) -> Numbers:
        """Return the numbers of `count` random targets, drawn by the shares of their styles."""
        return rng.choice(len(self._frequencies), count, p=self._frequencies)

    def styles(self, targets: Numbers) -> Numbers:
        """Return the number of each target's style among the paintings."""
        return targets // self.sizes

    def broad_shares(self, targets: Numbers) -> npt.NDArray[np.float32]:
        """Return how much of each target's mix is the broad row, 0..1."""
        return _BROAD_SHARES[targets % self.sizes]
