"""The web output: pictures for whoever opens the page or its stream."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

import cv2

from stylecam.errors import TooManyViewersError
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.sinks.base import Sink


# ---- sinks.web
class MjpegSink(Sink):
    """Leaves frames to a `JpegBroadcast`, which a server sends on; watched while somebody looks there.

    Attributes:
        port: the one asked for, or None for any.
        broadcast: where the server takes pictures from.
    """

    name = "web"

    def __init__(self, port: int | None = None) -> None:
        super().__init__()
        self.port = port
        self.broadcast = JpegBroadcast()

    def _open(self, size: Size, fps: float) -> None:
        self.broadcast.open()

    def _write(self, frame: Frame) -> None:
        if self.broadcast.wanted:
            self.broadcast.offer(frame.image.copy(), live=frame.index >= 0)

    def _has_viewers(self) -> bool:
        return self.broadcast.wanted

    def _close(self) -> None:
        self.broadcast.close()


# ---- sinks.broadcast
JPEG_QUALITY = 85
MAX_VIEWERS = 64


class JpegBroadcast:
    """Encodes a picture once, and only while somebody waits for one; each viewer gets the newest when it is ready.

    So slow viewers skip pictures and hold up nobody. `offer`, `open` and `close` may be called from any thread; the
    rest belongs to the event loop that has `attach`ed itself.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._image: Image | None = None
        self._jpeg = b""
        self._live = False
        self._offered_live = False
        self._waiting: set[asyncio.Future[None]] = set()
        self._encoding = False
        self._clients = 0
        self.number = 0
        self.closed = True

    @property
    def wanted(self) -> bool:
        """True while somebody waits for pictures."""
        return self._clients > 0

    def open(self) -> None:
        """Pictures will come."""
        self.closed = False

    def offer(self, image: Image, live: bool) -> None:
        """Leave a picture to be sent (H×W×3 uint8 BGR; kept); one not yet encoded is replaced. `live`: no card."""
        with self._lock:
            self._image, self._offered_live = image, live
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._wake)

    def close(self) -> None:
        """Let all viewers go; no more pictures come."""
        self.closed = True
        with self._lock:
            self._image = None
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._wake_viewers)

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve viewers from `loop` from now on."""
        with self._lock:
            self._loop = loop

    def detach(self) -> None:
        """Serve nobody any more; the loop is about to end."""
        with self._lock:
            self._loop = None

    @contextlib.contextmanager
    def viewer(self) -> Iterator[None]:
        """Count one viewer for as long as the block lasts.

        Raises:
            TooManyViewersError: there are `MAX_VIEWERS` already.
        """
        if self._clients >= MAX_VIEWERS:
            raise TooManyViewersError(f"{MAX_VIEWERS} viewers already; close one")
        self._clients += 1
        try:
            yield
        finally:
            self._clients -= 1

    async def next(self, after: int) -> tuple[int, bytes]:
        """The first picture with a number above `after`; any, once closed."""
        while self.number <= after and not self.closed:
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(waiting)
            try:
                await waiting
            finally:
                self._waiting.discard(waiting)
        return self.number, self._jpeg

    async def next_live(self) -> bytes:
        """The next picture that is no card: the camera may have to start first. Empty once closed."""
        number = self.number
        while not self.closed:
            number, jpeg = await self.next(number)
            if self._live and not self.closed:
                return jpeg
        return b""

    def _wake(self) -> None:
        """Start encoding; while an older picture is being encoded, the newest waits its turn."""
        if not self._encoding and self.wanted:
            self._encoding = True
            asyncio.get_running_loop().create_task(self._encode())

    async def _encode(self) -> None:
        try:
            while True:
                with self._lock:
                    image, self._image, live = self._image, None, self._offered_live
                if image is None:
                    return
                self._jpeg = await asyncio.get_running_loop().run_in_executor(None, encode_jpeg, image)
                self.number, self._live = self.number + 1, live
                self._wake_viewers()
        finally:
            self._encoding = False

    def _wake_viewers(self) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)


def encode_jpeg(image: Image) -> bytes:
    """`image` (H×W×3 uint8 BGR) as a JPEG file."""
    ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return data.tobytes() if ok else b""
