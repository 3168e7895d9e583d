"""Run networks with cv2.dnn on the CPU, CUDA or OpenCL, with OpenCV 4.10 to 5.x."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import cast

import cv2
import numpy as np

from stylecam.engines.base import (
    Engine,
    ExtraInputs,
    InferenceSession,
    Mask,
    StyleInput,
    aligned_session,
    check_constants,
    check_numbers,
)
from stylecam.engines.names import check_names
from stylecam.errors import EngineRunError, EngineUnavailableError
from stylecam.media.frame import Image
from stylecam.media.transforms import PackedTensor, Tensor, pack_pixels, packed_to_image
from stylecam.models.model import Model
from stylecam.models.rewrite.uint8_io import fold_conversions

_TARGETS = {
    "cpu": (cv2.dnn.DNN_BACKEND_OPENCV, cv2.dnn.DNN_TARGET_CPU),
    "cuda": (cv2.dnn.DNN_BACKEND_CUDA, cv2.dnn.DNN_TARGET_CUDA),
    "cuda-fp16": (cv2.dnn.DNN_BACKEND_CUDA, cv2.dnn.DNN_TARGET_CUDA_FP16),
    "opencl": (cv2.dnn.DNN_BACKEND_OPENCV, cv2.dnn.DNN_TARGET_OPENCL),
}

_PLACES = {"cuda": "CUDA/CUDA", "cuda-fp16": "CUDA/CUDA_FP16", "opencl": "OCV/OCL"}
"""What `cv2.dnn.Net.dump` calls the place of a layer that ran there."""

_CHECK_EVERY = 16
"""Check every `_CHECK_EVERY`-th row and column of a bank's result: NaN spreads over all of it with an instance norm."""


def available_devices() -> tuple[str, ...]:
    """Return the devices this OpenCV can really run networks on, best first; `cpu` is always among them."""
    found = []
    cuda = set(_available_targets(cv2.dnn.DNN_BACKEND_CUDA))
    if cv2.dnn.DNN_TARGET_CUDA in cuda:
        found.append("cuda")
    if cv2.dnn.DNN_TARGET_CUDA_FP16 in cuda:
        found.append("cuda-fp16")
    found.append("cpu")
    if cv2.ocl.haveOpenCL() and cv2.dnn.DNN_TARGET_OPENCL in _available_targets(cv2.dnn.DNN_BACKEND_OPENCV):
        found.append("opencl")
    return tuple(found)


class OpenCVEngine(Engine):
    """cv2.dnn on one device.

    OpenCV silently runs on the CPU when it lacks a device or does not trust it, so this class checks first, looks again
    where the layers of a network have run, and refuses. `device` is where networks really run.
    """

    name = "opencv"

    def __init__(self, device: str = "auto") -> None:
        """Use `device`, one of `names.DEVICES_OF`; `auto` is CUDA where it works, and otherwise the CPU.

        Raises:
            EngineUnavailableError: this OpenCV has no such device; the message says what to install.
            UsageError: there is no device of that name.
        """
        check_names(self.name, device)
        found = available_devices()
        if device != "auto" and device not in found:
            raise EngineUnavailableError(_missing(device))
        self.device = found[0] if device == "auto" else device
        self.version = f"OpenCV {cv2.__version__}"

    def session(self, model: Model, width: int, height: int) -> InferenceSession:
        """See `Engine.session`."""
        return aligned_session(model, width, height, lambda w, h: _OpenCVSession(model, w, h, self.device))


