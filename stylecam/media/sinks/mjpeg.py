"""The web output: a stream of JPEG pictures for everyone who opens the page or the stream's address."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator

import cv2

from stylecam.errors import TooManyViewersError
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.sinks.base import Sink
from stylecam.media.sinks.video_broadcast import VideoBroadcast
from stylecam.utils.message import Message

JPEG_QUALITY = 85
MAX_VIEWERS = 64


class JpegBroadcast:
    """Encodes a picture once, and only while somebody waits for one; each viewer gets the newest when it is ready.

    A slow viewer therefore misses pictures and delays nobody. `offer`, `open` and `close` may be called by any thread;
    everything else only by the event loop that was passed to `attach`.

    Attributes:
        number: how many pictures have been encoded; the number of the newest.
        offered_at: when the newest was offered, in seconds since 1970.
        closed: True before `open` and after `close`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._image: Image | None = None
        self._jpeg = b""
        self._live = False
        self._offered_live = False
        self._image_offered_at = 0.0
        self._changed = asyncio.Event()
        self._encoding = False
        self._viewers = 0
        self.number = 0
        self.offered_at = 0.0
        self.closed = True

    @property
    def viewer_count(self) -> int:
        """How many viewers there are."""
        return self._viewers

    @property
    def has_viewers(self) -> bool:
        """True while somebody waits for pictures."""
        return self._viewers > 0

    @property
    def last_offered(self) -> int:
        """The number of the newest picture that has been offered, which may not be encoded yet.

        Only pictures with a higher number were surely offered after this moment.
        """
        return self.number + self._encoding + (self._image is not None)

    def open(self) -> None:
        """Expect pictures from now on."""
        self.closed = False

    def offer(self, image: Image, live: bool) -> None:
        """Send a picture next; one that is not encoded yet is replaced.

        Args:
            image: H×W×3 uint8 BGR; nobody may change it afterwards.
            live: False for a cover, such as the card that is shown until the camera has started.
        """
        with self._lock:
            self._image, self._offered_live, self._image_offered_at = image, live, time.time()
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._start_encoding)

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
            self._changed = asyncio.Event()  # an event belongs to one loop

    def detach(self) -> None:
        """Stop serving viewers; the loop is about to end."""
        with self._lock:
            self._loop = None

    @contextlib.contextmanager
    def viewer(self) -> Iterator[None]:
        """Count one viewer for the duration of the block.

        Raises:
            TooManyViewersError: there are `MAX_VIEWERS` already.
        """
        if self._viewers >= MAX_VIEWERS:
            raise TooManyViewersError(f"{MAX_VIEWERS} viewers already; close one")
        self._viewers += 1
        try:
            yield
        finally:
            self._viewers -= 1

    async def next_jpeg(self, after: int) -> tuple[int, bytes]:
        """Wait for a picture with a number above `after` and return both; once closed, return the last one at once."""
        while self.number <= after and not self.closed:
            await self._changed.wait()
        return self.number, self._jpeg

    async def next_live_jpeg(self) -> bytes:
        """Wait for the next picture that is no cover: the camera may have to start first. Empty once closed."""
        number = self.last_offered  # those up to it may show what a command has just forbidden
        while not self.closed:
            number, jpeg = await self.next_jpeg(number)
            if self._live and not self.closed:
                return jpeg
        return b""

    def _start_encoding(self) -> None:
        """Encode the newest picture, unless an older one is being encoded: then it comes after that one."""
        if not self._encoding and self.has_viewers:
            self._encoding = True
            asyncio.get_running_loop().create_task(self._encode())

    async def _encode(self) -> None:
        try:
            while True:
                with self._lock:
                    image, self._image = self._image, None
                    live, offered_at = self._offered_live, self._image_offered_at
                if image is None:
                    return
                self._jpeg = await asyncio.get_running_loop().run_in_executor(None, encode_jpeg, image)
                self.number, self._live, self.offered_at = self.number + 1, live, offered_at
                self._wake_viewers()
        finally:
            self._encoding = False

    def _wake_viewers(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class MjpegSink(Sink):
    """Offers frames to a `JpegBroadcast` and a `VideoBroadcast`, from which the web server takes them.

    Attributes:
        port: the requested port, or None for any.
        broadcast: where the server takes the pictures.
        video: where it takes the video for WebRTC.
    """

    name = "web"
    kind = "web"
    any_size = True

    def __init__(self, port: int | None = None) -> None:
        super().__init__()
        self.port = port
        self.broadcast = JpegBroadcast()
        self.video = VideoBroadcast()

    def _open(self, size: Size, fps: float) -> None:
        self.broadcast.open()
        self.video.open(fps)

    def _write(self, frame: Frame) -> None:
        if not self._has_viewers():
            return
        image = frame.image.copy()
        if self.broadcast.has_viewers:
            self.broadcast.offer(image, live=frame.index >= 0)
        if self.video.has_viewers:
            self.video.offer(image)

    def viewer_names(self) -> tuple[str, ...]:
        """See `Sink.viewer_names`. A browser and OBS look alike here."""
        count = self.broadcast.viewer_count + self.video.receiver_count
        return (
            ()
            if not count
            else (Message("a web page"),)
            if count == 1
            else (Message("{count} web pages", count=count),)
        )

    def _has_viewers(self) -> bool:
        return self.broadcast.has_viewers or self.video.has_viewers

    def _close(self) -> None:
        self.broadcast.close()
        self.video.close()


def encode_jpeg(image: Image) -> bytes:
    """Encode `image` (H×W×3 uint8 BGR) as a JPEG file."""
    ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return data.tobytes() if ok else b""
