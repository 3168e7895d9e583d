"""The pictures of the web output as H.264 or VP8 video, for WebRTC: encoded once for all receivers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from stylecam.errors import SinkUnavailableError, TooManyViewersError
from stylecam.media.frame import Image
from stylecam.utils.optional import load

logger = logging.getLogger(__name__)

MAX_RECEIVERS = 4
"""Each receiver's packets are encrypted and sent on the server's event loop, which must stay quick."""
CLOCK_RATE = 90_000
"""Time stamps of video in RTP are in units of 1/90000 s."""
KEY_FRAME_S = 1.0
"""Longest time between two key frames, at each of which a receiver can start or recover."""
BITS_PER_PIXEL = 0.2
"""Of each picture, at most. A painting has many edges that move, so it needs more than a camera picture."""
_BUFFER_S = 0.3
"""The encoder may exceed its rate for this long, which lets a key frame be larger than others."""
_MAX_PACKETS = 15
"""Packets that wait for one receiver, about half a second. With more it has lost its connection or is too slow."""
_BT601, _LIMITED, _BILINEAR = 6, 1, 0x2
_ENCODERS = {"h264": "libx264", "vp8": "libvpx"}
_OPTIONS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "h264": {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "forced-idr": "1"},
        "vp8": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "error-resilient": "1"},
    }
)
CODECS = tuple(_ENCODERS)
"""The codecs that can be sent, the preferred one first."""


class Receiver:
    """What waits to be sent to one receiver of a codec. It belongs to the server's event loop."""

    def __init__(self, codec: str) -> None:
        self.codec = codec
        self._packets: asyncio.Queue[Any] = asyncio.Queue()
        self._needs_key = True

    async def next_packet(self) -> Any:
        """Wait for the next packet (`av.Packet`) and return it; None once the broadcast is closed."""
        return await self._packets.get()

    def put(self, packet: Any) -> bool:
        """Add a packet; return True if the receiver needs a key frame next, because this packet cannot be decoded."""
        if packet is not None and self._packets.qsize() >= _MAX_PACKETS:
            self._needs_key = True
            while not self._packets.empty():
                self._packets.get_nowait()
        if packet is not None and self._needs_key and not packet.is_keyframe:
            return True
        self._needs_key = False
        self._packets.put_nowait(packet)
        return False


class VideoBroadcast:
    """Encodes the newest picture for all receivers of a codec, and only while there are receivers.

    Pictures that arrive while one is encoded replace each other, so nothing queues up. `offer`, `open` and `close` may
    be called by any thread; everything else only by the event loop that was passed to `attach`. Pictures are encoded in
    the loop's threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._offered: tuple[Image, float] | None = None
        self._fps = 30.0
        self._receivers: set[Receiver] = set()
        self._encoders: dict[str, _Encoder] = {}
        self._keys: set[str] = set()
        self._encoding = False
        self.closed = True

    @property
    def receiver_count(self) -> int:
        """How many receivers there are."""
        return len(self._receivers)

    @property
    def has_viewers(self) -> bool:
        """True while there are receivers."""
        return bool(self._receivers)

    @property
    def full(self) -> bool:
        """True while no further receiver is accepted."""
        return len(self._receivers) >= MAX_RECEIVERS

    def open(self, fps: float) -> None:
        """Expect pictures from now on, `fps` a second."""
        self._fps, self.closed = fps, False

    def offer(self, image: Image) -> None:
        """Send a picture next; one that is not encoded yet is replaced.

        It gets the time of this moment. Times of capture would be uneven where painting takes uneven time, and a
        receiver would wait longer to even them out.

        Args:
            image: H×W×3 uint8 BGR; nobody may change it afterwards.
        """
        with self._lock:
            self._offered = image, time.monotonic()
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._start_encoding)

    def close(self) -> None:
        """Let all receivers go; no more pictures come."""
        self.closed = True
        with self._lock:
            self._offered = None
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._let_go)

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve receivers from `loop` from now on."""
        with self._lock:
            self._loop = loop

    def detach(self) -> None:
        """Stop serving receivers; the loop is about to end."""
        with self._lock:
            self._loop = None

    @contextlib.contextmanager
    def receiver(self, codec: str) -> Iterator[Receiver]:
        """Count one receiver of `codec`, one of `CODECS`, for the duration of the block. It begins with a key frame.

        Raises:
            TooManyViewersError: there are `MAX_RECEIVERS` already.
        """
        if self.full:
            raise TooManyViewersError(f"{MAX_RECEIVERS} programs receive WebRTC already; close one")
        receiver = Receiver(codec)
        self._receivers.add(receiver)
        self._keys.add(codec)
        try:
            yield receiver
        finally:
            self._receivers.discard(receiver)

    def _start_encoding(self) -> None:
        """Encode the newest picture, unless an older one is being encoded: then it comes after that one."""
        if not self._encoding and self.has_viewers:
            self._encoding = True
            asyncio.get_running_loop().create_task(self._encode())

    async def _encode(self) -> None:
        try:
            while True:
                with self._lock:
                    offered, self._offered = self._offered, None
                if offered is None:
                    return
                codecs = {receiver.codec for receiver in self._receivers}
                for codec in self._encoders.keys() - codecs:
                    del self._encoders[codec]
                for codec in codecs:
                    await self._encode_as(codec, *offered)
        finally:
            self._encoding = False

    async def _encode_as(self, codec: str, image: Image, at: float) -> None:
        encoder = self._encoders.setdefault(codec, _Encoder(codec, self._fps))
        key = codec in self._keys
        self._keys.discard(codec)
        try:
            packets = await asyncio.get_running_loop().run_in_executor(None, encoder.encode, image, at, key)
        except SinkUnavailableError as error:
            logger.warning("%s", error)
            del self._encoders[codec]
            packets = [None]
        for receiver in self._receivers:
            for packet in packets if receiver.codec == codec else ():
                if receiver.put(packet):
                    self._keys.add(codec)

    def _let_go(self) -> None:
        for receiver in self._receivers:
            receiver.put(None)


