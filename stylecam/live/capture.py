"""The capture thread: reads the source while anybody watches and opens a lost source again."""

from __future__ import annotations

from stylecam.errors import CameraBusyError, SourceError
from stylecam.live.context import PipelineContext
from stylecam.media.frame import Frame
from stylecam.media.sources.base import Source
from stylecam.utils.latest import Latest

BACKOFF_S = (0.2, 0.4, 0.8, 1.0)
"""Waits between attempts to reopen a lost source. The last one repeats, so the source is back within 2 s."""
REST_S = 0.05
"""Wait between two checks for new viewers while nobody watches."""
STALLED_S = 1.5
"""A live source that delivers nothing for longer has stalled, even while a read still blocks in the driver."""


class Capture:
    """Reads a source until the run stops, and reopens a lost one with back-off.

    While nobody watches, a camera is closed so that its light goes out; a file waits where it is. All methods run on
    the capture thread, except `badge_text` and `trouble`, which any thread may call.
    """

    def __init__(self, source: Source, out: Latest[Frame], context: PipelineContext) -> None:
        """Read `source`, which is open, and leave its newest frame in `out`."""
        self._source = source
        self._out = out
        self._context = context
        self._clock = context.clock
        self._attempts = 0
        self._lost = self._busy = self._resting = False
        self._last_frame_at = self._clock.now()
        self._trouble = ""

    def badge_text(self, now: float) -> str | None:
        """Return the words for the picture at `now` if the camera is lost, busy or stalled; else None."""
        if self._resting:
            return None
        if self._lost:
            return "camera busy" if self._busy else "camera lost"
        if self._source.live and now - self._last_frame_at > STALLED_S:
            return "camera stalled"
        return None

    @property
    def trouble(self) -> str | None:
        """The full message of the loss that is being recovered from, or None."""
        return self._trouble if self._lost else None

    def run(self) -> None:
        """Step until the run stops, then close the source."""
        try:
            while not self._context.stopping.is_set():
                self.step()
        finally:
            self._source.close()

    def step(self) -> None:
        """Read one frame, or make one attempt to reopen a lost source, or rest for a moment."""
        if not self._context.viewers.watching:
            self._rest()
        elif self._resting:
            self._wake()
        elif self._lost:
            self._reopen()
        else:
            self._read()

    def _read(self) -> None:
        try:
            frame = self._source.read()
        except SourceError as error:
            self._lose(error)
            return
        if frame is not None:
            self._last_frame_at = frame.captured_at
            self._context.stats.count_captured(replaced=self._out.put(frame))

    def _lose(self, error: SourceError) -> None:
        self._lost, self._attempts = True, 0
        self._explain(error)
        self._context.stats.count_fault("source", str(error))
        self._source.close()

    def _explain(self, error: SourceError) -> None:
        self._trouble = str(error)
        self._busy = isinstance(error, CameraBusyError) and bool(error.holders)

    def _rest(self) -> None:
        if not self._resting:
            self._resting = True
            if self._source.live:
                self._source.close()
        self._clock.wait_until(self._clock.now() + REST_S, self._context.stopping)

    def _wake(self) -> None:
        """Reopen the source after a rest. It counts as resting until it is open: a slow start is no stall."""
        try:
            if self._source.live or self._lost:
                self._open()
            self._recovered()
        except SourceError as error:
            self._lose(error)
        self._resting = False

    def _reopen(self) -> None:
        """Make the next attempt to reopen a lost source, after a wait."""
        wait_s = BACKOFF_S[min(self._attempts, len(BACKOFF_S) - 1)]
        self._attempts += 1
        if not self._clock.wait_until(self._clock.now() + wait_s, self._context.stopping):
            return
        try:
            self._open()
            self._recovered()
        except CameraBusyError as error:
            self._explain(error)
        except SourceError:
            return

    def _open(self) -> None:
        self._source.open(self._context.size, self._context.fps)

    def _recovered(self) -> None:
        self._lost = False
        self._last_frame_at = self._clock.now()
