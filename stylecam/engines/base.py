"""What every way of running a network promises."""

from __future__ import annotations

from abc import ABC, abstractmethod

from stylecam.frame import Image
from stylecam.styles.model import Model
from stylecam.tensor import Tensor, to_image, to_tensor


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

    def paint(self, image: Image, weights: tuple[float, ...], origin: tuple[int, int] = (0, 0)) -> Image:
        """The same for pictures: `image` and the result are H×W×3 uint8 BGR; the result belongs to the caller.

        Here by way of `run`; an engine overrides it where its own way is shorter. Rounding apart both give the same.

        Raises:
            EngineRunError: the network failed.
        """
        return to_image(self.run(to_tensor(image), weights, origin))


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
