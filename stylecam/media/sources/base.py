"""What every source promises."""

from __future__ import annotations

from abc import ABC, abstractmethod

from stylecam.media.frame import Frame, Image, Size


class Source(ABC):
    """Somewhere frames come from: a camera, a file, a stream.

    Opened, read and closed by the capture thread alone (but for the first `open`, before it starts). `read` blocks
    until the next picture is due, at most about a second, and keeps the source's own pace; a source knows nothing of
    styles or of the rate frames are published at.

    Attributes:
        name: for people: `HD Webcam (/dev/video0)`, `clip.mp4`, `demo`.
        live: True where pictures come whether we read or not, so that silence means trouble.
    """

    name: str
    live: bool = False

    def __init__(self) -> None:
        self._index = 0

    def open(self, size: Size, fps: float) -> None:
        """Make ready to read. `size` and `fps` are wishes: a camera may give something else.

        Raises:
            SourceError: with what happened and what to do.
        """
        self._open(size, fps)

    def read(self) -> Frame | None:
        """The next frame, or None if none came for a while (call again).

        Raises:
            SourceLostError: it went away; close and open again.
        """
        taken = self._read()
        if taken is None:
            return None
        image, captured_at = taken
        self._index += 1
        return Frame(image, self._index - 1, captured_at)

    @abstractmethod
    def close(self) -> None:
        """Let the device or file go. May be called twice, and before `open`."""

    def describe(self) -> dict[str, object]:
        """What is really delivered, for the statistics: at least `name`."""
        return {"name": self.name}

    @abstractmethod
    def _open(self, size: Size, fps: float) -> None: ...

    @abstractmethod
    def _read(self) -> tuple[Image, float] | None: ...
