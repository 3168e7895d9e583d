"""Sources and sinks for tests, of stylecam and of programs built on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from stylecam.errors import SinkError, SourceError
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.sinks.base import Sink
from stylecam.media.sources.base import Source
from stylecam.utils.clock import Clock

ScriptEvent = Image | SourceError | None
"""What a scripted source does next: deliver a picture, raise an error, or deliver nothing."""


def gray_image(level: int = 128, size: Size | None = None) -> Image:
    """Return a picture of one grey level, H×W×3 uint8; 128×96 pixels unless `size` is given."""
    width, height = size or Size(128, 96)
    return np.full((height, width, 3), level, np.uint8)


class ScriptedSource(Source):
    """Follows a script, one event per frame period of `clock`. The last event repeats for ever.

    Attributes:
        opened: how often it was opened.
        closed: how often it was closed.
    """

    name = "script"

    def __init__(self, events: Iterable[ScriptEvent], clock: Clock, fps: float = 30.0, *, live: bool = True) -> None:
        super().__init__()
        self.live = live
        self.opened = 0
        self.closed = 0
        self._events = list(events)
        self._at = 0
        self._clock = clock
        self._period = 1 / fps

    def close(self) -> None:
        """Count the call in `closed`."""
        self.closed += 1

    def _open(self, size: Size, fps: float) -> None:
        self.opened += 1

    def _read(self) -> tuple[Image, float] | None:
        self._clock.wait_until(self._clock.now() + self._period)
        event = self._events[min(self._at, len(self._events) - 1)]
        self._at += 1
        if isinstance(event, SourceError):
            raise event
        return None if event is None else (event, self._clock.now())


class FailingSource(ScriptedSource):
    """A scripted source whose first openings fail, each with the next of the errors `refusals`."""

    def __init__(
        self, events: Iterable[ScriptEvent], clock: Clock, refusals: Sequence[SourceError], fps: float = 30.0
    ) -> None:
        super().__init__(events, clock, fps)
        self.refusals = list(refusals)

    def _open(self, size: Size, fps: float) -> None:
        super()._open(size, fps)
        if self.refusals:
            raise self.refusals.pop(0)


class CollectingSink(Sink):
    """Keeps copies of the last `keep` frames, and fails on request.

    `failing` is called with `open` or `write` before each of these, and may return an error to raise.

    Attributes:
        frames: the frames, newest last.
        opened_count: how often it was opened.
        closed_count: how often it was closed.
    """

    name = "collected"

    def __init__(self, keep: int = 1000, failing: Callable[[str], SinkError | None] | None = None) -> None:
        super().__init__()
        self.frames: list[Frame] = []
        self.opened_count = 0
        self.closed_count = 0
        self._keep = keep
        self._failing = failing or (lambda _: None)

    def _open(self, size: Size, fps: float) -> None:
        self._maybe_fail("open")
        self.opened_count += 1

    def _write(self, frame: Frame) -> None:
        self._maybe_fail("write")
        self.frames = [*self.frames[-self._keep + 1 :], Frame(frame.image.copy(), frame.index, frame.captured_at)]

    def _close(self) -> None:
        self.closed_count += 1

    def _maybe_fail(self, during: str) -> None:
        error = self._failing(during)
        if error is not None:
            raise error
