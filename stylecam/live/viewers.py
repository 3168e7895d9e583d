"""Whether anybody watches: only then the camera is on and anything is painted."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from stylecam.control.state import LiveState
from stylecam.media.sinks.base import Sink

UPDATE_INTERVAL_S = 0.1
"""Seconds between two looks at who watches."""
LINGER_S = 5.0
"""The camera stays on this long after the last viewer: programs close and open a camera while they set it up."""


class Viewers:
    """Decides from what the sinks know, and the user's hand, whether there is anyone to paint for.

    Sinks that can tell are believed. Where none is watched and one cannot tell, the picture goes on, or, with
    `idle_after_s`, until no order (a key, a hotkey) has come for that long. The user's own "camera off" beats all.

    Attributes:
        watching: the decision as of the last look; read by any thread.
    """

    def __init__(
        self,
        sinks: Iterable[Sink],
        state: Callable[[], LiveState],
        now: float,
        *,
        always_on: bool = False,
        idle_after_s: float | None = None,
    ) -> None:
        """`state` gives what the user wants at this moment."""
        self.watching = True
        self._sinks = tuple(sinks)
        self._state = state
        self._always_on = always_on
        self._idle_after_s = idle_after_s
        self._looked_at = float("-inf")
        self._watched_at = self._stirred_at = now
        self._version = state().version

    def add(self, sink: Sink) -> None:
        """Ask `sink` too from now on; from any thread."""
        self._sinks = (*self._sinks, sink)

    def remove(self, sink: Sink) -> None:
        """Ask `sink` no more."""
        self._sinks = tuple(one for one in self._sinks if one is not sink)

    @property
    def waiting_for(self) -> str | None:
        """What would bring the camera back, for people; None while it is on."""
        if self.watching:
            return None
        return "camera switched off by hand" if self._state().resting else "waiting for a viewer"

    def update(self, now: float) -> bool:
        """Bring `watching` up to date, at most once per `UPDATE_INTERVAL_S`; by the thread that writes to the sinks."""
        if now - self._looked_at >= UPDATE_INTERVAL_S:
            self._looked_at = now
            self.watching = self._decide(now)
        return self.watching

    def _decide(self, now: float) -> bool:
        state = self._state()
        if state.version != self._version:
            self._version, self._stirred_at = state.version, now
        if state.resting:
            return False
        if self._always_on or self._watched(now):
            self._watched_at = now
        return now - self._watched_at < LINGER_S

    def _watched(self, now: float) -> bool:
        told = [sink.has_viewers() for sink in self._sinks]
        if True in told:
            return True
        return None in told and (self._idle_after_s is None or now - self._stirred_at < self._idle_after_s)
