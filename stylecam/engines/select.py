"""Engines by name."""

from __future__ import annotations

from stylecam.engines import library, onnxruntime, opencv, openvino
from stylecam.engines.base import Engine
from stylecam.engines.names import AUTO, DEVICES_OF, ENGINES
from stylecam.errors import UsageError


def installed() -> tuple[str, ...]:
    """The engines whose library is there, though it may be broken."""
    return tuple(name for name in ENGINES if name == "opencv" or library.is_installed(name))


def make_engine(name: str, device: str = AUTO, threads: int | None = None) -> Engine:
    """The engine `name` of `ENGINES` on `device`; `threads` is how many it may use, None for one a core.

    OpenCV's threads are the whole process's (`cv2.setNumThreads`) and not changed here.

    Raises:
        UsageError: there is no engine or no device of that name.
        EngineUnavailableError: the library or the device is not there; the message says what to install.
    """
    check_names(name, device)
    if name == "onnxruntime":
        return onnxruntime.OnnxRuntimeEngine(device, threads)
    if name == "openvino":
        return openvino.OpenVINOEngine(device, threads)
    return opencv.OpenCVEngine(device)


def check_names(engine: str, device: str) -> None:
    """See that there are such an engine (`AUTO` is none) and such a device.

    Raises:
        UsageError: there are not; the message names those that are.
    """
    if engine not in ENGINES:
        raise UsageError(f"there is no engine {engine!r}; choose {', '.join((AUTO, *ENGINES))}")
    if device not in DEVICES_OF[engine]:
        raise UsageError(f"the engine {engine} has no device {device!r}; choose {', '.join(DEVICES_OF[engine])}")
