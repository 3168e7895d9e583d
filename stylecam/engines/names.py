"""Names of engines and their devices; light, so that the command line can import them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stylecam.errors import UsageError
from stylecam.utils.options import PERFORMANCE, option

AUTO = "auto"
REMOTE = "remote"
"""The engine that is a server; only a live run, and whoever names its address, uses it."""
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
"""The names of the engines' libraries that people read."""
REDUCED_PRECISION = ("cpu-bf16", "cuda-fp16", "gpu")
"""Devices that compute, or may compute, with half the bits."""
PACKAGES = {"onnxruntime": ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml"), "openvino": ("openvino",)}
"""The packages that bring an engine."""


def title(engine: str, device: str) -> str:
    """Return the name of an engine on a device that people read: `OpenVINO`, `OpenVINO bf16`, `ONNX Runtime cuda`."""
    if engine == REMOTE:
        return device
    return f"{LIBRARY_NAMES[engine]} {device.removeprefix('cpu').removeprefix('-')}".rstrip()


def check_names(engine: str, device: str) -> None:
    """Check that there is such an engine, or `AUTO`, and such a device of it.

    Raises:
        UsageError: there is not; the message names those that there are.
    """
    if engine not in (AUTO, *ENGINES, REMOTE):
        raise UsageError(f"there is no engine {engine!r}; choose {', '.join((AUTO, *ENGINES, REMOTE))}")
    if engine == REMOTE and device != AUTO:
        raise UsageError(f"the engine {REMOTE} has no device {device!r}; the server chooses where it computes")
    if engine == AUTO and device not in DEVICES:
        raise UsageError(f"there is no device {device!r}; choose {', '.join(DEVICES)}")
    if engine not in (AUTO, REMOTE) and device not in DEVICES_OF[engine]:
        raise UsageError(f"the engine {engine} has no device {device!r}; choose {', '.join(DEVICES_OF[engine])}")


@dataclass(frozen=True, kw_only=True)  # no slots: settings inherit from two such classes
class EngineSettings:
    """The options that say how a network is run."""

    engine: str = option(
        AUTO,
        help=f"What runs the network: {', '.join(ENGINES)}, {AUTO}: the fastest that is installed, measured once, or "
        f"{REMOTE}: the server of --remote.",
        group=PERFORMANCE, metavar="ENGINE",
    )  # fmt: skip
    device: str = option(
        AUTO,
        help="What it runs on. " + "; ".join(f"{name}: {', '.join(its)}" for name, its in DEVICES_OF.items()) + ".",
        group=PERFORMANCE, metavar="DEVICE",
    )  # fmt: skip
    tier: str = option(
        AUTO,
        help="Networks to use for styles that are there in both: rich (bolder strokes, more work), lean (for slow "
        f"processors), or {AUTO}: rich if it holds the frame rate at 480x272, measured once.",
        group=PERFORMANCE, metavar="TIER",
    )  # fmt: skip
    retune: bool = option(False, help="With --engine or --tier auto: measure again.", group=PERFORMANCE)
    threads: int | None = option(
        None,
        help="Processor threads the network may use. Without: all.",
        group=PERFORMANCE, minimum=1, maximum=512, example=2,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RemoteSettings:
    """The options that say where a server is that runs networks. Without `--engine remote` nothing is sent there."""

    remote: str | None = option(
        None,
        help="With --engine remote: server that paints, grpc://HOST:PORT or, encrypted, grpcs://HOST:PORT; Triton, "
        "OpenVINO Model Server or another that speaks the Open Inference Protocol. This computer goes on where it is "
        "slow or gone.",
        group=PERFORMANCE, metavar="ADDRESS", example="grpc://gpu.local:8001",
    )  # fmt: skip
    remote_ca: Path | None = option(
        None,
        help="Certificates to trust of an encrypted server, in PEM format. Without: those of the public authorities.",
        group=PERFORMANCE, metavar="FILE", example="~/ca.pem",
    )  # fmt: skip
    remote_token: str | None = option(
        None,
        help="Token that the server wants, sent as `authorization: Bearer TOKEN`.",
        group=PERFORMANCE, metavar="TOKEN", secret=True, example="something-long-that-nobody-guesses",
    )  # fmt: skip
