"""Steady the styled pictures where the camera's picture stands still.

A recursive filter over the styled pictures, as renderers smooth their frames over time (temporal antialiasing; Yang et
al. 2020, https://doi.org/10.1111/cgf.14018). The history of what was shown moves along with what moves, by dense
inverse search flow (Kroeger et al. 2016, https://arxiv.org/abs/1603.03590) on the camera's picture of a quarter the
size. Whether the history still fits is judged by the camera's pictures, not by the styled ones: a history of them is
kept and moved in the same way. Where the new camera picture differs from it by more than noise and inexact motion
explain, the new styled picture passes untouched. The rest of the history is held within the range of the new picture's
neighbourhood, and where a whole area is styled lighter or darker than before the new one passes, so nothing ghosts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from stylecam.media.frame import Image
from stylecam.stylize.postprocess.change_detection import Floats, NoiseEstimate, energy
from stylecam.stylize.postprocess.temporal_history import PaintingHistory, pixel_places, remapped

_MAX_KEPT = 0.95
"""The share of the history that stays, at full strength."""
_MIN_NOISE = 0.6
"""The standard deviation of noise assumed even of a quieter camera, in levels of the quarter-size picture."""
_CHANGED = (2.5, 6.0)
"""A change of so many times the noise's variance begins to be, and surely is, more than noise."""
_RESTYLED = (1.5, 4.0)
"""Levels by which an area's mean begins to be, and surely is, another: the network reacted to something nearby."""
_FLOW_ERROR = 0.35
"""Pixels of the quarter-size picture by which the flow may err before what it carries is given up."""
_FLOW_NOISE = 3.0
"""How many times the noise's variance a carried pixel may differ, on top of `_FLOW_ERROR`."""
_CUT = 0.65
"""When this share of the picture cannot be explained by what was before, it shows another scene."""
_FRACTIONS = 64
"""Fractions of a level to which means over four pixels are kept."""
_MIN_FLOW_SIDE = 24
"""Motion is not searched for in quarter-size pictures with a shorter side than this."""
_MIN_MOVING = 0.004
"""Where motion came from is not searched for when it fills a smaller share of the picture: it passes."""
_NEIGHBOURS = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class _QuarterView:
    """A camera picture at a quarter of the size: grey (uint8) to search for motion, colours (float32) to compare."""

    grey: Image
    colors: Floats

    @classmethod
    def at(cls, camera: Image) -> _QuarterView:
        height, width = camera.shape[:2]
        half = cv2.resize(camera, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA)
        quarter = (max(1, width // 4), max(1, height // 4))
        fractions = half.astype(np.uint16) * np.uint16(_FRACTIONS)
        colors = np.asarray(cv2.resize(fractions, quarter, interpolation=cv2.INTER_AREA), np.float32) / _FRACTIONS
        grey = cv2.convertScaleAbs(cv2.cvtColor(colors, cv2.COLOR_BGR2GRAY))
        return cls(cast(Image, grey), cast(Floats, colors))


class TemporalFilter:
    """Steadies the styled pictures of one stream, one after the other, on one thread."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._flow.setFinestScale(1)
        self._history: PaintingHistory | None = None
        self._before: _QuarterView | None = None
        self._camera_history = self._areas = self._uncertainty = cast(Floats, np.empty(0, np.float32))
        self.reset()

    def reset(self) -> None:
        """Forget the history: the next picture passes untouched."""
        self._before = None
        self._noise = NoiseEstimate(_MIN_NOISE)

    def apply(self, styled: Image, camera: Image, strength: float) -> Image:
        """Steady `styled` (h×w×3 uint8 BGR), the styled picture of `camera` (the same size), by `strength` 0..1.

        The first one, one of another size than before and one after a cut are returned as they are; so is any with
        strength 0, which also forgets the history. The result may be kept but not written into.
        """
        if strength <= 0:
            self.reset()
            return styled
        now, before = _QuarterView.at(camera), self._before
        history = self._history
        if before is None or history is None or history.shape != styled.shape:
            self.reset()
            self._restart(styled, now)
            return styled
        self._before = now
        noise = self._noise.observe(now.colors - before.colors) * (1 + self._uncertainty)
        change = energy(now.colors - self._camera_history)
        moving = unexplained = _beyond(change, noise)
        if moving.mean() > _MIN_MOVING and min(now.grey.shape) >= _MIN_FLOW_SIDE:
            change, inexact = self._carry(history, now, before, moving, change, noise)
            unexplained = np.minimum(moving, _beyond(change, noise + inexact))
        if unexplained.mean() > _CUT:
            self._restart(styled, now)
            return styled
        kept = strength * (1 - unexplained) * _MAX_KEPT
        self._camera_history += (now.colors - self._camera_history) * (1 - kept)[..., None]
        self._uncertainty = self._uncertainty * kept**2 + (1 - kept) ** 2
        areas = _areas(styled)
        restyled = _span(cv2.absdiff(areas, self._areas).max(2), *_RESTYLED)
        kept *= 1 - cv2.resize(restyled, kept.shape[::-1]) * (1 - moving)
        still = cv2.resize(kept * (1 - moving), areas.shape[1::-1])
        self._areas = areas + (self._areas - areas) * still[..., None]
        return history.blend(styled, kept)

    def _restart(self, styled: Image, now: _QuarterView) -> None:
        if self._history is None or self._history.shape != styled.shape:
            self._history = PaintingHistory(styled.shape)
            self._places = pixel_places(now.colors.shape)
        self._history.restart(styled)
        self._areas = _areas(styled)
        self._before, self._camera_history = now, now.colors.copy()
        self._uncertainty = np.ones(now.colors.shape[:2], np.float32)

    def _carry(
        self,
        history: PaintingHistory,
        now: _QuarterView,
        before: _QuarterView,
        moving: Floats,
        change: Floats,
        noise: Floats,
    ) -> tuple[Floats, Floats]:
        """Move the histories along with what moves, where that brings them nearer to the camera's picture.

        Returns:
            How far they are from it then, as `energy`, and how much of that an inexact motion explains.
        """
        flow = self._flow.calc(now.grey, before.grey, None)  # type: ignore[call-overload]
        candidate = energy(now.colors - remapped(self._camera_history, flow + self._places))
        carried = np.where(candidate < change, moving, np.float32(0))
        history.carry(flow * 4, carried)
        self._camera_history = remapped(self._camera_history, flow * carried[..., None] + self._places)
        grey = cv2.cvtColor(now.colors, cv2.COLOR_BGR2GRAY)
        across, down = (cv2.Sobel(grey, -1, dx, 1 - dx, scale=1 / 8) for dx in (1, 0))
        slope = cv2.blur(across**2 + down**2, (3, 3))
        return energy(now.colors - self._camera_history), cast(
            Floats, carried * (slope * _FLOW_ERROR**2 + noise * _FLOW_NOISE)
        )


def _beyond(change: Floats, noise: Floats) -> Floats:
    """Return where `change` is more than `noise` explains, 0..1; both are variances."""
    return cast(Floats, cv2.dilate(_span(change / noise, *_CHANGED), _NEIGHBOURS))


def _span(values: Floats, none: float, all_: float) -> Floats:
    """Return 0 where `values` are `none` or less and 1 where they are `all_` or more, linear between."""
    return np.asarray(np.clip((values - none) / (all_ - none), 0, 1), np.float32)


def _areas(styled: Image) -> Floats:
    """Return the means of areas much larger than strokes: an eighth of the size, each with its neighbours."""
    small = styled
    for _ in range(3):
        size = (max(1, small.shape[1] // 2), max(1, small.shape[0] // 2))
        small = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_AREA), np.uint8)
    return cast(Floats, cv2.blur(small.astype(np.float32), (3, 3)))
