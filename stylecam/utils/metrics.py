"""Time measurements in bounded memory: histograms, the last few seconds, and the time that each stage takes."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from stylecam.utils.clock import Clock

_BINS = 4000
_STAGE_BIN_MS = 0.05


class Histogram:
    """Durations of a whole run in `_BINS` bins of equal width, with their exact number and maximum.

    Durations beyond the last bin are counted in it.
    """

    def __init__(self, bin_ms: float = 0.5) -> None:
        self._bin_ms = bin_ms
        self._counts = np.zeros(_BINS, np.int64)
        self._total_ms = 0.0
        self.count = 0
        self.maximum_ms = 0.0

    @property
    def mean_ms(self) -> float | None:
        """The mean of all durations in ms; None before the first."""
        return self._total_ms / self.count if self.count else None

    def add(self, milliseconds: float) -> None:
        """Add one duration in ms."""
        self._total_ms += milliseconds
        self._counts[min(_BINS - 1, max(0, int(milliseconds / self._bin_ms)))] += 1
        self.count += 1
        self.maximum_ms = max(self.maximum_ms, milliseconds)

    def percentile(self, percent: float) -> float | None:
        """Return the duration in ms that `percent` % of all do not exceed, to one bin; None before the first."""
        if not self.count:
            return None
        rank = int(np.ceil(self.count * percent / 100))
        index = int(np.searchsorted(np.cumsum(self._counts), max(1, rank)))
        return round(float(min(self.maximum_ms, (index + 1) * self._bin_ms)), 3)


class SlidingWindow:
    """Values of the last few seconds, each with its time in seconds. Any thread may add and read."""

    def __init__(self, seconds: float = 5.0) -> None:
        self._seconds = seconds
        self._values: deque[tuple[float, float]] = deque()
        self._lock = threading.Lock()

    def add(self, now: float, value: float = 0.0) -> None:
        """Add one value at the time `now`."""
        with self._lock:
            self._values.append((now, value))
            while self._values[0][0] < now - self._seconds:
                self._values.popleft()

    def rate(self, now: float) -> float:
        """Return the values per second in the window, or since the first value if the window is not full yet."""
        window = self._window(now)
        if len(window) < 2 or now - window[0][0] < 0.2:
            return 0.0
        return (len(window) - 1) / (now - window[0][0])

    def percentile(self, percent: float, now: float) -> float | None:
        """Return the percentile of the values in the window; None when it is empty."""
        window = self._window(now)
        return float(np.percentile([value for _, value in window], percent)) if window else None

    def _window(self, now: float) -> list[tuple[float, float]]:
        with self._lock:
            return [entry for entry in self._values if entry[0] >= now - self._seconds]


class StageTimer:
    """The time of one run of one stage, 0 until the run has ended."""

    __slots__ = ("milliseconds",)

    def __init__(self) -> None:
        self.milliseconds = 0.0


class StageTimes:
    """A histogram for each stage. Each stage is timed by one thread; any thread may read the snapshot."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._histograms: dict[str, Histogram] = {}

    @contextlib.contextmanager
    def time(self, stage: str) -> Iterator[StageTimer]:
        """Time one run of `stage`, the block; a run that ends with an error is not counted."""
        histogram = self._histograms.setdefault(stage, Histogram(_STAGE_BIN_MS))
        timer = StageTimer()
        start = self._clock.now()
        try:
            yield timer
        finally:
            timer.milliseconds = (self._clock.now() - start) * 1000
        histogram.add(timer.milliseconds)

    def add(self, stage: str, milliseconds: float) -> None:
        """Add a run of `stage` that was timed elsewhere."""
        self._histograms.setdefault(stage, Histogram(_STAGE_BIN_MS)).add(milliseconds)

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """Return `count`, `mean`, `p50`, `p95` and `max` (ms) of each stage, in the order of their first runs."""
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
