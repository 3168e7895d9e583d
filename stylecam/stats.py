"""Counters and percentiles of a running pipeline."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

import numpy as np

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


class Recent:
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


@dataclass(slots=True)
class _Times:
    first: float | None = None
    last: float | None = None
    count: int = 0
    _intervals: int = 0
    _elapsed: float = 0.0

    def add(self, now: float) -> None:
        self.first = now if self.first is None else self.first
        if self.last is not None:
            self._intervals += 1
            self._elapsed += now - self.last
        self.last = now
        self.count += 1

    def pause(self) -> None:
        self.last = None

    @property
    def rate(self) -> float:
        return self._intervals / max(1e-9, self._elapsed)


class Stats:
    """What happened so far, counted by the three threads, read by anyone.

    Latency is the time from capture to the moment all outputs have taken the frame, of fresh frames only; a gap is
    the time between two published frames, fresh or repeated.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._published, self._styled = _Times(), _Times()
        self._latency, self._gaps, self._style_ms = Histogram(), Histogram(), Histogram()
        self._recent_published, self._recent_styled, self._recent_latency = Recent(), Recent(), Recent()
        self._captured = self._repeats = self._drops = self._reused = self._spared = 0
        self._faults: Counter[str] = Counter()
        self._last_fault: str | None = None

    def captured(self, replaced: bool) -> None:
        """A frame came from the source; `replaced` if an older one had not been styled yet (a drop)."""
        with self._lock:
            self._captured += 1
            self._drops += replaced

    def styled(self, now: float, milliseconds: float, reused: bool = False) -> None:
        """The stylist finished a frame in `milliseconds`; `reused` if it is the painting before, for nothing moved."""
        with self._lock:
            self._reused += reused
            self._styled.add(now)
            self._recent_styled.add(now)
            self._style_ms.add(milliseconds)

    def spared(self) -> None:
        """A frame was let pass unpainted to keep within the processor time allowed."""
        with self._lock:
            self._spared += 1

    def published(self, now: float, captured_at: float | None) -> None:
        """A frame went to the sinks: a fresh one captured at `captured_at`, or a repeat (None)."""
        with self._lock:
            if self._published.last is not None:
                self._gaps.add((now - self._published.last) * 1000)
            self._published.add(now)
            self._recent_published.add(now)
            if captured_at is None:
                self._repeats += 1
            else:
                self._latency.add((now - captured_at) * 1000)
                self._recent_latency.add(now, (now - captured_at) * 1000)

    def paused(self) -> None:
        """Nothing is published from now on, on purpose: the time until the next frame is no gap and slows no rate."""
        with self._lock:
            self._published.pause()
            self._styled.pause()

    def fault(self, kind: str, message: str) -> None:
        """Something went wrong and was recovered from: `source`, `sink`, `engine`, `style`."""
        with self._lock:
            self._faults[kind] += 1
            self._last_fault = message

    @property
    def first_published_at(self) -> float | None:
        """When the first frame went out, or None."""
        with self._lock:
            return self._published.first

    def snapshot(self, now: float) -> dict[str, Any]:
        """All figures as plain numbers, ready for JSON; times in ms, rates per second, None where nothing is known."""
        with self._lock:
            return {
                "published_fps": round(self._published.rate, 2),
                "styled_fps": round(self._styled.rate, 2),
                "latency_ms": _percentiles(self._latency, 50, 95, 99),
                "gap_ms": {**_percentiles(self._gaps, 99), "max": _rounded(self._gaps.maximum_ms)},
                "style_ms": _percentiles(self._style_ms, 50, 95),
                "captured": self._captured,
                "styled": self._styled.count,
                "published": self._published.count,
                "repeats": self._repeats,
                "drops": self._drops,
                "reused": self._reused,
                "spared": self._spared,
                "faults": {**self._faults, "total": self._faults.total(), "last": self._last_fault},
                "recent": {
                    "published_fps": round(self._recent_published.rate(now), 2),
                    "styled_fps": round(self._recent_styled.rate(now), 2),
                    "latency_ms": {f"p{p}": _rounded(self._recent_latency.percentile(p, now)) for p in (50, 95)},
                },
            }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _percentiles(histogram: Histogram, *percents: int) -> dict[str, float | None]:
    return {f"p{percent}": _rounded(histogram.percentile(percent)) for percent in percents}
