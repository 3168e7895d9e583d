"""The capture thread's work: read the source while anyone watches, leave the newest frame, come back from losses."""

from __future__ import annotations

import threading

from stylecam.errors import CameraBusyError, SourceError
from stylecam.live.stats import Stats
from stylecam.live.viewers import Viewers
from stylecam.media.frame import Frame, Size
from stylecam.media.sources.base import Source
from stylecam.utils.clock import Clock
from stylecam.utils.latest import Latest

BACKOFF_S = (0.2, 0.4, 0.8, 1.0)
"""Waits between attempts to open a lost source again; the last one repeats, so it is back within 2 s of its return."""
REST_S = 0.05
"""Wait between two looks whether somebody watches again."""
STALLED_S = 1.5
"""A live source silent for longer has stalled, even while a read still blocks in the driver."""


class Capture:
    """Reads an opened source until told to stop; a lost one is closed and opened again with back-off.

    While nobody watches, a camera is closed, so that its light goes out; a file waits where it is.
    """

    def __init__(
        self,
        source: Source,
        out: Latest[Frame],
        stats: Stats,
        clock: Clock,
        stop: threading.Event,
        size: Size,
        fps: float,
        viewers: Viewers,
    ) -> None:
        self._viewers = viewers
        self._source = source
        self._out = out
        self._stats = stats
        self._clock = clock
        self._stop = stop
        self._size, self._fps = size, fps
        self._attempts = 0
        self._lost = self._resting = False
        self._last_frame_at = clock.now()
        self._error: SourceError | None = None

    def notice(self, now: float) -> str | None:
        """What viewers should be told at time `now`: that the camera is lost or silent; None while all is well."""
        if self._resting:
            return None
        if self._lost:
            held = isinstance(self._error, CameraBusyError) and self._error.holders
            return "camera busy" if held else "camera lost"
        if self._source.live and now - self._last_frame_at > STALLED_S:
            return "camera stalled"
        return None

    @property
    def trouble(self) -> str | None:
        """The full message of the loss being recovered from, or None."""
        return str(self._error) if self._lost else None

    def run(self) -> None:
        """Step until stopped, then close the source."""
        try:
            while not self._stop.is_set():
                self.step()
        finally:
            self._source.close()

    def step(self) -> None:
        """Read one frame, or make one attempt to get a lost source back; or rest for a moment."""
        if not self._viewers.watching:
            self._rest()
            return
        if self._resting:
            self._wake()
            return
        if self._lost:
            if self._clock.wait_until(self._clock.now() + self._backoff(), self._stop):
                self._reopen()
            return
        try:
            frame = self._source.read()
        except SourceError as error:
            self._lose(error)
            return
        if frame is not None:
            self._last_frame_at = frame.captured_at
            self._stats.count_captured(replaced=self._out.put(frame))

    def _lose(self, error: SourceError) -> None:
        self._lost, self._attempts = True, 0
        self._error = error
        self._stats.count_fault("source", str(error))
        self._source.close()

    def _rest(self) -> None:
        if not self._resting:
            self._resting = True
            if self._source.live:
                self._source.close()
        self._clock.wait_until(self._clock.now() + REST_S, self._stop)

    def _wake(self) -> None:
        """Open the source again; one that cannot be had now is lost like any other.

        It rests until then: a camera that takes its time to start has not stalled.
        """
        try:
            if self._source.live or self._lost:
                self._source.open(self._size, self._fps)
        except SourceError as error:
            self._lose(error)
        else:
            self._found()
        self._resting = False

    def _backoff(self) -> float:
        self._attempts += 1
        return BACKOFF_S[min(self._attempts, len(BACKOFF_S)) - 1]

    def _reopen(self) -> None:
        try:
            self._source.open(self._size, self._fps)
        except SourceError as error:
            if isinstance(error, CameraBusyError):
                self._error = error
            return
        self._found()

    def _found(self) -> None:
        self._lost = False
        self._last_frame_at = self._clock.now()
