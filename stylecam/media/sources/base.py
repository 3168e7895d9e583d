"""The contract of every source."""

from __future__ import annotations

from abc import ABC, abstractmethod

from stylecam.media.frame import Frame, Image, Size
from stylecam.utils.clock import Clock


class Source(ABC):
    """Somewhere frames come from: a camera, a file, a stream.

    The capture thread alone opens, reads and closes a source, except that another thread may open it before the capture
    thread has it, and close it when the capture thread has let it go. A source keeps its own pace. It knows nothing of
    styles or of the publishing rate.

    A subclass sets `name`, calls `super().__init__()` and implements `_open`, `_read` and `close`. `_read` returns the
    picture (H×W×3 uint8 BGR, which nobody changes any more) and the time when it was captured, in seconds on the
    monotonic clock.

    Attributes:
        name: for people, such as `HD Webcam (/dev/video0)`, `clip.mp4` or `demo`.
        kind: what it is: `camera`, `demo`, `picture` or `video`.
        live: True if pictures arrive whether they are read or not, so that silence means trouble.
    """

    name: str
    kind: str = "camera"
    live: bool = False

    def __init__(self) -> None:
        self._index = 0

    def open(self, size: Size, fps: float) -> None:
        """Get ready to read. `size` and `fps` are wishes: a camera may deliver something else.

        Raises:
            SourceError: it cannot be opened; the message says why and what to do.
        """
        self._open(size, fps)

    def serves(self, size: Size, fps: float) -> bool:
        """Return whether an open source need not be opened again to deliver its best for `size` and `fps`."""
        return True

    def read(self) -> Frame | None:
        """Wait for the next frame and return it; None if none came for about a second, after which to call again.

        The frame's array belongs to the caller, and nobody changes it any more. Frames are numbered from 0.

        Raises:
            SourceLostError: the source went away. Close it and open it again.
        """
        taken = self._read()
        if taken is None:
            return None
        image, captured_at = taken
        self._index += 1
        return Frame(image, self._index - 1, captured_at)

    @abstractmethod
    def close(self) -> None:
        """Release the device or file. May be called twice, and before `open`."""

    def describe(self) -> dict[str, object]:
        """Return what is really delivered, for the statistics: at least `name` and `kind`."""
        return {"name": self.name, "kind": self.kind}

    @abstractmethod
    def _open(self, size: Size, fps: float) -> None: ...

    @abstractmethod
    def _read(self) -> tuple[Image, float] | None: ...


class PacedSource(Source):
    """A source of pictures that wait for nobody: `_draw` makes one at each tick of the requested rate."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._size = Size(1280, 720)
        self._period = 1 / 30
        self._opened_at = self._due = 0.0

    def close(self) -> None:
        """See `Source.close`."""

    def serves(self, size: Size, fps: float) -> bool:
        """See `Source.serves`."""
        return (self._size, self._period) == (size, 1 / fps)

    def _open(self, size: Size, fps: float) -> None:
        self._size, self._period = size, 1 / fps
        self._opened_at = self._due = self._clock.now()

    def _read(self) -> tuple[Image, float] | None:
        self._clock.wait_until(self._due)
        now = self._clock.now()
        self._due = max(self._due + self._period, now - self._period)  # after a pause, go on without catching up
        return self._draw(now), now

    @abstractmethod
    def _draw(self, now: float) -> Image: ...
