"""Decide whether anybody watches: only then the camera is on and frames are styled."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from stylecam.control.state import LiveState
from stylecam.media.sinks.base import Sink
from stylecam.utils.message import Message

UPDATE_INTERVAL_S = 0.1
"""Time between two queries of the sinks."""
LINGER_S = 5.0
"""The camera stays on this long after the last viewer: programs close and reopen a camera while they set it up."""


class Viewers:
    """Decides from the sinks and the user's commands whether anybody watches.

    A sink with a viewer keeps the camera on. So does one that cannot tell, with `idle_after_s` only until no command
    (a key, a hotkey) has come for that long. The command that switches the camera off overrides everything.

    Attributes:
        watching: the decision of the last `update`; any thread may read it.
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
        """Ask `sinks` from now on (clock seconds); `state` returns the state of the moment."""
        self.watching = not state().resting
        self._sinks = tuple(sinks)
        self._listing = threading.Lock()
        self._answers: dict[Sink, bool | None] = {}
        self._state = state
        self._always_on = always_on
        self._idle_after_s = idle_after_s
        self._updated_at = float("-inf")
        self._watched_at = self._commanded_at = now
        self._commands = state().commands

    def add(self, sink: Sink) -> None:
        """Ask `sink` too from now on. Any thread may call it."""
        with self._listing:
            self._sinks = (*self._sinks, sink)

    def remove(self, sink: Sink) -> None:
        """Ask `sink` no more. Any thread may call it."""
        with self._listing:
            self._sinks = tuple(other for other in self._sinks if other is not sink)
        self._answers.pop(sink, None)

    def taken(self, sink: Sink) -> bool | None:
        """Return whether anybody took the pictures of `sink` a moment ago; None where that is not known."""
        return self._answers.get(sink)

    @property
    def waiting_for(self) -> str | None:
        """What would switch the camera on, for people; None while it is on."""
        if self.watching:
            return None
        return Message("camera switched off by hand") if self._state().resting else Message("waiting for a viewer")

    @property
    def names(self) -> tuple[str, ...]:
        """Who takes the pictures now, for people, as far as the sinks can name them. Any thread may read it."""
        return tuple(name for sink in self._sinks for name in sink.viewer_names())

    def update(self, now: float) -> bool:
        """Bring `watching` up to date, at most once per `UPDATE_INTERVAL_S`. Only the publish thread calls it."""
        if now - self._updated_at >= UPDATE_INTERVAL_S:
            self._updated_at = now
            self.watching = self._decide(now)
        return self.watching

    def _decide(self, now: float) -> bool:
        state = self._state()
        if state.commands != self._commands:
            self._commands, self._commanded_at = state.commands, now
        if state.resting:
            return False
        if self._watched(now) or self._always_on:
            self._watched_at = now
        return now - self._watched_at < LINGER_S

    def _watched(self, now: float) -> bool:
        sinks = self._sinks
        answers = [sink.has_viewers() for sink in sinks]
        self._answers = dict(zip(sinks, answers, strict=True))
        if True in answers:
            return True
        return None in answers and (self._idle_after_s is None or now - self._commanded_at < self._idle_after_s)
