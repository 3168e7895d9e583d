"""Whether frames may go to a server now: it is left when it is late or gone, and tried again after a pause."""

from __future__ import annotations

import threading
from collections import deque

from stylecam.utils.clock import Clock

DEADLINE_S = 0.12
"""A server is late that has not answered a frame for this long, in seconds.

The local engine then still has time to paint the next frame within 200 ms of the last one from the server.
"""
PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds until a server is tried again after it failed once, twice, … in a row. The last one repeats."""
CALM_S = 10.0
"""A server that was up for this long has a clean record again, in seconds."""
_PINGS = 10


class RemoteLink:
    """The state of the connection to a server, at first down. Any thread may use it; times are clock seconds.

    Attributes:
        trouble: why it is down, in one line; None while it is up.
        outages: how often it went from up to down.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._up_since: float | None = None
        self._retry_at = float("-inf")
        self._pings: deque[float] = deque(maxlen=_PINGS)
        self.trouble: str | None = "it was not tried yet"
        self.outages = 0

    @property
    def up(self) -> bool:
        """Whether frames may go there."""
        return self._up_since is not None

    @property
    def distance_s(self) -> float:
        """The shortest time of the last few questions and answers without a picture, in seconds; 0 before the first."""
        return min(self._pings, default=0.0)

    @property
    def retry_due(self) -> bool:
        """Whether it is down and its pause is over."""
        return not self.up and self._clock.now() >= self._retry_at

    def pinged(self, seconds: float) -> None:
        """Take in how long a question without a picture took."""
        self._pings.append(seconds)

    def lost(self, reason: str) -> None:
        """Leave the server, or stay away from it for another pause, because of `reason`."""
        now = self._clock.now()
        with self._lock:
            if self._up_since is not None:
                self.outages += 1
                if now - self._up_since >= CALM_S:
                    self._failures = 0
            elif now < self._retry_at:  # another thread has met with the same
                return
            self._up_since, self.trouble = None, reason
            self._retry_at = now + PAUSES_S[min(self._failures, len(PAUSES_S) - 1)]
            self._failures += 1

    def returned(self) -> None:
        """Send frames there from now on."""
        with self._lock:
            self._up_since, self.trouble = self._clock.now(), None
