"""Engines whose device may fail: they go on with the processor, and say why."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from stylecam.engines.base import Engine, InferenceSession
from stylecam.engines.extra_inputs import ExtraInputs
from stylecam.engines.uint8_session import Array, Loader, Net, Uint8Session
from stylecam.errors import EngineRunError, EngineUnavailableError
from stylecam.models.model import Model
from stylecam.utils.optional import error_summary, load


def load_library(engine: str) -> Any:
    """Import the library of `engine`, which has the engine's name.

    Raises:
        EngineUnavailableError: it is missing or broken; the message has the command that installs it.
    """
    return load(engine, purpose=f"--engine {engine}", extra=engine, error=EngineUnavailableError)


class DeviceEngine(Engine, Loader):
    """A library that runs networks on the processor and on other devices.

    Attributes:
        errors: what the library raises.
    """

    errors: tuple[type[Exception], ...]

    @property
    @abstractmethod
    def on_cpu(self) -> bool:
        """True where `device` is the processor, in whatever precision: there is nothing else to go on with then."""

    def session(self, model: Model, width: int, height: int) -> InferenceSession:
        """See `Engine.session`."""
        return Uint8Session(self, model, width, height)

    def open(self, data: bytes, name: str) -> Any:
        """What runs the network of the ONNX file `data` on `device`, or on the processor, which `device` then is.

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
        """Use the processor from now on."""
        self.trouble = f"{self.version} cannot use {self.device} ({reason}); going on with the processor"
        self.device = "cpu"

    @abstractmethod
    def _open(self, data: bytes) -> Any:
        """The network on `device`; raises one of `errors`."""


class DeviceNet(Net):
    """A network of a `DeviceEngine`; when the device fails it is opened anew, and the picture at hand is not lost."""

    def __init__(self, engine: DeviceEngine, data: bytes, model: Model, width: int, height: int) -> None:
        """Opens it; raises EngineRunError where it cannot be loaded."""
        self._engine, self._data, self._model, self._size = engine, data, model, (width, height)
        self._open()

    def run(self, image: Array, weights: tuple[float, ...], origin: tuple[int, int]) -> Array:
        """See `Net.run`."""
        try:
            return self._run({"image": image, **self._inputs.changed(weights, origin)})
        except self._engine.errors as error:
            if self._last_resort:
                raise EngineRunError(
                    f"{self._engine.version} cannot run {self._model.path.name}: {error_summary(error)}"
                ) from error
            if self._engine.device == self._device:  # else another network has met with it already
                self._engine.fall_back_to_cpu(error_summary(error))
        self._open()
        return self.run(image, weights, origin)

    def _open(self) -> None:
        opened = self._engine.open(self._data, self._model.path.name)
        self._device, self._last_resort = self._engine.device, self._engine.on_cpu
        self._inputs = ExtraInputs(self._model, *self._size)
        self._begin(opened)

    @abstractmethod
    def _begin(self, opened: Any) -> None:
        """Take what `DeviceEngine.open` gave; it knows none of its inputs yet."""

    @abstractmethod
    def _run(self, changed: dict[str, Array]) -> Array:
        """The answer to the inputs of before, but for those that have `changed`; raises one of the engine's errors."""
