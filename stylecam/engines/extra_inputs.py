"""What a network is told beside the picture: the weights of its styles, and the grain of a place."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stylecam.models.grain import CELL_SIZE, grain_map
from stylecam.models.model import Model

Values = npt.NDArray[np.float32]

_NOTHING = 1e-6
"""Less of a style cannot be seen. Numbers below 1e-38 (denormals) would slow some processors down; the libraries' own
way to prevent that also changes how the calling thread computes from then on."""


class ExtraInputs:
    """The inputs `style` and `grain` of a network for one size, made anew only where they change."""

    def __init__(self, model: Model, width: int, height: int) -> None:
        """For pictures of `width`×`height`, both multiples of 8."""
        self._has_style, self._channels = model.has_style_input, model.grain_channels
        self._rows, self._columns = height // CELL_SIZE, width // CELL_SIZE
        self._weights: tuple[float, ...] | None = None
        self._origin: tuple[int, int] | None = None

    def changed(self, weights: tuple[float, ...], origin: tuple[int, int]) -> dict[str, Values]:
        """Those that differ from the ones before, by name: at first all there are.

        `origin` is in pixels, down and right; see `InferenceSession.run`.
        """
        found = {}
        if self._has_style and weights != self._weights:
            values = np.asarray([weights], np.float32)
            found["style"] = np.where(np.abs(values) < _NOTHING, np.float32(0), values)
            self._weights = weights
        if self._channels and origin != self._origin:
            top, left = (pixels // CELL_SIZE for pixels in origin)
            found["grain"] = grain_map(self._channels, self._rows, self._columns, top, left)
            self._origin = origin
        return found
