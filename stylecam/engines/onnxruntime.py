"""Run networks with ONNX Runtime, with its providers for the CPU, CUDA, DirectML and CoreML."""

from __future__ import annotations

import contextlib
import io
from functools import cache
from typing import Any

from stylecam.engines.device_engine import Array, DeviceEngine, DeviceNetwork, load_library
from stylecam.engines.names import check_names
from stylecam.errors import EngineUnavailableError
from stylecam.utils.resources import usable_cores

_PROVIDERS: dict[str, tuple[str, dict[str, str]]] = {
    # Trying all of cuDNN's algorithms takes seconds for each size; TF32 would round to 10 bits.
    "cuda": ("CUDAExecutionProvider", {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}),
    "directml": ("DmlExecutionProvider", {}),
    "coreml": ("CoreMLExecutionProvider", {"ModelFormat": "MLProgram", "RequireStaticInputShapes": "1"}),
    "cpu": ("CPUExecutionProvider", {}),
}
_PACKAGES = {"cuda": "onnxruntime-gpu[cuda,cudnn]", "directml": "onnxruntime-directml", "coreml": "onnxruntime"}
_LOG_FATAL = 4
"""ONNX Runtime's severity that logs nothing but fatal errors."""


def available_devices() -> tuple[str, ...]:
    """Return the devices this ONNX Runtime was built for, best first; loading a network shows whether one is there.

    Raises:
        EngineUnavailableError: it is not installed or cannot be loaded.
    """
    built_for = set(load_library("onnxruntime").get_available_providers())
    return tuple(device for device, (provider, _) in _PROVIDERS.items() if provider in built_for)


class _OnnxRuntimeNetwork(DeviceNetwork):
    """A network in ONNX Runtime."""

    _engine: OnnxRuntimeEngine

    def _begin(self, opened: Any) -> None:
        self._session = opened
        self._fed: dict[str, Array] = {}
        self._bound = _Bound(self._engine, opened, self._model.output) if self._device == "cuda" else None

    def _run(self, changed: dict[str, Array]) -> Array:
        if self._bound is not None:
            return self._bound.run(changed)
        self._fed.update(changed)
        styled: Array = self._session.run([self._model.output], self._fed)[0]
        return styled


class _Bound:
    """Keeps inputs and output of a CUDA network in the card's memory and copies only what is new."""

    def __init__(self, engine: OnnxRuntimeEngine, session: Any, output: str) -> None:
        self._engine, self._session = engine, session
        self._binding = session.io_binding()
        self._binding.bind_output(output, "cuda", 0)
        self._there: dict[str, Any] = {}

    def run(self, changed: dict[str, Array]) -> Array:
        for name, values in changed.items():
            if name in self._there:
                self._there[name].update_inplace(values)
            else:
                self._there[name] = self._engine.on_device(values)
                self._binding.bind_ortvalue_input(name, self._there[name])
        self._session.run_with_iobinding(self._binding)
        styled: Array = self._binding.copy_outputs_to_cpu()[0]
        return styled


class OnnxRuntimeEngine(DeviceEngine):
    """ONNX Runtime on one device.

    The library silently runs on the CPU what a device does not take, so the providers of each loaded network are
    checked.
    """

    name = "onnxruntime"
    network = _OnnxRuntimeNetwork

    def __init__(self, device: str = "auto", threads: int | None = None) -> None:
        """Use `device`, one of `names.DEVICES_OF`, with `threads` on the CPU; None for one a core.

        `auto` is the first device that the library was built for.

        Raises:
            EngineUnavailableError: the library or the device is not there; the message says what to install.
            UsageError: there is no device of that name.
        """
        check_names(self.name, device)
        self._library = load_library("onnxruntime")
        found = available_devices()
        if device != "auto" and device not in found:
            raise EngineUnavailableError(
                f"--device {device}: the installed ONNX Runtime {self._library.__version__} was built without it; "
                f'exchange it: pip uninstall -y onnxruntime, then pip install "{_PACKAGES[device]}"; '
                f"or use --device cpu"
            )
        self.device = found[0] if device == "auto" else device
        self.version = f"ONNX Runtime {self._library.__version__}"
        self._threads = threads or usable_cores()
        self.errors = _errors(self._library)
        self._library.set_default_logger_severity(_LOG_FATAL)  # failures come as exceptions; it would print them too
        if self.device == "cuda" and hasattr(self._library, "preload_dlls"):
            with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does not find
                self._library.preload_dlls()

    @property
    def on_cpu(self) -> bool:
        """See `DeviceEngine.on_cpu`."""
        return self.device == "cpu"

    @property
    def unpacks_pixels(self) -> bool:
        """See `DeviceEngine.unpacks_pixels`."""
        return not self.on_cpu

    def on_device(self, values: Array) -> Any:
        """Copy `values` to CUDA's memory."""
        return self._library.OrtValue.ortvalue_from_numpy(values, "cuda", 0)

    def _open(self, data: bytes) -> Any:
        options = self._library.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _LOG_FATAL
        if self.device == "cpu":
            # One network runs at a time, so all of them share one memory arena, which grows to what the largest needs.
            # Blocks that each one planned ahead (its memory pattern) would not fit into each other.
            _share_memory(self._library)
            options.add_session_config_entry("session.use_env_allocators", "1")
            options.enable_mem_pattern = False
        # Threads that spin while they wait take the processor from the frame's other work, and count as used.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if self.device == "directml":
            options.enable_mem_pattern = False  # its documentation asks for it
        names = ["cpu"] if self.on_cpu else [self.device, "cpu"]
        providers = [_PROVIDERS[name] for name in names]
        opened = self._library.InferenceSession(data, options, providers=providers, enable_fallback=0)
        if _PROVIDERS[self.device][0] not in opened.get_providers():
            raise RuntimeError("it finds no such device, or not the libraries that go with it")
        return opened


@cache
def _share_memory(library: Any) -> None:
    kind, place = library.OrtAllocatorType.ORT_ARENA_ALLOCATOR, library.OrtMemType.DEFAULT
    library.create_and_register_allocator(library.OrtMemoryInfo("Cpu", kind, 0, place), None)


def _errors(library: Any) -> tuple[type[Exception], ...]:
    """Return the exceptions that the library raises: classes of its own, which have no common root."""
    state = library.capi.onnxruntime_pybind11_state
    own = [kind for kind in vars(state).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    return (*own, RuntimeError, ValueError)
