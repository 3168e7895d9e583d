"""What the user wants at this moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # `stylecam ctl` knows the actions without a picture library
    from stylecam.styles.catalogue import Mix

STEADINESS = 0.8
"""How much the stabiliser does unless told otherwise."""


@dataclass(frozen=True, slots=True)
class LiveState:
    """Everything that can be changed while stylecam runs; replaced whole, never changed in place.

    Attributes:
        mix: the style or blend; None for the plain camera picture.
        strength: 0..1, how much of the painting covers the camera picture.
        steadiness: 0..1, how much what does not move is kept from flickering.
        preserve_color: keep the camera's colours and take only light and dark of the painting.
        bypass: show the camera picture for a moment, keeping the style chosen.
        frozen: keep publishing the picture of the moment.
        resting: keep the camera off, whoever watches.
        mirror: publish left and right exchanged.
        scale: fixed processing size as a share of the output's, or None for the governor's choice.
        panic: show a still picture instead of anything else.
        cycle_s: seconds after which the next style comes by itself, or None.
        version: grows with each order.
    """

    mix: Mix | None
    strength: float = 1.0
    steadiness: float = STEADINESS
    preserve_color: bool = False
    bypass: bool = False
    frozen: bool = False
    resting: bool = False
    mirror: bool = False
    scale: float | None = None
    panic: bool = False
    cycle_s: float | None = None
    version: int = 0

    @property
    def label(self) -> str:
        """The style as users write it."""
        return "none" if self.mix is None else self.mix.label

    @property
    def paints(self) -> bool:
        """True if a network has to run for this state."""
        return self.mix is not None and not self.bypass and self.strength > 0

    @property
    def weights(self) -> dict[str, float]:
        """The styles painted with and their shares, which sum to about 1; empty for the plain camera."""
        if self.mix is None:
            return {}
        parts = [part.partition(":") for part in self.mix.label.split(",")]
        return {name: float(share or 1) for name, _, share in parts}

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
