"""Measure what a network costs: its multiply-adds, and the time it takes here."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from stylecam.evaluation.host import package_version
from stylecam.evaluation.quality.model_runner import ModelRunner
from stylecam.media.frame import Size
from stylecam.utils.clock import Clock, SystemClock
from stylecam.utils.resources import processor_name, usable_cores

SIZES = (Size(640, 360), Size(640, 480))
WARM_UPS, RUNS = 2, 11


@dataclass(frozen=True, slots=True)
class InferenceCost:
    """The cost of one picture at one size.

    Attributes:
        gmac: billions of multiply-adds in its convolutions; None if they cannot be counted.
        ms: the median time of one run.
        times_less, times_faster: the cost of Johnson's network divided by this one, if it was measured in the same run.
    """

    gmac: float | None
    ms: float
    times_less: float | None = None
    times_faster: float | None = None

    def against(self, other: InferenceCost) -> InferenceCost:
        """Return the same cost with the ratios to `other`."""
        less = other.gmac / max(self.gmac, 1e-9) if self.gmac is not None and other.gmac is not None else None
        return InferenceCost(self.gmac, self.ms, less, other.ms / max(self.ms, 1e-9))


@dataclass(frozen=True, slots=True)
class InferenceEnvironment:
    """The processor, engine and packages that networks run on."""

    processor: str
    engine: str
    device: str
    threads: int
    python: str
    packages: dict[str, str]

    @classmethod
    def of(cls, runner: ModelRunner) -> InferenceEnvironment:
        """Describe this machine and the engine of `runner`."""
        engine = runner.engine
        packages = {name: package_version(name) or "unknown" for name in ("torch", "onnx", "numpy")}
        processor = f"{processor_name()} ({usable_cores()} cores)"
        return cls(processor, engine.version, engine.device, cv2.getNumThreads(), platform.python_version(), packages)

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'s' if self.threads != 1 else ''}"
        return f"{self.engine} on {self.device}, {threads}, {self.processor}"


def inference_times_ms(runners: Sequence[ModelRunner], size: Size, clock: Clock | None = None) -> list[float]:
    """Measure the median milliseconds of one picture on each runner, uint8 in and out.

    The runners take turns, so that other load on the machine affects all alike.

    Raises:
        EngineRunError: one cannot be run.
    """
    now: Callable[[], float] = (clock or SystemClock()).now
    image = np.random.default_rng(0).integers(0, 256, (size.height, size.width, 3), np.uint8)
    sessions = [runner.session(*size) for runner in runners]
    weights = [runner.model.rows(runner.model.one_hot(), min(size)) for runner in runners]
    times_ms: list[list[float]] = [[] for _ in runners]
    for turn in range(WARM_UPS + RUNS):
        for session, style_weights, times in zip(sessions, weights, times_ms, strict=True):
            started_at = now()
            session.stylize(image, style_weights)
            if turn >= WARM_UPS:
                times.append((now() - started_at) * 1000)
    return [statistics.median(times) for times in times_ms]
