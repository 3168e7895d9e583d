"""What engines and their devices are called; light, for the command line."""

from __future__ import annotations

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
