"""The clock that is passed to all other modules, so that tests never sleep."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Monotonic time in seconds, waiting for a time, and the processor time of this process."""

    def now(self) -> float:
        """Return the time in seconds. Only differences have a meaning."""
        ...

    def process_time(self) -> float:
        """Return the processor time in seconds that all threads of this process have used so far."""
        ...

    def wait_until(self, deadline: float, stop: threading.Event | None = None) -> bool:
        """Return True at `deadline` (at once if it has passed), or False as soon as `stop` is set."""
        ...


class SystemClock:
    """The real, monotonic clock."""

    def now(self) -> float:
        """Return `time.perf_counter`: shared by all processes on Linux, and finer than 16 ms on Windows."""
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
    """A clock for tests: both times move only when a caller waits for a time or calls `advance`."""

    def __init__(self, start: float = 1000.0) -> None:
        self._now = start
        self._process_time = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return the time to which the clock was moved last."""
        with self._lock:
            return self._now

    def process_time(self) -> float:
        """Return the processor time, as `advance` has set it."""
        with self._lock:
            return self._process_time

    def advance(self, seconds: float, process_time: float = 0.0) -> None:
        """Let `seconds` pass, during which the process uses `process_time` seconds of the processor."""
        with self._lock:
            self._now += seconds
            self._process_time += process_time

    def wait_until(self, deadline: float, stop: threading.Event | None = None) -> bool:
        """Move the clock to `deadline` unless `stop` is set."""
        if stop is not None and stop.is_set():
            return False
        with self._lock:
            self._now = max(self._now, deadline)
        return True
