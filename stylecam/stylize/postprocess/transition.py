"""Change from one style to the next within a short time.

Within a bank the weight vector moves (Dumoulin 2017: a mix of instance-norm parameters is itself a style), so every
frame on the way is a styled picture. Between networks the old picture fades out over the new one.
"""

from __future__ import annotations

from dataclasses import dataclass

from stylecam.models.catalog import StyleMix

DURATION_S = 0.3
"""How long a change of style takes, in seconds."""


@dataclass(frozen=True, slots=True)
class TransitionStep:
    """How one frame takes part in a change of style.

    Attributes:
        weights: the style weights.
        brush: the factor of the size of strokes.
        fading: 0..1, how much of the picture before the switch still lies over it.
        switch_count: counts the switches so far; a new number means that the picture before it is the last one.
    """

    weights: tuple[float, ...]
    brush: float
    fading: float
    switch_count: int


class Transition:
    """Follows the requested mix, one frame at a time. Times are seconds on the frames' clock."""

    def __init__(self, frame_s: float) -> None:
        self._frame_s = frame_s
        self._duration_s = max(frame_s, DURATION_S)
        self._target: tuple[StyleMix, float] | None = None
        self._origin: tuple[float, ...] = ()  # the weights and the brush
        self._reached: tuple[float, ...] = ()
        self._started_at = 0.0
        self._crossing = False
        self._switch_count = 0

    def toward(self, mix: StyleMix, now: float, brush: float = 1.0) -> TransitionStep:
        """Return the step for the frame at time `now`, on the way to `mix` and `brush` since they were requested."""
        goal = (*mix.weights, brush)
        if self._target is None:
            self._origin = goal
            self._target, self._started_at = (mix, brush), now - self._duration_s
        elif (mix, brush) != self._target:
            before = self._target[0]
            self._switch_count += mix != before
            self._crossing = self._crossing or mix.model.key != before.model.key
            self._origin = goal if self._crossing else self._reached
            # The first frame after a switch is already one frame's way along.
            self._target, self._started_at = (mix, brush), now - self._frame_s
        progress = min(1.0, max(0.0, (now - self._started_at) / self._duration_s))
        eased = 1.0 - (1.0 - progress) ** 2  # fast at first, so that a key press shows at once
        self._reached = tuple(a + (b - a) * eased for a, b in zip(self._origin, goal, strict=True))
        fading = 1.0 - eased if self._crossing else 0.0
        self._crossing = self._crossing and progress < 1
        return TransitionStep(self._reached[:-1], self._reached[-1], fading, self._switch_count)

    def reset(self) -> None:
        """Forget the change under way: the next style starts at once."""
        self._target = None
        self._crossing = False
