"""What every way of running a network promises."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from stylecam.errors import EngineRunError
from stylecam.media.frame import Image
from stylecam.media.transforms import Tensor, to_image, to_tensor
from stylecam.models.model import Model
from stylecam.models.onnx import proto

_PROBE = 16
"""Every so many numbers of an answer it is looked at whether they are any."""


class InferenceSession(ABC):
    """One network, loaded for one input size, used by one thread at a time."""

    @abstractmethod
    def run(self, image: Tensor, weights: tuple[float, ...], origin: tuple[int, int] = (0, 0)) -> Tensor:
        """Stylize `image` (1×3×H×W float32 RGB 0..1, of the session's size) with the style `weights`.

        `origin` says how many pixels down and right of a larger picture's corner a tile begins (multiples of 8).
        The result has the same shape and range and is only good until the next call.

        Raises:
            EngineRunError: the network failed.
        """

    def stylize(self, image: Image, weights: tuple[float, ...], origin: tuple[int, int] = (0, 0)) -> Image:
        """The same for pictures: `image` and the result are H×W×3 uint8 BGR; the result belongs to the caller.

        Here by way of `run`; an engine overrides it where its own way is shorter. Rounding apart both give the same.

        Raises:
            EngineRunError: the network failed, or gave numbers that are none (NaN).
        """
        styled = self.run(to_tensor(image), weights, origin)
        check_numbers(styled)
        return to_image(styled)


class Engine(ABC):
    """A library that runs networks, on one device.

    Attributes:
        name: what `--engine` calls it.
        device: what it really runs on: `cpu`, `cpu-bf16`, `cuda`, `cuda-fp16`, `opencl`, `directml`, `coreml`, `gpu`.
        version: library and version, for the statistics.
        trouble: what went wrong with the device while it went on with the processor instead; None where nothing did.
    """

    name: str
    device: str
    version: str
    trouble: str | None = None

    @abstractmethod
    def session(self, model: Model, width: int, height: int) -> InferenceSession:
        """Load `model` for images of `width`×`height`, both multiples of 8. Slow; call it off the hot path.

        Raises:
            EngineRunError: this engine cannot load it.
        """


def check_constants(model: Model) -> None:
    """See that a network's own numbers are numbers: libraries make something of NaN, each something else.

    Raises:
        EngineRunError: they are not.
    """
    for part in proto.graph_fields(model.data):
        if part.number == proto.GRAPH_INITIALIZER:
            values = proto.read_float_tensor(part.data)
            if values is not None and np.isnan(values).any():
                name, _ = proto.read_tensor_header(part.data)
                raise EngineRunError(f"{model.path.name} is damaged: {name} holds numbers that are none (NaN)")


def check_numbers(styled: Tensor) -> None:
    """See that a network's answer holds numbers.

    NaN (of an overflow, or a division by nothing) spreads over all of a picture with the first instance norm, so a few
    places tell.

    Raises:
        EngineRunError: it does not.
    """
    if np.isnan(styled[0, :, ::_PROBE, ::_PROBE]).any():
        raise EngineRunError("the network gave numbers that are none (NaN); try another --engine or --device")
