"""Let the picture follow the people in it: a part of the camera picture that glides, and rests while they do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stylecam.media.frame import Box, Size
from stylecam.stylize.room import Framing

MAX_ENLARGEMENT = 1.5
"""How much larger than in the whole picture anything is shown at most."""
MAX_SPEED = 0.25
"""How far the middle moves at most in a second, as a share of the whole picture's width or height; the region's width
and height, as shares of the whole ones, change as fast at most."""
RETURN_SPEED = 0.06
"""The same on the way back to the whole picture when nobody is there."""
STIFFNESS = 3.0
"""Of the critically damped spring, per second: it is almost there after two seconds."""
MAX_ACCELERATION = 2 * STIFFNESS * MAX_SPEED / math.e
"""In shares per second squared. It follows from the speed and the stiffness."""
LOST_S = 3.0
"""For so long a person who is no longer seen is taken to be where they were."""
_DEAD_ZONE = 0.1
"""People who move less than this share of the region do not move it."""
_SIZE_WEIGHT = 0.5
"""How much a change of the size counts against one of the place: noses come closer with every nod."""
_PATIENCE_S = 0.4
"""For so long they must have left the dead zone before the picture moves; gestures are shorter."""
_ARRIVED = 0.02
"""Having moved, the picture rests again when it is as close as this share."""
_AT_REST = 1e-4
"""Movements below this share of the picture, a tenth of a pixel, end."""
_LONGEST_STEP_S = 0.25
"""After a longer pause the picture goes on as if it had been this long."""

Position = npt.NDArray[np.float64]
"""x and y of the region's middle, in shares of the camera picture, and its size as a share of the largest one."""


@dataclass(frozen=True, slots=True)
class _Margins:
    """How much is shown around a face, in its heights and widths."""

    above: float
    below: float
    beside: float

    @property
    def eye_line(self) -> float:
        """Where the middle of a face is, as a share of the region's height from its top."""
        return (self.above + 0.5) / (self.above + 1 + self.below)


_MARGINS = {Framing.GENTLE: _Margins(1.1, 2.2, 1.3), Framing.CLOSE: _Margins(0.7, 1.1, 0.8)}


