"""What every sink promises."""

from __future__ import annotations

from abc import ABC, abstractmethod

from stylecam.errors import SinkClosedError
from stylecam.media.frame import Frame, Size


class Sink(ABC):
    """Somewhere frames go: a virtual camera, a page, a file.

    Opened, written to at the publishing rate and closed by one thread; `close` may come at any time, also twice. A sink
    keeps no clock of its own and never blocks longer than about a frame period.

    Attributes:
        name: for people: `virtual camera /dev/video10`, `web http://127.0.0.1:8765/`.
        retries: True if opening it again may help after it was lost.
    """

    name: str
    retries: bool = True

    def __init__(self) -> None:
        self._opened = False

    @property
    def opened(self) -> bool:
        """True between a successful `open` and `close`."""
        return self._opened

    def open(self, size: Size, fps: float) -> None:
        """Make the sink ready for frames of exactly `size`.

        Raises:
            SinkUnavailableError: it cannot be opened; the message says why and what to do.
        """
        if not self._opened:
            self._open(size, fps)
            self._opened = True

    def write(self, frame: Frame) -> None:
        """Hand over one frame (H×W×3 uint8 BGR). The sink must not keep the array after returning.

        Raises:
            SinkClosedError: it is not open.
            SinkLostError: it takes no more frames; close it, and open it again if `retries`.
        """
        if not self._opened:
            raise SinkClosedError(f"{self.name} was written to before it was opened")
        self._write(frame)

    def close(self) -> None:
        """Let everything go; what was recorded is finished first."""
        if self._opened:
            self._opened = False
            self._close()

    def has_viewers(self) -> bool | None:
        """True while somebody takes what is written: a program, a page, a file; None where that cannot be told.

        Asked about ten times a second by the thread that writes.
        """
        return self._opened and self._has_viewers()

    def discard(self) -> None:
        """Close without a trace: nothing was worth keeping yet."""
        self.close()

    def _has_viewers(self) -> bool | None:
        return True

    @abstractmethod
    def _open(self, size: Size, fps: float) -> None: ...

    @abstractmethod
    def _write(self, frame: Frame) -> None: ...

    @abstractmethod
    def _close(self) -> None: ...


class NullSink(Sink):
    """Takes frames and forgets them: for measuring."""

    name = "null"

    def _open(self, size: Size, fps: float) -> None:
        pass

    def _write(self, frame: Frame) -> None:
        pass

    def _close(self) -> None:
        pass
