"""Run networks with OpenVINO, on CPUs (in bfloat16 where they have it) and Intel's GPUs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from stylecam.engines.device_engine import Array, DeviceEngine, DeviceNetwork, load_library
from stylecam.engines.names import check_names
from stylecam.errors import EngineUnavailableError
from stylecam.utils.optional import error_summary
from stylecam.utils.resources import usable_cores

_ERRORS = (RuntimeError, ValueError, TypeError)  # what its Python binding raises for C++ exceptions


def available_devices() -> tuple[str, ...]:
    """Return the devices OpenVINO finds here: `cpu`, `cpu-bf16` where the CPU computes with bfloat16, `gpu`.

    Raises:
        EngineUnavailableError: it is not installed or cannot be loaded.
    """
    return _start()[1]


class _OpenVINONetwork(DeviceNetwork):
    """A network in OpenVINO."""

    _engine: OpenVINOEngine

    def _begin(self, opened: Any) -> None:
        self._request = opened
        self._kept: dict[str, Array] = {}
        output = opened.model_outputs[0]
        self._kind = output.get_element_type().to_dtype()
        self._shape = tuple(output.get_shape()) if output.get_partial_shape().is_static else None

    def _run(self, changed: dict[str, Array]) -> Array:
        for name, values in changed.items():
            self._kept[name] = np.ascontiguousarray(values)  # the tensor shares its memory
            self._request.set_tensor(name, self._engine.library.Tensor(self._kept[name], shared_memory=True))
        if self._shape is None:
            self._request.infer()
            return np.array(self._request.get_output_tensor(0).data)
        styled = np.empty(self._shape, self._kind)
        self._request.set_output_tensor(self._engine.library.Tensor(styled, shared_memory=True))
        self._request.infer()
        return styled


class OpenVINOEngine(DeviceEngine):
    """OpenVINO on one device.

    On a GPU it computes in half precision, which is its default there.
    """

    name = "openvino"
    network = _OpenVINONetwork
    errors = _ERRORS
    unpacks_pixels = True

    def __init__(self, device: str = "auto", threads: int | None = None) -> None:
        """Use `device`, one of `names.DEVICES_OF`, with `threads` on the CPU; None for one a core.

        `auto` is the CPU in full precision.

        Raises:
            EngineUnavailableError: the library or the device is not there; the message says what to install.
            UsageError: there is no device of that name.
        """
        check_names(self.name, device)
        self.library = load_library("openvino")
        self.version = f"OpenVINO {self.library.__version__.split('-')[0]}"
        self._core, found = _start()
        self.device = "cpu" if device == "auto" else device
        if self.device not in found:
            raise EngineUnavailableError(f"--device {self.device}: {self.version} {_MISSING[self.device]}")
        self._threads = threads or usable_cores()

    @property
    def on_cpu(self) -> bool:
        """See `DeviceEngine.on_cpu`."""
        return self.device != "gpu"

    def _open(self, data: bytes) -> Any:
        """Compile the network and return its `InferRequest`."""
        options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        where = "CPU" if self.on_cpu else "GPU"
        if self.on_cpu:
            options["INFERENCE_PRECISION_HINT"] = "bf16" if self.device == "cpu-bf16" else "f32"
            options["INFERENCE_NUM_THREADS"] = self._threads
            options["ENABLE_CPU_PINNING"] = False  # with pinning, a core that another program takes is waited for
        return self._core.compile_model(self._core.read_model(data), where, options).create_infer_request()


_MISSING = {
    "cpu": "finds no processor it can use; use --engine opencv",
    "cpu-bf16": "can compute with bfloat16 only on processors that have it, and this one has not; use --device cpu",
    "gpu": "finds no Intel GPU; install its OpenCL runtime (Debian: intel-opencl-icd), or use --device cpu",
}


def _start() -> tuple[Any, tuple[str, ...]]:
    """Return the library's core and the devices it finds."""
    library = load_library("openvino")
    try:
        core = _core(library.Core)
        names = {name.split(".")[0] for name in core.available_devices}
        found = ["cpu"] if "CPU" in names else []
        if found and "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            found.append("cpu-bf16")
    except _ERRORS as error:
        raise EngineUnavailableError(
            f"OpenVINO cannot be started: {error_summary(error)}; use --engine opencv"
        ) from error
    return core, (*found, *(["gpu"] if "GPU" in names else []))


@cache
def _core(make: Callable[[], Any]) -> Any:
    """Return the one core that lives as long as the process.

    Each core gives the thread that makes it another signal stack, and takes it away when it goes. With two that go in
    the order in which they came, the thread is left with a stack that is gone (2026.4) and dies of the next Ctrl-C.
    """
    return make()
