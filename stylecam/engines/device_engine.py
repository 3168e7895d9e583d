"""Run networks with a library that handles uint8 well and has several devices; where one fails the CPU goes on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from stylecam.engines.base import (
    Engine,
    ExtraInputs,
    InferenceSession,
    Mask,
    StyleInput,
    aligned_session,
    check_constants,
)
from stylecam.errors import EngineRunError, EngineUnavailableError
from stylecam.media.frame import Image
from stylecam.media.transforms import Tensor, unpack_pixels
from stylecam.models.model import Model
from stylecam.models.rewrite.uint8_io import fold_conversions
from stylecam.utils.message import Message
from stylecam.utils.optional import error_summary, load

_CHECK_EVERY = 32
"""Look at every `_CHECK_EVERY`-th row and column to tell whether an image has one single colour."""

Array = npt.NDArray[Any]


class DeviceEngine(Engine):
    """A library that runs networks on the CPU and on other devices.

    Attributes:
        errors: the exceptions that the library raises.
        network: the class of its networks.
    """

    network: type[DeviceNetwork]
    errors: tuple[type[Exception], ...]

    @property
    @abstractmethod
    def on_cpu(self) -> bool:
        """Whether `device` is the CPU, in whatever precision: then there is nothing else to go on with."""

    @property
    @abstractmethod
    def unpacks_pixels(self) -> bool:
        """Whether the network itself unpacks its pixels, which some devices do faster than the caller."""

    def session(self, model: Model, width: int, height: int) -> InferenceSession:
        """See `Engine.session`."""
        return aligned_session(model, width, height, lambda w, h: Uint8Session(self, model, w, h))

    def open(self, data: bytes, name: str) -> Any:
        """Open the network of the ONNX file `data` on `device`, or on the CPU, which `device` then is.

        Raises:
            EngineRunError: the network called `name` cannot be loaded.
        """
        if not self.on_cpu:
            try:
                return self._open(data)
            except self.errors as error:
                self.fall_back_to_cpu(error_summary(error))
        try:
            return self._open(data)
        except self.errors as error:
            raise EngineRunError(f"{self.version} cannot load {name}: {error_summary(error)}") from error

    def fall_back_to_cpu(self, reason: str) -> None:
        """Use the CPU from now on."""
        self.trouble = Message(
            "{version} cannot use {device} ({reason}); going on with the processor",
            version=self.version,
            device=self.device,
            reason=reason,
        )
        self.device = "cpu"

    @abstractmethod
    def _open(self, data: bytes) -> Any:
        """Open the network on `device`; raises one of `errors`."""


class DeviceNetwork(ABC):
    """A network of a `DeviceEngine`. When the device fails it is opened again on the CPU, and no picture is lost."""

    def __init__(self, engine: DeviceEngine, data: bytes, model: Model, width: int, height: int) -> None:
        """Open the ONNX file `data`, a form of `model`.

        Raises:
            EngineRunError: it cannot be loaded.
        """
        self._engine, self._data, self._model, self._size = engine, data, model, (width, height)
        self._open()

    def run(self, image: Array, style: StyleInput, origin: tuple[int, int], mask: Mask | None) -> Array:
        """Return the network's result, which belongs to the caller.

        Raises:
            EngineRunError: the network failed on the CPU, or the mask is none of this picture.
        """
        changed = self._inputs.changed(style, origin, mask)
        try:
            return self._run({"image": image, **changed})
        except self._engine.errors as error:
            if self._last_resort:
                raise EngineRunError(
                    f"{self._engine.version} cannot run {self._model.path.name}: {error_summary(error)}"
                ) from error
            if self._engine.device == self._device:  # otherwise another network has met with it already
                self._engine.fall_back_to_cpu(error_summary(error))
        self._open()
        return self.run(image, style, origin, mask)

    def _open(self) -> None:
        opened = self._engine.open(self._data, self._model.path.name)
        self._device, self._last_resort = self._engine.device, self._engine.on_cpu
        self._inputs = ExtraInputs(self._model, *self._size)
        self._begin(opened)

    @abstractmethod
    def _begin(self, opened: Any) -> None:
        """Take over what `DeviceEngine.open` returned; it has none of its inputs yet."""

    @abstractmethod
    def _run(self, changed: dict[str, Array]) -> Array:
        """Run with the inputs of before, except for those that `changed`; raises one of the engine's errors."""


class Uint8Session(InferenceSession):
    """Runs our banks on uint8 pixels in `stylize`; `run` and other networks use the whole network."""

    def __init__(self, engine: DeviceEngine, model: Model, width: int, height: int) -> None:
        """Prepare for images of `width`×`height`.

        Raises:
            EngineRunError: the network cannot be loaded, or is damaged.
        """
        check_constants(model)
        self._engine, self._model, self._width, self._height = engine, model, width, height
        self._folded = fold_conversions(model)
        self._unpacked = engine.unpacks_pixels  # as it is now: falling back to the CPU must not change it
        self._single_color = False
        if self._folded is None:
            self._whole  # noqa: B018 - no other form can be loaded later

    def run(
        self, image: Tensor, style: StyleInput, origin: tuple[int, int] = (0, 0), mask: Mask | None = None
    ) -> Tensor:
        """See `InferenceSession.run`."""
        expected = self._model.output_shape(self._width, self._height)
        styled = self._whole.run(image, style, origin, mask)
        if styled.shape != expected:
            raise EngineRunError(f"{self._model.path.name} gave shape {styled.shape} where {expected} was expected")
        return cast(Tensor, styled)

    def stylize(
        self, image: Image, style: StyleInput, origin: tuple[int, int] = (0, 0), mask: Mask | None = None
    ) -> Image:
        """See `InferenceSession.stylize`."""
        if self._folded is None:
            return super().stylize(image, style, origin, mask)
        pixels = self._pixels.run(np.ascontiguousarray(image)[None], style, origin, mask)
        picture = cast(Image, pixels[0] if self._unpacked else unpack_pixels(pixels))
        self._check_single_color(picture, image, style, origin, mask)
        return picture

    def _check_single_color(
        self, picture: Image, image: Image, style: StyleInput, origin: tuple[int, int], mask: Mask | None
    ) -> None:
        """Check that an image of one single colour is not the result of NaN, which spreads over all of it."""
        probe = picture[::_CHECK_EVERY, ::_CHECK_EVERY]
        uniform = bool(probe.min() == probe.max())
        if uniform and not self._single_color:
            super().stylize(image, style, origin, mask)
        self._single_color = uniform  # is not checked again until another image comes

    @cached_property
    def _whole(self) -> DeviceNetwork:
        data = self._model.with_input_size(self._width, self._height)
        return self._engine.network(self._engine, data, self._model, self._width, self._height)

    @cached_property
    def _pixels(self) -> DeviceNetwork:
        assert self._folded is not None
        data = self._folded.with_uint8_input(self._width, self._height, unpack=self._unpacked)
        return self._engine.network(self._engine, data, self._model, self._width, self._height)


def load_library(engine: str) -> Any:
    """Import the library of `engine`, which has the engine's name.

    Raises:
        EngineUnavailableError: it is missing or broken; the message has the command that installs it.
    """
    return load(engine, purpose=f"--engine {engine}", extra=engine, error=EngineUnavailableError)
