"""What every way of running a network promises."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from stylecam.styles.model import Model

Tensor = npt.NDArray[np.float32]
"""1×3×H×W float32, RGB, 0..1."""


class Session(ABC):
    """One network, loaded for one input size, used by one thread at a time."""

    @abstractmethod
    def run(self, image: Tensor, weights: tuple[float, ...], origin: tuple[int, int] = (0, 0)) -> Tensor:
        """Stylize `image` (1×3×H×W float32 RGB 0..1, of the session's size) with the style `weights`.

        `origin` says how many pixels down and right of a larger picture's corner a tile begins (multiples of 8).
        The result has the same shape and range and is only good until the next call.

        Raises:
            EngineRunError: the network failed.
        """


class Engine(ABC):
    """A library that runs networks, on one device.

    Attributes:
        name: what `--engine` calls it.
        device: what it really runs on: `cpu`, `cuda`, `cuda-fp16`, `opencl`.
        version: library and version, for the statistics.
    """

    name: str
    device: str
    version: str

    @abstractmethod
    def session(self, model: Model, width: int, height: int) -> Session:
        """Load `model` for images of `width`×`height`, both multiples of 8. Slow; call it off the hot path.

        Raises:
            EngineRunError: this engine cannot load it.
        """
