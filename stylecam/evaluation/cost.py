"""What a network costs: its arithmetic, counted in its graph, and the time it takes here."""

from __future__ import annotations

import math
import os
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from google.protobuf.message import DecodeError

from stylecam.clock import Clock, SystemClock
from stylecam.errors import ModelFormatError
from stylecam.evaluation.painter import Painter
from stylecam.frame import Size
from stylecam.styles.model import Model

SIZES = (Size(640, 360), Size(640, 480))
WARM_UPS, RUNS = 2, 11


@dataclass(frozen=True, slots=True)
class Cost:
    """At one size.

    Attributes:
        gmac: billions of multiply-adds in its convolutions, where its graph tells.
        ms: the median time of one run.
        times_less, times_faster: Johnson's network's over this one's, where both were measured in the same run.
    """

    gmac: float | None
    ms: float
    times_less: float | None = None
    times_faster: float | None = None

    def against(self, other: Cost) -> Cost:
        """With the ratios to `other`."""
        less = other.gmac / max(self.gmac, 1e-9) if self.gmac is not None and other.gmac is not None else None
        return Cost(self.gmac, self.ms, less, other.ms / max(self.ms, 1e-9))


@dataclass(frozen=True, slots=True)
class Machine:
    """Where and with what was measured."""

    processor: str
    engine: str
    device: str
    threads: int
    python: str
    packages: dict[str, str]

    @classmethod
    def here(cls, painter: Painter) -> Machine:
        """The machine at hand."""
        engine = painter.engine
        packages = {name: _version(name) for name in ("torch", "onnx", "numpy")}
        return cls(
            _processor(), engine.version, engine.device, cv2.getNumThreads(), platform.python_version(), packages
        )

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'s' if self.threads != 1 else ''}"
        return f"{self.engine} on {self.device}, {threads}, {self.processor}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def gmac(model: Model, size: Size) -> float:
    """Billions of multiply-adds in the convolutions of `model` for a picture of `size`.

    Raises:
        ModelFormatError: its shapes cannot be followed.
    """
    try:
        proto = onnx.load_from_string(model.at(*size))
        del proto.graph.output[:]  # some files fix its size, which would contradict the input's
        del proto.graph.value_info[:]
        graph = onnx.shape_inference.infer_shapes(proto, data_prop=True).graph
    except (ValueError, TypeError, DecodeError, onnx.shape_inference.InferenceError) as error:
        raise ModelFormatError(f"{model.path}: its graph cannot be followed ({error})") from error
    shapes = {value.name: _dims(value) for value in (*graph.value_info, *graph.input)}
    shapes.update({weight.name: tuple(weight.dims) for weight in graph.initializer})
    for node in graph.node:
        if node.op_type in ("Identity", "Constant") and node.output[0] not in shapes:
            value = next((one.t.dims for one in node.attribute if one.name == "value"), None)
            shapes[node.output[0]] = tuple(value) if value is not None else shapes.get(node.input[0], ())
    total = 0
    for node in graph.node:
        if node.op_type not in ("Conv", "ConvTranspose"):
            continue
        # Each value of a convolution's output, or of a transposed one's input, meets all but one axis of the kernel.
        kernel, pixels = shapes.get(node.input[1], ()), node.output[0] if node.op_type == "Conv" else node.input[0]
        if not kernel or not shapes.get(pixels) or 0 in shapes[pixels]:
            raise ModelFormatError(f"{model.path}: the shape of {pixels!r} cannot be told from its graph")
        total += math.prod(shapes[pixels]) * math.prod(kernel[1:])
    return total / 1e9


def times(painters: Sequence[Painter], size: Size, clock: Clock | None = None) -> list[float]:
    """The median milliseconds of one picture of each, uint8 in and out.

    They take turns, so that what else goes on meets all alike.

    Raises:
        EngineRunError: one cannot be run.
    """
    now: Callable[[], float] = (clock or SystemClock()).now
    image = np.random.default_rng(0).integers(0, 256, (size.height, size.width, 3), np.uint8)
    sessions = [painter.session(*size) for painter in painters]
    mixes = [(1.0,) + (0.0,) * (painter.model.styles - 1) for painter in painters]
    took: list[list[float]] = [[] for _ in painters]
    for turn in range(WARM_UPS + RUNS):
        for session, mix, kept in zip(sessions, mixes, took, strict=True):
            began = now()
            session.paint(image, mix)
            if turn >= WARM_UPS:
                kept.append((now() - began) * 1000)
    return [statistics.median(kept) for kept in took]


def load() -> float:
    """How many programs have wanted a processor during the last minute, as far as the system tells: else 0."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def _dims(value: Any) -> tuple[int, ...]:
    return tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # built by hand, without its metadata
        return "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
        named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        named = []
    return f"{named[0] if named else platform.processor() or platform.machine()} ({os.cpu_count()} cores)"
