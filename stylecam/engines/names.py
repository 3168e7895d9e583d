"""What engines and their devices are called; light, for the command line."""

from __future__ import annotations

from stylecam.errors import UsageError

AUTO = "auto"
DEVICES_OF = {
    "opencv": ("auto", "cpu", "cuda", "cuda-fp16", "opencl"),
    "onnxruntime": ("auto", "cpu", "cuda", "directml", "coreml"),
    "openvino": ("auto", "cpu", "cpu-bf16", "gpu"),
}
"""The devices of each engine; the first engine is always installed."""
ENGINES = tuple(DEVICES_OF)
DEVICES = tuple(dict.fromkeys(device for devices in DEVICES_OF.values() for device in devices))
"""All devices of all engines; no engine has all of them."""
LIBRARY_NAMES = {"opencv": "OpenCV", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}
REDUCED_PRECISION = ("cpu-bf16", "cuda-fp16", "gpu")
"""Devices that are meant to compute, or may, with half the bits."""
PACKAGES = {"onnxruntime": ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml"), "openvino": ("openvino",)}
"""The packages that bring an engine."""


def title(engine: str, device: str) -> str:
    """What people call an engine on a device: `OpenVINO`, `OpenVINO bf16`, `ONNX Runtime cuda`."""
    return f"{LIBRARY_NAMES[engine]} {device.removeprefix('cpu').removeprefix('-')}".rstrip()


def check_names(engine: str, device: str) -> None:
    """See that there are such an engine, or `AUTO`, and such a device of it.

    Raises:
        UsageError: there are not; the message names those that are.
    """
    if engine not in (AUTO, *ENGINES):
        raise UsageError(f"there is no engine {engine!r}; choose {', '.join((AUTO, *ENGINES))}")
    if engine == AUTO and device not in DEVICES:
        raise UsageError(f"there is no device {device!r}; choose {', '.join(DEVICES)}")
    if engine != AUTO and device not in DEVICES_OF[engine]:
        raise UsageError(f"the engine {engine} has no device {device!r}; choose {', '.join(DEVICES_OF[engine])}")
