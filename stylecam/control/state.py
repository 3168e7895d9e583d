"""What the user wants at this moment."""

from __future__ import annotations

from dataclasses import dataclass

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
        bypass: show the camera picture for a moment, keeping the style chosen.
        frozen: keep publishing the picture of the moment.
        resting: keep the camera off, whoever watches.
        mirror: publish left and right exchanged.
        scale: fixed processing size as a share of the output's, or None for the governor's choice.
        version: grows with each change.
    """

    mix: Mix | None
    strength: float = 1.0
    steadiness: float = STEADINESS
    bypass: bool = False
    frozen: bool = False
    resting: bool = False
    mirror: bool = False
    scale: float | None = None
    version: int = 0

    @property
    def label(self) -> str:
        """The style as users write it."""
        return "none" if self.mix is None else self.mix.label

    @property
    def paints(self) -> bool:
        """True if a network has to run for this state."""
        return self.mix is not None and not self.bypass and self.strength > 0
