"""Counters of a running pipeline, and the statistics file."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stylecam.live.report import FaultCounts, FrameStats, LatencyPercentiles, Percentiles, PublishGaps, RecentStats
from stylecam.utils.files import write_json
from stylecam.utils.message import Message
from stylecam.utils.metrics import Histogram, SlidingWindow

logger = logging.getLogger(__name__)

FILE_INTERVAL_S = 1.0
"""Time between two writes of the statistics file."""


@dataclass(slots=True)
class _EventRate:
    """Counts events and their mean rate, without the time of pauses."""

    first: float | None = None
    last: float | None = None
    count: int = 0
    recent: SlidingWindow = field(default_factory=SlidingWindow)
    _intervals: int = 0
    _elapsed: float = 0.0

    def add(self, now: float) -> None:
        self.first = now if self.first is None else self.first
        if self.last is not None:
            self._intervals += 1
            self._elapsed += now - self.last
        self.last = now
        self.count += 1
        self.recent.add(now)

    def pause(self) -> None:
        self.last = None

    @property
    def per_second(self) -> float:
        return self._intervals / max(1e-9, self._elapsed)


class Stats:
    """Counters of a run. Three threads add to them and any thread may read them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._published, self._styled = _EventRate(), _EventRate()
        self._latency, self._gaps, self._style_ms = Histogram(), Histogram(), Histogram()
        self._recent_latency = SlidingWindow()
        self._captured = self._repeats = self._drops = self._reused = self._skipped = 0
        self._faults: Counter[str] = Counter()
        self._last_fault: str | None = None

    def count_captured(self, replaced: bool) -> None:
        """Count a frame from the source; `replaced` if it took the place of one that was not styled yet (a drop)."""
        with self._lock:
            self._captured += 1
            self._drops += replaced

    def count_styled(self, now: float, milliseconds: float, reused: bool = False) -> None:
        """Count a frame that took `milliseconds` to style; `reused` if it shows the last painting again."""
        with self._lock:
            self._reused += reused
            self._styled.add(now)
            self._style_ms.add(milliseconds)

    def count_skipped(self) -> None:
        """Count a frame that was not painted, to keep within the processor time allowed."""
        with self._lock:
            self._skipped += 1

    def count_published(self, now: float, captured_at: float | None) -> None:
        """Count a frame that went to the sinks: a fresh one captured at `captured_at`, or a repeat (None)."""
        with self._lock:
            if self._published.last is not None:
                self._gaps.add((now - self._published.last) * 1000)
            self._published.add(now)
            if captured_at is None:
                self._repeats += 1
            else:
                self._latency.add((now - captured_at) * 1000)
                self._recent_latency.add(now, (now - captured_at) * 1000)

    def pause(self) -> None:
        """Leave the time until the next frame out of gaps and rates: nothing is published, on purpose."""
        with self._lock:
            self._published.pause()
            self._styled.pause()

    def count_fault(self, kind: str, message: str) -> None:
        """Count something that went wrong and was recovered from: `source`, `sink`, `engine`, `style`, `command`."""
        with self._lock:
            self._faults[kind] += 1
            self._last_fault = message

    @property
    def first_published_at(self) -> float | None:
        """When the first frame was published (clock seconds), or None."""
        with self._lock:
            return self._published.first

    def snapshot(self, now: float) -> FrameStats:
        """Return all counters as of `now` (clock seconds)."""
        with self._lock:
            return FrameStats(
                published_fps=round(self._published.per_second, 2),
                styled_fps=round(self._styled.per_second, 2),
                latency_ms=LatencyPercentiles(*(_rounded(self._latency.percentile(p)) for p in (50, 95, 99))),
                gap_ms=PublishGaps(_rounded(self._gaps.percentile(99)), _rounded(self._gaps.maximum_ms)),
                style_ms=Percentiles(*(_rounded(self._style_ms.percentile(p)) for p in (50, 95))),
                captured=self._captured,
                styled=self._styled.count,
                published=self._published.count,
                repeats=self._repeats,
                drops=self._drops,
                reused=self._reused,
                spared=self._skipped,
                faults=FaultCounts(dict(self._faults), self._last_fault),
                recent=RecentStats(
                    round(self._published.recent.rate(now), 2),
                    round(self._styled.recent.rate(now), 2),
                    Percentiles(*(_rounded(self._recent_latency.percentile(p, now)) for p in (50, 95))),
                ),
            )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


class StatsFile:
    """Writes the newest figures to a file. A failure is logged once, and the run goes on."""

    def __init__(self, path: Path | None) -> None:
        """Keep figures in `path`; None for no file."""
        self._path = path
        self._written_at = float("-inf")
        self._failing = False

    def is_due(self, now: float) -> bool:
        """Return whether the file is to be written at `now` (clock seconds)."""
        return self._path is not None and now - self._written_at >= FILE_INTERVAL_S

    def write(self, report: dict[str, Any], now: float) -> None:
        """Replace the file with `report` as JSON, whole or not at all."""
        self._written_at = now
        if self._path is None:
            return
        try:
            write_json(self._path, report)
            self._failing = False
        except OSError as error:
            if not self._failing:
                reason = error.strerror or error
                logger.warning(
                    Message("--stats {path} cannot be written any more: {reason}", path=self._path, reason=reason)
                )
            self._failing = True