class _Encoder:
    """Encodes pictures of one codec, without delay. One thread at a time uses it."""

    def __init__(self, codec: str, fps: float) -> None:
        self._codec, self._fps = codec, fps
        self._context: Any = None
        self._last = 0
        self._key_at = float("-inf")

    def encode(self, image: Image, at: float, key: bool) -> list[Any]:
        """Return the packets (`av.Packet`) for `image`, H×W×3 uint8 BGR.

        Args:
            image: the picture.
            at: its time in seconds.
            key: whether it must be a key frame; otherwise it is one every `KEY_FRAME_S`.

        Raises:
            SinkUnavailableError: PyAV is not installed, or cannot encode this.
        """
        av = load("av", purpose="WebRTC", extra="webrtc", error=SinkUnavailableError)
        try:
            return self._encode(av, image, at, key)
        except (av.error.FFmpegError, av.codec.codec.UnknownCodecError) as error:
            raise SinkUnavailableError(f"the picture cannot be sent by WebRTC as {self._codec}: {error}") from error

    def _encode(self, av: Any, image: Image, at: float, key: bool) -> list[Any]:
        height, width = image.shape[:2]
        if self._context is None or (self._context.width, self._context.height) != (width, height):
            self._context = self._make_context(av, width, height)
            key = True
        frame = av.VideoFrame.from_numpy_buffer(image, format="bgr24").reformat(
            format="yuv420p", dst_colorspace=_BT601, dst_color_range=_LIMITED, interpolation=_BILINEAR
        )
        self._last = max(self._last + 1, round(at * CLOCK_RATE))
        frame.pts, frame.time_base = self._last, self._context.time_base
        if key or at - self._key_at >= KEY_FRAME_S:
            self._key_at = at
            frame.pict_type = av.video.frame.PictureType.I
        return list(self._context.encode(frame))

    def _make_context(self, av: Any, width: int, height: int) -> Any:
        rate = round(BITS_PER_PIXEL * width * height * self._fps)
        context = av.CodecContext.create(_ENCODERS[self._codec], "w")
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.bit_rate = rate
        context.framerate = Fraction(self._fps).limit_denominator(1001)
        context.time_base = Fraction(1, CLOCK_RATE)
        context.gop_size = round(self._fps * 10)  # key frames are asked for
        context.thread_count = 1  # the network needs the other cores
        context.colorspace = context.color_primaries = context.color_trc = _BT601
        context.color_range = _LIMITED
        context.options = {**_OPTIONS[self._codec], "maxrate": str(rate), "bufsize": str(round(rate * _BUFFER_S))}
        return context
