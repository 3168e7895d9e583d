"""When sound must be shown, and when it must not be heard: arithmetic on times, without threads."""

from __future__ import annotations

import statistics
import threading
from collections import deque
from dataclasses import dataclass

from stylecam.media.sound.source import RATE

_REMEMBERED_COVERS = 64
_WINDOW_FRAMES = 91
"""The delay is the median of so many frames: it follows a change within seconds, and a single late frame never."""


@dataclass(slots=True)
class _Cover:
    """From when to when a cover was published, in clock seconds."""

    start: float
    end: float


class PictureTimeline:
    """Knows how late the picture is and when it was covered. All times are clock seconds.

    The publish thread reports what it publishes; any thread may ask.

    Attributes:
        delay_s: the usual time from capture to publishing, which the sound has to wait as well.
    """

    def __init__(self) -> None:
        self.delay_s = 0.0
        self._lock = threading.Lock()
        self._index: int | None = None
        self._delays: deque[float] = deque(maxlen=_WINDOW_FRAMES)
        self._covers = deque([_Cover(float("-inf"), float("inf"))], maxlen=_REMEMBERED_COVERS)

    def published(self, now: float, index: int, captured_at: float, *, covered: bool) -> None:
        """Note one published picture.

        Args:
            now: when it is published.
            index: the number of its frame; a repeated one says nothing about the delay.
            captured_at: when it was captured.
            covered: whether it hides the camera, so that nothing must be heard.
        """
        with self._lock:
            last = self._covers[-1]
            if covered and last.end != float("inf"):
                self._covers.append(_Cover(now, float("inf")))
            elif not covered and last.end == float("inf"):
                last.end = now
            if not covered and index != self._index:
                self._index = index
                self._delays.append(max(0.0, now - captured_at))
                self.delay_s = statistics.median(self._delays)

    def is_audible(self, captured_at: float, shown_at: float, seconds: float) -> bool:
        """Return whether sound may be heard: no cover was there when it was captured, nor is when it is shown."""
        with self._lock:
            return not any(
                start < cover.end and start + seconds > cover.start
                for cover in self._covers
                for start in (captured_at, shown_at)
            )


class ArrivalClock:
    """Finds out when sound was recorded from when it arrives.

    Pieces arrive late by varying times and never early, so the earliest arrivals count: the clock follows an earlier
    one at once, and a later one slowly, as the device's own clock may run slower than the computer's.
    """

    _FOLLOW = 0.02
    _LOST_S = 0.2
    """After a gap longer than this it begins anew."""

    def __init__(self) -> None:
        self._next: float | None = None

    def start_of(self, arrived_at: float, count: int) -> float:
        """Return when the first of `count` samples was recorded that have arrived at `arrived_at`."""
        observed = arrived_at - count / RATE
        expected = observed if self._next is None else self._next
        late = observed - expected
        followed = late if late < 0 else self._FOLLOW * late
        start = observed if abs(late) > self._LOST_S else expected + followed
        self._next = start + count / RATE
        return start
