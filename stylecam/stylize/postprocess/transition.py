"""Change from one style to the next within a short time.

Within a network the style's values move (`Model.values`; Dumoulin 2017: a mix of instance-norm parameters is itself a
style), so every frame on the way is a styled picture, also where the rows of the style itself have changed. From one
style to two of the same bank (`Catalog.pair`) both sides start with the one before. Between networks the old picture
fades out over the new one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from stylecam.models.onnx.proto import FloatArray
from stylecam.models.style_mix import StyleMix

DURATION_S = 0.3
"""How long a change of style takes, in seconds."""


@dataclass(frozen=True, slots=True)
class TransitionStep:
    """How one frame takes part in a change of style.

    Attributes:
        values: the style, see `Model.values`.
        brush: the factor of the size of strokes.
        fading: 0..1, how much of the picture before the switch still lies over it.
        switch_count: counts the switches so far; a new number means that the picture before it is the last one.
    """

    values: FloatArray = field(compare=False)
    brush: float
    fading: float
    switch_count: int

    def paints_like(self, other: TransitionStep) -> bool:
        """Return whether both are the same style in strokes of the same size."""
        return self.brush == other.brush and np.array_equal(self.values, other.values)


class Transition:
    """Follows the requested mix and brush, one frame at a time. Times are seconds on the frames' clock."""

    def __init__(self, frame_s: float) -> None:
        self._frame_s = frame_s
        self._duration_s = max(frame_s, DURATION_S)
        self._mix: StyleMix | None = None
        nowhere = np.empty(0, np.float32)
        self._values, self._brush = _Path(nowhere, nowhere, 0.0), _Path(nowhere, nowhere, 0.0)
        self._crossing = False
        self._switch_count = 0

    def toward(self, mix: StyleMix, now: float, brush: float = 1.0) -> TransitionStep:
        """Return the step for the frame at time `now`, on the way to `mix` and `brush` since they were requested."""
        before, self._mix = self._mix, mix
        # The first frame after a change is already one frame's way along.
        begun, goal = now - self._frame_s, np.array([brush])
        if before is None:
            self._values, self._brush = _Path(mix.values, mix.values, now), _Path(goal, goal, now)
        elif mix != before:
            self._switch_count += 1
            reached = self._values.reached
            if mix.model.bank is not None and mix.model.bank.key == before.model.key:
                reached = np.tile(reached, 2)  # the same on the person and in the room is the same picture
            elif mix.model.key != before.model.key:
                self._crossing, self._brush = True, _Path(goal, goal, begun)
            self._values = _Path(mix.values if self._crossing else reached, mix.values, begun)
        if brush != self._brush.goal[0]:
            self._brush = _Path(self._brush.reached, goal, begun)
        eased = self._values.follow(now, self._duration_s)
        self._brush.follow(now, self._duration_s)
        fading = 1.0 - eased if self._crossing else 0.0
        self._crossing = self._crossing and eased < 1
        return TransitionStep(self._values.reached, float(self._brush.reached[0]), fading, self._switch_count)

    def reset(self) -> None:
        """Forget the change under way: the next style starts at once."""
        self._mix = None
        self._crossing = False


class _Path:
    """The way from `origin` to `goal` since `started_at`.

    Attributes:
        reached: where it has come to.
    """

    def __init__(self, origin: FloatArray, goal: FloatArray, started_at: float) -> None:
        self._origin, self.goal, self._started_at = origin, goal, started_at
        self.reached = origin

    def follow(self, now: float, duration_s: float) -> float:
        """Go on until `now`, and return the share of the way: fast at first, so that a key press shows at once."""
        progress = min(1.0, max(0.0, (now - self._started_at) / duration_s))
        eased = 1.0 - (1.0 - progress) ** 2
        self.reached = self.goal if eased == 1 else self._origin + (self.goal - self._origin) * np.float32(eased)
        return eased
