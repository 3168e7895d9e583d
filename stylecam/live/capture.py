"""The capture thread: reads the source while anybody watches and opens a lost source again."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from stylecam.errors import CameraBusyError, CommandRefusedError, SourceError
from stylecam.live.context import PipelineContext
from stylecam.media.frame import Frame
from stylecam.media.sources.base import Source
from stylecam.utils.latest import Latest
from stylecam.utils.message import Message

BACKOFF_S = (0.2, 0.4, 0.8, 1.0)
"""Waits between attempts to reopen a lost source. The last one repeats, so the source is back within 2 s."""
REST_S = 0.1
"""Wait between two checks for new viewers while nobody watches."""
STALLED_S = 1.5
"""A live source that delivers nothing for longer has stalled, even while a read still blocks in the driver."""


@dataclass(frozen=True, slots=True)
class _Replacement:
    """A source that takes the place of another; the future ends with the one that was let go."""

    source: Source
    opened: bool
    handed: Future[Source] = field(default_factory=Future)


class Capture:
    """Reads a source until the run stops, and reopens a lost one with back-off.

    While nobody watches, a camera is closed so that its light goes out; a file waits where it is. All methods run on
    the capture thread, except `badge_text`, `trouble`, `fit` and `replace_source`, which any thread may call.

    Attributes:
        source: what is read; any thread may look.
        replaced: how often it was replaced by another one.
    """

    def __init__(self, source: Source, out: Latest[Frame], context: PipelineContext) -> None:
        """Read `source`, which is open, and leave its newest frame in `out`."""
        self.source = source
        self.replaced = 0
        self._replacement: _Replacement | None = None
        self._fitting = False
        self._replacing = threading.Lock()
        self._index = 0
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
            return Message("camera busy") if self._busy else Message("camera lost")
        if self.source.live and now - self._last_frame_at > STALLED_S:
            return Message("camera stalled")
        return None

    @property
    def trouble(self) -> str | None:
        """The full message of the loss that is being recovered from, or None."""
        return self._trouble if self._lost else None

    def replace_source(self, source: Source, *, opened: bool) -> Future[Source]:
        """Read `source` from the next step on; it is open already if `opened`.

        Returns:
            A future with the source before it, which the caller closes. If it has an error or could be cancelled, the
            one before goes on, and the caller closes `source`.
        """
        replacement = _Replacement(source, opened)
        with self._replacing:
            before, self._replacement = self._replacement, replacement
        if before is not None:
            _refuse(before, Message("another camera was chosen after this one"))
        if self._context.stopping.is_set():
            self._refuse_replacement()
        return replacement.handed

    def fit(self) -> None:
        """Have the source deliver what the size and rate of the run need from now on. A camera may need a moment."""
        self._fitting = True

    def run(self) -> None:
        """Step until the run stops, then close the source."""
        try:
            while not self._context.stopping.is_set():
                self.step()
        finally:
            self._refuse_replacement()
            self.source.close()

    def step(self) -> None:
        """Read one frame, or make one attempt to reopen a lost source, or rest for a moment."""
        if self._replacement is not None:
            self._replace()
        if self._fitting:
            self._fit()
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
            frame = self.source.read()
        except SourceError as error:
            self._lose(error)
            return
        if frame is not None:
            self._last_frame_at = frame.captured_at
            frame = replace(frame, index=self._index)  # numbered on over all sources
            self._index += 1
            self._context.stats.count_captured(replaced=self._out.put(frame))

    def _replace(self) -> None:
        """Take the source that waits. A camera that nobody watches is left off, and opened for the next viewer."""
        with self._replacing:
            replacement, self._replacement = self._replacement, None
        if replacement is None or not replacement.handed.set_running_or_notify_cancel():
            return
        source, watching = replacement.source, self._context.viewers.watching
        try:
            if watching and not replacement.opened:
                source.open(self._context.size, self._context.fps)
        except SourceError as error:
            replacement.handed.set_exception(error)
            return
        if source.live and not watching:
            source.close()
        before, self.source = self.source, source
        self.replaced += 1
        self._resting = not watching
        self._recovered()
        replacement.handed.set_result(before)

    def _fit(self) -> None:
        """Open the source again if it delivers less than the run needs. If it is closed now, opening it will do."""
        self._fitting = False
        if self._resting or self._lost or self.source.serves(self._context.size, self._context.fps):
            return
        try:
            self.source.close()
            self._open()
            self._recovered()
        except SourceError as error:
            self._lose(error)

    def _refuse_replacement(self) -> None:
        with self._replacing:
            replacement, self._replacement = self._replacement, None
        if replacement is not None:
            _refuse(replacement, Message("stylecam is stopping"))

    def _lose(self, error: SourceError) -> None:
        self._lost, self._attempts = True, 0
        self._explain(error)
        self._context.stats.count_fault("source", str(error))
        self.source.close()

    def _explain(self, error: SourceError) -> None:
        self._trouble = str(error)
        self._busy = isinstance(error, CameraBusyError) and bool(error.holders)

    def _rest(self) -> None:
        if not self._resting:
            self._resting = True
            if self.source.live:
                self.source.close()
        self._clock.wait_until(self._clock.now() + REST_S, self._context.stopping)

    def _wake(self) -> None:
        """Reopen the source after a rest. It counts as resting until it is open: a slow start is no stall."""
        try:
            if self.source.live or self._lost:
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
        self.source.open(self._context.size, self._context.fps)

    def _recovered(self) -> None:
        self._lost = False
        self._last_frame_at = self._clock.now()


def _refuse(replacement: _Replacement, reason: str) -> None:
    if replacement.handed.set_running_or_notify_cancel():
        replacement.handed.set_exception(CommandRefusedError(reason))
