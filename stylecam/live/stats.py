"""Counters and percentiles of a running pipeline."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylecam.utils.files import write_json
from stylecam.utils.metrics import Histogram, SlidingWindow
from stylecam.utils.text import Say


# ---- stats
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
        self._recent_published, self._recent_styled, self._recent_latency = (
            SlidingWindow(),
            SlidingWindow(),
            SlidingWindow(),
        )
        self._captured = self._repeats = self._drops = self._reused = self._spared = 0
        self._faults: Counter[str] = Counter()
        self._last_fault: str | None = None

    def count_captured(self, replaced: bool) -> None:
        """A frame came from the source; `replaced` if an older one had not been styled yet (a drop)."""
        with self._lock:
            self._captured += 1
            self._drops += replaced

    def count_styled(self, now: float, milliseconds: float, reused: bool = False) -> None:
        """The stylist finished a frame in `milliseconds`; `reused` if it is the painting before, for nothing moved."""
        with self._lock:
            self._reused += reused
            self._styled.add(now)
            self._recent_styled.add(now)
            self._style_ms.add(milliseconds)

    def count_skipped(self) -> None:
        """A frame was let pass unpainted to keep within the processor time allowed."""
        with self._lock:
            self._spared += 1

    def count_published(self, now: float, captured_at: float | None) -> None:
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

    def pause(self) -> None:
        """Nothing is published from now on, on purpose: the time until the next frame is no gap and slows no rate."""
        with self._lock:
            self._published.pause()
            self._styled.pause()

    def count_fault(self, kind: str, message: str) -> None:
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


# ---- stats_file
class StatsFile:
    """Holds the newest figures; where it cannot be written any more, that is said once and the run goes on."""

    def __init__(self, path: Path | None, say: Say, every_s: float = 1.0) -> None:
        """`path` None for no file; `every_s` is how far apart two writings are."""
        self._path = path
        self._say = say
        self._every_s = every_s
        self._written_at = float("-inf")
        self._failing = False

    def due(self, now: float) -> bool:
        """Whether it is time to write, at `now` (s)."""
        return self._path is not None and now - self._written_at >= self._every_s

    def write(self, report: dict[str, Any], now: float) -> None:
        """Write `report`, whole or not at all."""
        self._written_at = now
        if self._path is None:
            return
        try:
            write_json(self._path, report)
            self._failing = False
        except OSError as error:
            if not self._failing:
                self._say(f"--stats {self._path} cannot be written any more: {error.strerror or error}")
            self._failing = True
