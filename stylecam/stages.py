"""How long each stage of a frame takes: fit, network, steady, detail, compose, publish."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from stylecam.clock import Clock
from stylecam.stats import Histogram


class Lap:
    """One run of one stage: a context; `milliseconds` is what it took, once it has ended."""

    __slots__ = ("_began_at", "_clock", "_histogram", "milliseconds")

    def __init__(self, clock: Clock, histogram: Histogram) -> None:
        self._clock, self._histogram = clock, histogram
        self._began_at = 0.0
        self.milliseconds = 0.0

    def __enter__(self) -> Lap:
        self._began_at = self._clock.now()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        self.milliseconds = (self._clock.now() - self._began_at) * 1000
        if kind is None:
            self._histogram.add(self.milliseconds)


class Stages:
    """Times by stage. Each stage is timed by one thread; any may look."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._histograms: dict[str, Histogram] = {}

    def time(self, stage: str) -> Lap:
        """A context that times one run of `stage`; one that ends in an error is not counted."""
        return Lap(self._clock, self._histograms.setdefault(stage, Histogram(0.05)))

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """Of each stage, in the order of their first runs: `count`, and `mean`, `p50`, `p95` and `max` in ms."""
        return {
            stage: {
                "count": histogram.count,
                "mean": None if histogram.mean_ms is None else round(histogram.mean_ms, 3),
                "p50": histogram.percentile(50),
                "p95": histogram.percentile(95),
                "max": round(histogram.maximum_ms, 2),
            }
            for stage, histogram in list(self._histograms.items())
            if histogram.count
        }
