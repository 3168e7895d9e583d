"""A viewer that reads the time of capture from the pixels it gets."""

from __future__ import annotations

from typing import Any

from stylecam.clock import Clock
from stylecam.frame import Frame
from stylecam.sinks.base import NullSink
from stylecam.stats import Histogram
from stylecam.timestamp import read_timestamp

STRENGTH = 0.3
"""Painted so strongly, the time stamp's black and white stay apart whatever the style: within 0..88 and 164..255."""


class ReadingSink(NullSink):
    """Measures what `stylecam.timestamp` wrote against the time at which a picture is handed over."""

    name = "time stamps"

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._last: float | None = None
        self._latency = Histogram(0.1)
        self._unreadable = self._backwards = 0

    def snapshot(self) -> dict[str, Any]:
        """Latency in ms of pictures seen for the first time; how many could not be read, or went back in time."""
        return {
            "count": self._latency.count,
            **{f"p{percent}": self._latency.percentile(percent) for percent in (50, 95, 99)},
            "max": round(self._latency.maximum_ms, 2),
            "unreadable": self._unreadable,
            "backwards": self._backwards,
        }

    def _write(self, frame: Frame) -> None:
        if frame.index < 0:  # a card: no camera picture yet
            return
        captured_at = read_timestamp(frame.image)
        if captured_at is None:
            self._unreadable += 1
        elif captured_at != self._last:
            self._backwards += self._last is not None and captured_at < self._last
            self._last = captured_at
            self._latency.add((self._clock.now() - captured_at) * 1000)
