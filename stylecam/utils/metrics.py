"""Histograms, recent rates and percentiles, and how long each stage of a frame takes."""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType
from typing import Any

import numpy as np

from stylecam.utils.clock import Clock

_BINS = 4000
"""Longer times than they reach land in the last one; the exact maximum is kept beside it."""


class Histogram:
    """Durations of a whole run in bounded memory: 4000 bins, of 0.5 ms unless told otherwise, and the exact maximum."""

    def __init__(self, bin_ms: float = 0.5) -> None:
        self._bin_ms = bin_ms
        self._counts = np.zeros(_BINS, np.int64)
        self._total_ms = 0.0
        self.count = 0
        self.maximum_ms = 0.0

    @property
    def mean_ms(self) -> float | None:
        """The mean of all durations; None before the first."""
        return self._total_ms / self.count if self.count else None

    def add(self, milliseconds: float) -> None:
        """Count one duration."""
        self._total_ms += milliseconds
        self._counts[min(_BINS - 1, max(0, int(milliseconds / self._bin_ms)))] += 1
        self.count += 1
        self.maximum_ms = max(self.maximum_ms, milliseconds)

    def percentile(self, percent: float) -> float | None:
        """The duration in ms that `percent` of all durations do not exceed (to one bin); None before the first."""
        if not self.count:
            return None
        rank = int(np.ceil(self.count * percent / 100))
        index = int(np.searchsorted(np.cumsum(self._counts), max(1, rank)))
        return round(float(min(self.maximum_ms, (index + 1) * self._bin_ms)), 3)


class SlidingWindow:
    """Values of the last few seconds, for a display that follows what happens now; any thread may add and ask."""

    def __init__(self, seconds: float = 5.0) -> None:
        self._seconds = seconds
        self._values: deque[tuple[float, float]] = deque()
        self._lock = threading.Lock()

    def add(self, now: float, value: float = 0.0) -> None:
        """Note one value at time `now`."""
        with self._lock:
            self._values.append((now, value))
            while self._values[0][0] < now - self._seconds:
                self._values.popleft()

    def rate(self, now: float) -> float:
        """Values per second over the window (over the time since the first one while younger than that)."""
        window = self._window(now)
        if len(window) < 2 or now - window[0][0] < 0.2:
            return 0.0
        return (len(window) - 1) / (now - window[0][0])

    def percentile(self, percent: float, now: float) -> float | None:
        """Percentile of the values in the window; None when it is empty."""
        window = self._window(now)
        return float(np.percentile([value for _, value in window], percent)) if window else None

    def _window(self, now: float) -> list[tuple[float, float]]:
        with self._lock:
            return [entry for entry in self._values if entry[0] >= now - self._seconds]


class StageTimer:
    """One run of one stage: a context; `milliseconds` is what it took, once it has ended."""

    __slots__ = ("_began_at", "_clock", "_histogram", "milliseconds")

    def __init__(self, clock: Clock, histogram: Histogram) -> None:
        self._clock, self._histogram = clock, histogram
        self._began_at = 0.0
        self.milliseconds = 0.0

    def __enter__(self) -> StageTimer:
        self._began_at = self._clock.now()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        self.milliseconds = (self._clock.now() - self._began_at) * 1000
        if kind is None:
            self._histogram.add(self.milliseconds)


class StageTimes:
    """Times by stage. Each stage is timed by one thread; any may look."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._histograms: dict[str, Histogram] = {}

    def time(self, stage: str) -> StageTimer:
        """A context that times one run of `stage`; one that ends in an error is not counted."""
        return StageTimer(self._clock, self._histograms.setdefault(stage, Histogram(0.05)))

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
