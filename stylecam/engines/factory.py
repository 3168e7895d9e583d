"""Engines by name."""

from __future__ import annotations

from collections.abc import Sequence

from stylecam.engines import onnxruntime, opencv, openvino
from stylecam.engines.base import Engine
from stylecam.engines.names import AUTO, DEVICES_OF, ENGINES, check_names
from stylecam.errors import EngineUnavailableError, UsageError
from stylecam.utils import optional


def installed() -> tuple[str, ...]:
    """The engines whose library is there, though it may be broken."""
    return tuple(name for name in ENGINES if name == "opencv" or optional.is_installed(name))


def make_engine(name: str, device: str = AUTO, threads: int | None = None) -> Engine:
    """The engine `name` of `ENGINES` on `device`; `threads` is how many it may use, None for one a core.

    OpenCV's threads are the whole process's (`cv2.setNumThreads`) and not changed here.

    Raises:
        UsageError: there is no engine or no device of that name.
        EngineUnavailableError: the library or the device is not there; the message says what to install.
    """
    check_names(name, device)
    if name == AUTO:
        raise UsageError(f"{AUTO} is no engine of its own; stylecam.engines.autotune chooses one")
    if name == "onnxruntime":
        return onnxruntime.OnnxRuntimeEngine(device, threads)
    if name == "openvino":
        return openvino.OpenVINOEngine(device, threads)
    return opencv.OpenCVEngine(device)


def candidates(names: Sequence[str], device: str = AUTO) -> list[tuple[str, str]]:
    """What may run networks, as engine and device: those of the engines `names` that `device` allows.

    Libraries are imported to see what they find. One that cannot be stands here too: making its engine tells why.

    Raises:
        UsageError: no engine at all has such a device.
        EngineUnavailableError: none of `names` has.
    """
    if device == AUTO:
        return [(name, found) for name in names for found in _found(name)]
    check_names(AUTO, device)
    fitting = [(name, device) for name in names if device in DEVICES_OF[name]]
    if not fitting:
        others = [name for name in ENGINES if device in DEVICES_OF[name]]
        raise EngineUnavailableError(
            f"--device {device} comes with {' or '.join(others)}, which is not installed; "
            f"install it with: {optional.install_command(others[0])}"
        )
    return fitting


def _found(name: str) -> tuple[str, ...]:
    """The devices worth a trial, the processor first."""
    try:
        if name == "onnxruntime":
            found = onnxruntime.available_devices()
        elif name == "openvino":
            found = openvino.available_devices()
        else:  # half precision and OpenCL only when asked for: OpenCL is slower than the processor mostly
            found = tuple(device for device in opencv.available_devices() if device in ("cpu", "cuda"))
    except EngineUnavailableError:
        found = ("cpu",)
    return tuple(sorted(found, key=lambda device: device != "cpu"))