class _OpenCVSession(InferenceSession):
    """A bank is loaded in the form that is used first: whole for `run`, with packed pixels for `stylize`."""

    def __init__(self, model: Model, width: int, height: int, device: str) -> None:
        check_constants(model)
        self._model, self._device = model, device
        self._width, self._height = width, height
        folded = fold_conversions(model)
        self._folded = None if folded is None or folded.head_cell is None else folded
        if self._folded is None:
            self._whole  # noqa: B018 - no other form can be loaded later

    def run(
        self, image: Tensor, style: StyleInput, origin: tuple[int, int] = (0, 0), mask: Mask | None = None
    ) -> Tensor:
        return self._whole.run(image, style, origin, mask)

    def stylize(
        self, image: Image, style: StyleInput, origin: tuple[int, int] = (0, 0), mask: Mask | None = None
    ) -> Image:
        if self._folded is None:
            return super().stylize(image, style, origin, mask)
        pack_pixels(image, self._cells)
        styled = self._bare.run(self._cells, style, origin, mask)
        check_numbers(styled[0, :, ::_CHECK_EVERY, ::_CHECK_EVERY])
        return packed_to_image(styled)

    @cached_property
    def _whole(self) -> _OpenCVNetwork:
        data = self._model.with_input_size(self._width, self._height)
        shape = self._model.output_shape(self._width, self._height)
        return _OpenCVNetwork(self._model.path.name, data, shape, self._inputs(), self._device)

    @cached_property
    def _bare(self) -> _OpenCVNetwork:
        assert self._folded is not None
        data = self._folded.with_cell_input(self._width, self._height)
        shape = self._folded.output_shape(self._width, self._height)
        return _OpenCVNetwork(self._model.path.name, data, shape, self._inputs(), self._device)

    @cached_property
    def _cells(self) -> PackedTensor:
        assert self._folded is not None
        return np.empty(self._folded.input_shape(self._width, self._height), np.float32)

    def _inputs(self) -> ExtraInputs:
        return ExtraInputs(self._model, self._width, self._height)


class _OpenCVNetwork:
    """A network in cv2.dnn, loaded from the ONNX file `data`; its results must have `shape`."""

    def __init__(self, name: str, data: bytes, shape: tuple[int, ...], inputs: ExtraInputs, device: str) -> None:
        self._name, self._shape, self._inputs, self._device = name, shape, inputs, device
        self._placed = device == "cpu"
        buffer = np.frombuffer(data, np.uint8)
        try:
            # OpenCV 5's new engine runs on the CPU only; the classic one has CUDA and OpenCL, but 5.0.0 ignores that it
            # is asked for.
            classic = getattr(cv2.dnn, "ENGINE_CLASSIC", None)
            if classic is not None and device != "cpu":
                self._net = cv2.dnn.readNetFromONNX(buffer, engine=classic)  # type: ignore[call-overload]
            else:
                self._net = cv2.dnn.readNetFromONNX(buffer)
            backend, target = _TARGETS[device]
            self._net.setPreferableBackend(backend)
            self._net.setPreferableTarget(target)
        except cv2.error as error:
            raise EngineRunError(f"OpenCV {cv2.__version__} cannot load {self._name}: {_brief(error)}") from error

    def run(self, image: Tensor, style: StyleInput, origin: tuple[int, int], mask: Mask | None) -> Tensor:
        """Return the network's result; it is only good until the next call."""
        changed = self._inputs.changed(style, origin, mask)
        try:
            for name, values in changed.items():
                self._net.setInput(values, name)
            self._net.setInput(image, "image")
            styled = cast(Tensor, self._net.forward())
        except cv2.error as error:
            raise EngineRunError(f"OpenCV {cv2.__version__} cannot run {self._name}: {_brief(error)}") from error
        if not self._placed:
            self._check_place()
        if styled.shape != self._shape:
            raise EngineRunError(f"{self._name} gave shape {styled.shape} where {self._shape} was expected")
        return styled

    def _check_place(self) -> None:
        """Check after the first run that layers ran on the device: OpenCV itself only logs that they did not."""
        if _PLACES[self._device] not in self._net.dump():
            raise EngineRunError(
                f"OpenCV {cv2.__version__} ran {self._name} on the processor in place of {self._device}; use "
                f"--device cpu or, with OpenCV 5, set OPENCV_FORCE_DNN_ENGINE=1 in the environment"
            )
        self._placed = True


def _available_targets(backend: int) -> list[int]:
    try:
        return [int(target) for target in cv2.dnn.getAvailableTargets(backend)]
    except cv2.error:  # a build without that backend at all
        return []


def _missing(device: str) -> str:
    installed = f"OpenCV {cv2.__version__} for Python {sys.version_info.major}.{sys.version_info.minor}"
    if device == "opencl":
        return (
            f"--device opencl: the installed {installed} finds no graphics card with OpenCL; install its driver's "
            f"OpenCL runtime (Debian: intel-opencl-icd or mesa-opencl-icd), or use --device cpu"
        )
    return (
        f"--device {device}: the installed {installed} was built without CUDA (the packages on PyPI all are) or finds "
        f"no NVIDIA GPU; install an OpenCV built with WITH_CUDA and OPENCV_DNN_CUDA, or use --device cpu"
    )


def _brief(error: cv2.error) -> str:
    lines = [line.strip("> ") for line in str(getattr(error, "err", "") or error).splitlines()]
    return next((line[:300] for line in reversed(lines) if line), "no reason given")
