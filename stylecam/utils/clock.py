"""The one place that knows time and waits: everything else is handed a clock, so tests never sleep."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Seconds on a monotonic scale, waiting on it, and the processor time that this program has used."""

    def now(self) -> float:
        """The time in seconds; only differences mean something."""
        ...

    def process_time(self) -> float:
        """Seconds of processor time used so far by all threads of this process; only differences mean something."""
        ...

    def wait_until(self, deadline: float, stop: threading.Event | None = None) -> bool:
        """Return True at `deadline` (at once if it has passed), or False as soon as `stop` is set."""
        ...


class SystemClock:
    """The real, monotonic clock."""

    def now(self) -> float:
        """Seconds of `time.perf_counter`: on Linux the clock all processes share, on Windows one finer than 16 ms."""
        return time.perf_counter()

    def process_time(self) -> float:
        """See `Clock.process_time`."""
        return time.process_time()

    def wait_until(self, deadline: float, stop: threading.Event | None = None) -> bool:
        """See `Clock.wait_until`."""
        remaining = deadline - time.perf_counter()
        if stop is not None:
            return not stop.wait(max(0.0, remaining))
        if remaining > 0:
            time.sleep(remaining)
        return True


class ManualClock:
    """A clock for tests: time passes only when someone waits for it or advances it, and so does processor time."""

    def __init__(self, start: float = 1000.0) -> None:
        self._now = start
        self._process_time = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """The time as it was last moved to."""
        with self._lock:
            return self._now

    def process_time(self) -> float:
        """The processor time used, as it was last told."""
        with self._lock:
            return self._process_time

    def advance(self, seconds: float, process_time: float = 0.0) -> None:
        """Let `seconds` pass, in which the process uses `process_time` seconds of processor time."""
        with self._lock:
            self._now += seconds
            self._process_time += process_time

    def wait_until(self, deadline: float, stop: threading.Event | None = None) -> bool:
        """Jump to `deadline` unless `stop` is set."""
        if stop is not None and stop.is_set():
            return False
        with self._lock:
            self._now = max(self._now, deadline)
        return True