class Framer:
    """Chooses which part of the camera picture is shown, frame by frame.

    A target that moves at no more than `MAX_SPEED` is followed by a critically damped spring. So the region never moves
    faster, never accelerates by more than `MAX_ACCELERATION` and never swings past. The regions inside the picture are
    a convex set, and the spring takes averages of them, so it stays inside as well.
    """

    def __init__(self, shape: Size) -> None:
        """Choose regions of the shape of `shape`, the output's size."""
        self._shape = shape
        self._picture: Size | None = None
        self.forget()

    def forget(self) -> None:
        """Show the whole picture at once, for instance because another camera is used."""
        self._position = self._aim = self._target = _HOME
        self._velocity = np.zeros(3)
        self._following = False
        self._framing = Framing.OFF
        self._faces: Sequence[Box] = ()
        self._seen_at = self._inside_at = self._at = -math.inf

    def crop(self, faces: Sequence[Box], framing: Framing, picture: Size, now: float) -> Box | None:
        """Return which part of the camera picture to show; None for the largest in its middle.

        Args:
            faces: in the camera picture.
            framing: how closely to follow them.
            picture: the size of the camera picture.
            now: the time in seconds; never less than in the call before.
        """
        if picture != self._picture:
            self.forget()
            self._picture = picture
        step = min(max(0.0, now - self._at), _LONGEST_STEP_S) if self._at > -math.inf else 0.0
        self._at = now
        self._believe(faces, now)
        self._choose_target(framing, now)
        self._move(step, RETURN_SPEED if framing is not Framing.OFF and not self._faces else MAX_SPEED)
        return None if np.array_equal(self._position, _HOME) else self._region()

    def _believe(self, faces: Sequence[Box], now: float) -> None:
        """Take over where people are; a face less than before must be missing for a while."""
        if len(faces) >= len(self._faces) or now - self._seen_at > LOST_S:
            self._faces, self._seen_at = faces, now

    def _choose_target(self, framing: Framing, now: float) -> None:
        if framing is Framing.OFF or not self._faces:
            self._target, self._following, self._framing = _HOME, False, Framing.OFF
            return
        wanted = self._around(_MARGINS[framing])
        off = self._distance(wanted, self._target)
        if off <= _DEAD_ZONE:
            self._inside_at = now
        if framing is not self._framing or now - self._inside_at > _PATIENCE_S:
            self._framing, self._following = framing, True
        if self._following:
            self._target, self._inside_at = wanted, now
            self._following = self._distance(self._position, wanted) > _ARRIVED

    def _around(self, margins: _Margins) -> Position:
        """Return the position that shows all faces with `margins`, as far as the limits allow."""
        left = min(face.left - margins.beside * face.width for face in self._faces)
        right = max(face.right + margins.beside * face.width for face in self._faces)
        top = min(face.top - margins.above * face.height for face in self._faces)
        bottom = max(face.bottom + margins.below * face.height for face in self._faces)
        width, height = self._largest()
        size = min(max((right - left) / width, (bottom - top) / height, 1 / MAX_ENLARGEMENT), 1.0)
        # What is left over of the height is shared out above and below as the margins are.
        eyes = top + margins.eye_line * (bottom - top)
        middle = (left + right) / 2, eyes + (0.5 - margins.eye_line) * size * height
        reach = (1 - size * width) / 2, (1 - size * height) / 2
        x, y = (0.5 + min(max(at - 0.5, -far), far) for at, far in zip(middle, reach, strict=True))
        return np.array((x, y, size))

    def _move(self, seconds: float, speed: float) -> None:
        """Let `seconds` pass: move the aim towards the target, and the spring after the aim."""
        way = self._target - self._aim
        length = float(np.abs(way).max())
        pull = way * min(1.0, speed * seconds / length) if length else way
        ramp = pull / seconds if seconds else np.zeros(3)
        # The exact solution of x'' = k² (aim - x) - 2 k x' for an aim that moves evenly; `behind` is how far x is off
        # the even movement that it ends in.
        lag = 2 * ramp / STIFFNESS
        behind = self._position - self._aim + lag
        slope = self._velocity - ramp + STIFFNESS * behind
        decay = math.exp(-STIFFNESS * seconds)
        self._aim = self._aim + pull
        self._position = self._aim - lag + (behind + slope * seconds) * decay
        self._velocity = ramp + (slope - STIFFNESS * (behind + slope * seconds)) * decay
        away = np.abs(self._position - self._target).max()
        if away < _AT_REST and np.abs(self._velocity).max() < _AT_REST * STIFFNESS:
            self._position = self._aim = self._target
            self._velocity = np.zeros(3)

    def _distance(self, one: Position, other: Position) -> float:
        """Return how far two positions are apart, as a share of the region."""
        width, height = self._largest()
        across, down, size = np.abs(one - other) / other[2]
        return float(max(across / width, down / height, _SIZE_WEIGHT * size))

    def _region(self) -> Box:
        x, y, size = self._position
        width, height = (size * side for side in self._largest())
        return Box(_between(x - width / 2, 1 - width), _between(y - height / 2, 1 - height), width, height)

    def _largest(self) -> tuple[float, float]:
        """Return width and height of the largest region of the output's shape, in shares of the camera picture."""
        assert self._picture is not None
        ratio = self._shape.width * self._picture.height / (self._shape.height * self._picture.width)
        return min(1.0, ratio), min(1.0, 1 / ratio)


_HOME = np.array((0.5, 0.5, 1.0))


def _between(value: float, most: float) -> float:
    """Correct the last rounding error: return `value` if it is from 0 to `most`, which may be one below 0."""
    return float(max(0.0, min(value, most)))
