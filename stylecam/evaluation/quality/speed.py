"""What a network costs: its arithmetic, and the time it takes here."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import cv2
import numpy as np

from stylecam.evaluation.quality.model_runner import ModelRunner
from stylecam.media.frame import Size
from stylecam.utils.clock import Clock, SystemClock
from stylecam.utils.resources import processor_name, usable_cores

SIZES = (Size(640, 360), Size(640, 480))
WARM_UPS, RUNS = 2, 11


@dataclass(frozen=True, slots=True)
class InferenceCost:
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

    def against(self, other: InferenceCost) -> InferenceCost:
        """With the ratios to `other`."""
        less = other.gmac / max(self.gmac, 1e-9) if self.gmac is not None and other.gmac is not None else None
        return InferenceCost(self.gmac, self.ms, less, other.ms / max(self.ms, 1e-9))


@dataclass(frozen=True, slots=True)
class InferenceEnvironment:
    """Where and with what was measured."""

    processor: str
    engine: str
    device: str
    threads: int
    python: str
    packages: dict[str, str]

    @classmethod
    def here(cls, painter: ModelRunner) -> InferenceEnvironment:
        """The machine at hand."""
        engine = painter.engine
        packages = {name: _version(name) for name in ("torch", "onnx", "numpy")}
        processor = f"{processor_name()} ({usable_cores()} cores)"
        return cls(processor, engine.version, engine.device, cv2.getNumThreads(), platform.python_version(), packages)

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'s' if self.threads != 1 else ''}"
        return f"{self.engine} on {self.device}, {threads}, {self.processor}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def inference_times_ms(painters: Sequence[ModelRunner], size: Size, clock: Clock | None = None) -> list[float]:
    """The median milliseconds of one picture of each, uint8 in and out.

    They take turns, so that what else goes on meets all alike.

    Raises:
        EngineRunError: one cannot be run.
    """
    now: Callable[[], float] = (clock or SystemClock()).now
    image = np.random.default_rng(0).integers(0, 256, (size.height, size.width, 3), np.uint8)
    sessions = [painter.session(*size) for painter in painters]
    mixes = [painter.model.one_hot() for painter in painters]
    took: list[list[float]] = [[] for _ in painters]
    for turn in range(WARM_UPS + RUNS):
        for session, mix, kept in zip(sessions, mixes, took, strict=True):
            began = now()
            session.stylize(image, mix)
            if turn >= WARM_UPS:
                kept.append((now() - began) * 1000)
    return [statistics.median(kept) for kept in took]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # built by hand, without its metadata
        return "unknown"
