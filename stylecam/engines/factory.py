"""Make engines by name, and find those that may run networks here."""

from __future__ import annotations

from collections.abc import Sequence

from stylecam.engines import onnxruntime, opencv, openvino
from stylecam.engines.base import Engine
from stylecam.engines.names import AUTO, DEVICES_OF, ENGINES, REMOTE, check_names
from stylecam.errors import EngineUnavailableError, UsageError
from stylecam.utils import optional


def installed() -> tuple[str, ...]:
    """Return the engines whose library is installed, though it may be broken."""
    return tuple(name for name in ENGINES if name == "opencv" or optional.is_installed(name))


def make_engine(name: str, device: str = AUTO, threads: int | None = None) -> Engine:
    """Make the engine `name` of `ENGINES` on `device`, with `threads`; None for one a core.

    OpenCV's threads belong to the whole process and are not changed here; see
    `stylecam.utils.resources.limit_threads`.

    Raises:
        UsageError: there is no engine or no device of that name.
        EngineUnavailableError: the library or the device is not there; the message says what to install.
    """
    check_names(name, device)
    if name == AUTO:
        raise UsageError(f"{AUTO} is not an engine; stylecam.engines.autotune chooses one")
    if name == REMOTE:
        raise UsageError(f"--engine {REMOTE} is for a live run: stylecam run --engine remote --remote grpc://HOST:PORT")
    if name == "onnxruntime":
        return onnxruntime.OnnxRuntimeEngine(device, threads)
    if name == "openvino":
        return openvino.OpenVINOEngine(device, threads)
    return opencv.OpenCVEngine(device)


def candidates(names: Sequence[str], device: str = AUTO) -> list[tuple[str, str]]:
    """Return the pairs of engine and device, of the engines `names`, that may run networks on `device`.

    Libraries are imported to see which devices they find. One that cannot be imported is listed too, because making its
    engine tells why.

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
    """Return the devices worth measuring, the CPU first."""
    try:
        if name == "onnxruntime":
            found = onnxruntime.available_devices()
        elif name == "openvino":
            found = openvino.available_devices()
        else:  # half precision and OpenCL only on request: OpenCL is mostly slower than the CPU
            found = tuple(device for device in opencv.available_devices() if device in ("cpu", "cuda"))
    except EngineUnavailableError:
        found = ("cpu",)
    return tuple(sorted(found, key=lambda device: device != "cpu"))
