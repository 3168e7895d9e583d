"""Paintings that stand still where the camera's picture does: temporal stabilisation.

A recursive filter over the paintings, as renderers smooth their frames over time (temporal antialiasing; Yang et al.
2020, https://doi.org/10.1111/cgf.14018). What was painted before is carried along with what moves, by dense inverse
search flow (Kroeger et al. 2016, https://arxiv.org/abs/1603.03590) on the camera's picture of a quarter the size.
Whether it still fits is seen in the camera's pictures, not in the paintings: a history of them is kept and carried in
the same way, and where the new one differs from it by more than noise and inexact motion explain, the new painting
passes untouched. What is left of the old one is held within the range of the new painting's neighbourhood, and where a
whole area is painted lighter or darker than before it passes, so nothing ghosts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from stylecam.media.frame import Image
from stylecam.stylize.postprocess.noise_estimate import Floats, NoiseEstimate, energy
from stylecam.stylize.postprocess.temporal_history import PaintingHistory, moved, places

_KEPT = 0.95
"""The share of what was painted before that stays, at full strength."""
_QUIETEST = 0.6
"""Noise assumed even of a camera that has less, in levels of the quarter-size picture: too little to see."""
_CHANGED = (2.5, 6.0)
"""A change of so many times the noise's variance begins to be, and surely is, more than noise."""
_REPAINTED = (1.5, 4.0)
"""Levels by which an area's mean begins to be, and surely is, another: the network saw something move nearby."""
_INEXACT, _UNSURE = 0.35, 3.0
"""By so many pixels of the quarter-size picture the flow may err before what it carries is given up, or so many times
the noise's variance."""
_CUT = 0.65
"""When that share of the picture cannot be explained by what was before, it shows another scene."""
_PARTS = 64
"""Of a level, which means over four pixels are kept to."""
_SMALLEST = 24
"""Quarter-size pictures with a shorter side are not searched for motion."""
_LITTLE = 0.004
"""Motion in a smaller share of the picture is not searched for where it came from: it passes."""
_NEIGHBOURS = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class _Glance:
    """A camera picture as motion is looked for in it, at a quarter of the size: grey (uint8), in colour (float32)."""

    grey: Image
    colors: Floats

    @classmethod
    def at(cls, camera: Image) -> _Glance:
        height, width = camera.shape[:2]
        half = cv2.resize(camera, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA)
        quarter = (max(1, width // 4), max(1, height // 4))
        parts = half.astype(np.uint16) * np.uint16(_PARTS)
        colors = np.asarray(cv2.resize(parts, quarter, interpolation=cv2.INTER_AREA), np.float32) / _PARTS
        grey = cv2.convertScaleAbs(cv2.cvtColor(colors, cv2.COLOR_BGR2GRAY))
        return cls(cast(Image, grey), cast(Floats, colors))


class TemporalFilter:
    """Stabilises the paintings of one stream, one after the other, on one thread."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._flow.setFinestScale(1)
        self._history: PaintingHistory | None = None
        self._before: _Glance | None = None
        self._seen = self._shown = self._uncertainty = cast(Floats, np.empty(0, np.float32))
        self.reset()

    def reset(self) -> None:
        """Forget what was painted: the next picture passes untouched."""
        self._before = None
        self._noise = NoiseEstimate(_QUIETEST)

    def apply(self, styled: Image, camera: Image, strength: float) -> Image:
        """The painting `styled` (h×w×3 uint8 BGR) of `camera` (the same size), steadied by `strength` 0..1.

        The first one, one of another size than before and one after a cut are returned as they are; so is any with
        strength 0, which also forgets what was before.
        """
        if strength <= 0:
            self.reset()
            return styled
        now, before = _Glance.at(camera), self._before
        history = self._history
        if before is None or history is None or history.shape != styled.shape:
            self.reset()
            self._begin(styled, now)
            return styled
        self._before = now
        noise = self._noise.observe(now.colors - before.colors) * (1 + self._uncertainty)
        change = energy(now.colors - self._seen)
        moving = strange = _beyond(change, noise)
        if moving.mean() > _LITTLE and min(now.grey.shape) >= _SMALLEST:
            change, inexact = self._carry(history, now, before, moving, change, noise)
            strange = np.minimum(moving, _beyond(change, noise + inexact))
        if strange.mean() > _CUT:
            self._begin(styled, now)
            return styled
        kept = strength * (1 - strange) * _KEPT
        self._seen += (now.colors - self._seen) * (1 - kept)[..., None]
        self._uncertainty = self._uncertainty * kept**2 + (1 - kept) ** 2
        areas = _areas(styled)
        repainted = _span(cv2.absdiff(areas, self._shown).max(2), *_REPAINTED)
        kept *= 1 - cv2.resize(repainted, kept.shape[::-1]) * (1 - moving)
        still = cv2.resize(kept * (1 - moving), areas.shape[1::-1])
        self._shown = areas + (self._shown - areas) * still[..., None]
        return history.mix(styled, kept)

    def _begin(self, styled: Image, now: _Glance) -> None:
        if self._history is None or self._history.shape != styled.shape:
            self._history = PaintingHistory(styled.shape)
            self._places = places(now.colors.shape)
        self._history.begin(styled)
        self._shown = _areas(styled)
        self._before, self._seen = now, now.colors.copy()
        self._uncertainty = np.ones(now.colors.shape[:2], np.float32)

    def _carry(
        self, history: PaintingHistory, now: _Glance, before: _Glance, moving: Floats, change: Floats, noise: Floats
    ) -> tuple[Floats, Floats]:
        """Move the histories along with what moves, where that brings them nearer to the camera's picture.

        Returns how far they are from it then, as `energy`, and how much of that an inexact motion explains.
        """
        way = self._flow.calc(now.grey, before.grey, None)  # type: ignore[call-overload]
        candidate = energy(now.colors - moved(self._seen, way + self._places))
        carried = np.where(candidate < change, moving, np.float32(0))
        history.carry(way * 4, carried)
        self._seen = moved(self._seen, way * carried[..., None] + self._places)
        grey = cv2.cvtColor(now.colors, cv2.COLOR_BGR2GRAY)
        across, down = (cv2.Sobel(grey, -1, dx, 1 - dx, scale=1 / 8) for dx in (1, 0))
        slope = cv2.blur(across**2 + down**2, (3, 3))
        return energy(now.colors - self._seen), cast(Floats, carried * (slope * _INEXACT**2 + noise * _UNSURE))


def _beyond(change: Floats, noise: Floats) -> Floats:
    """Where `change` is more than `noise`, of which both are variances: 0..1."""
    return cast(Floats, cv2.dilate(_span(change / noise, *_CHANGED), _NEIGHBOURS))


def _span(values: Floats, none: float, all_: float) -> Floats:
    """0 where `values` are `none` or less, 1 where they are `all_` or more."""
    return np.asarray(np.clip((values - none) / (all_ - none), 0, 1), np.float32)


def _areas(painting: Image) -> Floats:
    """The means of areas much larger than strokes: an eighth of the size, each with its neighbours."""
    small = painting
    for _ in range(3):
        size = (max(1, small.shape[1] // 2), max(1, small.shape[0] // 2))
        small = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_AREA), np.uint8)
    return cast(Floats, cv2.blur(small.astype(np.float32), (3, 3)))
