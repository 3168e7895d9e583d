"""The contract of every sink."""

from __future__ import annotations

from abc import ABC, abstractmethod

from stylecam.errors import SinkClosedError
from stylecam.media.frame import Frame, Size


class Sink(ABC):
    """Somewhere frames go: a virtual camera, a web page, a file.

    The publisher's thread opens a sink, writes to it at the publishing rate and closes it. `close` may come at any
    time, also from another thread and also twice. A sink keeps no clock of its own and never blocks for longer than
    about one frame period.

    A subclass sets `name`, calls `super().__init__()` and implements `_open`, `_write` and `_close`. The public
    methods keep the order: `_write` and `_close` are only called after a successful `_open`.

    Attributes:
        name: for people, such as `virtual camera /dev/video10`. It may become more precise when the sink is open.
        kind: what it is: `virtual`, `pipewire`, `web`, `window`, `file`, `stream`, `null` or `other`.
        label: the name under which other programs list it as a camera, or None.
        any_size: whether an open sink takes frames of any size; all others take those of the size they were opened at.
        opens_slowly: whether opening it may take seconds, so that the publisher's thread must not wait for it.
        retries: whether opening the sink again may help after it was lost. The publisher then tries now and then.
        trouble: why frames do not arrive at the moment, where an open sink itself goes on trying; else None.
        dropped: how many frames a sink with a thread of its own had no time for.
    """

    name: str
    kind: str = "other"
    label: str | None = None
    any_size: bool = False
    opens_slowly: bool = False
    retries: bool = True
    trouble: str | None = None
    dropped: int = 0

    def __init__(self) -> None:
        self._opened = False

    @property
    def opened(self) -> bool:
        """True between a successful `open` and `close`."""
        return self._opened

    def open(self, size: Size, fps: float) -> None:
        """Make the sink ready for frames of exactly `size`, at `fps` a second. Does nothing if it is open.

        Raises:
            SinkUnavailableError: it cannot be opened; the message says why and what to do.
        """
        if not self._opened:
            self._open(size, fps)
            self._opened = True

    def write(self, frame: Frame) -> None:
        """Hand over one frame (H×W×3 uint8 BGR).

        The caller owns the array: the sink neither changes it nor keeps it after returning.

        Raises:
            SinkClosedError: the sink is not open.
            SinkLostError: it takes no more frames. Close it, and open it again if `retries`.
        """
        if not self._opened:
            raise SinkClosedError(f"{self.name} was written to before it was opened")
        self._write(frame)

    def close(self) -> None:
        """Release everything; a recording is finished first. Does nothing if the sink is not open.

        Raises:
            SinkLostError: what was written could not be finished.
        """
        if self._opened:
            self._opened = False
            self._close()

    def has_viewers(self) -> bool | None:
        """Return whether a program, page or file takes the frames; None where that cannot be found out.

        Called about ten times a second by the thread that writes.
        """
        return self._opened and self._has_viewers()

    def viewer_names(self) -> tuple[str, ...]:
        """Return who takes the frames now, for people; empty where nobody does, or nobody who could be named.

        Any thread may call it, but not the one that writes, because it may take some milliseconds.
        """
        return ()

    def discard(self) -> None:
        """Close the sink and leave nothing behind of what was written."""
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
    """Takes frames and discards them, for measurements."""

    name = "null"
    kind = "null"
    any_size = True

    def _open(self, size: Size, fps: float) -> None:
        pass

    def _write(self, frame: Frame) -> None:
        pass

    def _close(self) -> None:
        pass
