"""What to paint with: a style, or a blend of several, of one network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from stylecam.models.model import Model
from stylecam.models.onnx.proto import FloatArray


@dataclass(frozen=True)
class StyleMix:
    """What to paint with: one network and its style weights (one for a plain style, several for a blend).

    Attributes:
        model: the network.
        weights: one per style of the network, summing to 1; for a network of two styles (`Catalog.pair`) those of the
            person, then those of the room.
        label: how the user would write it, `starry_night` or `great_wave:0.6,the_scream:0.4`.
        blend: the names of the styles of a blend and their shares, in the order of `label`; empty for a plain style.
    """

    model: Model
    weights: tuple[float, ...]
    label: str
    blend: tuple[tuple[str, float], ...] = ()

    @property
    def shares(self) -> dict[str, float]:
        """Each style's name and its share; the shares are rounded to three digits, so they sum to about 1."""
        return dict(self.blend) or {self.label: 1.0}

    @cached_property
    def values(self) -> FloatArray:
        """What the weights stand for, see `Model.values`."""
        return self.model.values(self.weights)
