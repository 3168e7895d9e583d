"""What the picture should look like: the value that settings, presets and the live state share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # `stylecam ctl` knows the actions without a picture library
    from stylecam.models.catalog import StyleMix

DEFAULT_STEADINESS = 0.8


@dataclass(frozen=True, slots=True)
class Look:
    """How frames are painted; replaced whole, never changed in place.

    Attributes:
        mix: the style or blend; None for the plain camera picture.
        strength: 0..1, how much of the painting covers the camera picture.
        steadiness: 0..1, how strongly what does not move is kept from flickering.
        preserve_color: keep the camera's colours and take only light and dark of the painting.
        bypass: show the camera picture for a moment, keeping the chosen style.
        mirror: publish left and right exchanged.
        scale: fixed processing size as a share of the output's, or None for the governor's choice.
    """

    mix: StyleMix | None
    strength: float = 1.0
    steadiness: float = DEFAULT_STEADINESS
    preserve_color: bool = False
    bypass: bool = False
    mirror: bool = False
    scale: float | None = None

    @property
    def label(self) -> str:
        """The style as users write it."""
        return "none" if self.mix is None else self.mix.label

    @property
    def paints(self) -> bool:
        """True if a network has to run for this look."""
        return self.mix is not None and not self.bypass and self.strength > 0

    @property
    def weights(self) -> dict[str, float]:
        """The styles painted with and their shares, which sum to about 1; empty for the plain camera."""
        if self.mix is None:
            return {}
        parts = [part.partition(":") for part in self.mix.label.split(",")]
        return {name: float(share or 1) for name, _, share in parts}
