"""The web output: pictures for whoever opens the page or its stream."""

from __future__ import annotations

from stylecam.frame import Frame, Size
from stylecam.sinks.base import Sink
from stylecam.sinks.broadcast import Broadcast


class WebSink(Sink):
    """Leaves frames to a `Broadcast`, which a server sends on; watched while somebody looks there.

    Attributes:
        port: the one asked for, or None for any.
        broadcast: where the server takes pictures from.
    """

    name = "web"

    def __init__(self, port: int | None = None) -> None:
        super().__init__()
        self.port = port
        self.broadcast = Broadcast()

    def _open(self, size: Size, fps: float) -> None:
        self.broadcast.open()

    def _write(self, frame: Frame) -> None:
        if self.broadcast.wanted:
            self.broadcast.offer(frame.image.copy(), live=frame.index >= 0)

    def _watched(self) -> bool:
        return self.broadcast.wanted

    def _close(self) -> None:
        self.broadcast.close()
