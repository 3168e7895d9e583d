"""What the user wants at this moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stylecam.stylize.look import DEFAULT_STEADINESS, Look

STEADINESS = DEFAULT_STEADINESS


@dataclass(frozen=True, slots=True)
class LiveState(Look):
    """Everything that can be changed while stylecam runs: the look, and what is published instead of it.

    Attributes:
        frozen: keep publishing the picture of the moment.
        resting: keep the camera off, whoever watches.
        panic: show a still picture instead of anything else.
        cycle_s: seconds after which the next style comes by itself, or None.
        version: grows with each order.
    """

    frozen: bool = False
    resting: bool = False
    panic: bool = False
    cycle_s: float | None = None
    version: int = 0

    def describe(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "version": self.version,
            "style": self.label,
            "weights": self.weights,
            "strength": self.strength,
            "steadiness": self.steadiness,
            "preserve_color": self.preserve_color,
            "bypass": self.bypass,
            "frozen": self.frozen,
            "resting": self.resting,
            "mirror": self.mirror,
            "scale": self.scale,
            "panic": self.panic,
            "cycle_s": self.cycle_s,
        }
