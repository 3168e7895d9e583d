"""Stream what is published to other programs and computers, on a thread of its own."""

from __future__ import annotations

import threading

from stylecam.media.frame import Frame, Image, Size
from stylecam.media.sinks.base import Sink
from stylecam.media.sound.microphone import Microphone, SoundFeed
from stylecam.media.streaming.address import StreamAddress
from stylecam.media.streaming.muxer import StreamMuxer, default_bitrate, has_picture, load_pyav
from stylecam.media.streaming.rtmp import RtmpTransport
from stylecam.media.streaming.srt import SrtCaller, SrtListener
from stylecam.media.streaming.transport import Transport, UdpTransport
from stylecam.utils.clock import Clock, SystemClock
from stylecam.utils.latest import Latest
from stylecam.utils.message import Message

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
"""The pause before a lost connection is tried again; it doubles each time."""
STEADY_S = 10.0
"""A connection that has lasted so long begins the pauses anew. Servers may accept first and refuse the key then."""
POLL_S = 0.05
"""How often receivers that come or go are noticed while no frame comes."""
CLOSE_TIMEOUT_S = 0.8


class RetryPauses:
    """How long to wait before a lost connection is tried again."""

    def __init__(self) -> None:
        self._next = FIRST_PAUSE_S

    def after(self, lasted_s: float) -> float:
        """Return the pause, in seconds, after an attempt and the connection it made have `lasted_s` seconds."""
        pause = FIRST_PAUSE_S if lasted_s >= STEADY_S else self._next
        self._next = min(2 * pause, LONGEST_PAUSE_S)
        return pause


class StreamSink(Sink):
    """Sends H.264 over SRT or UDP (in MPEG-TS), or RTMP (in FLV).

    The publisher's thread hands over copies of the frames. The thread `stylecam-stream` encodes the newest one and
    sends it with the time it was published at; frames it has no time for are counted in `dropped`. It connects, and
    connects again with growing pauses, so a server that refuses or hangs delays nobody. Nothing is encoded while nobody
    receives.

    Attributes:
        dropped: how many frames were replaced by newer ones before they were encoded.
    """

    kind = "stream"

    def __init__(
        self,
        address: StreamAddress,
        bitrate: int | None = None,
        clock: Clock | None = None,
        microphone: Microphone | None = None,
    ) -> None:
        """Prepare a stream.

        Args:
            address: where it goes.
            bitrate: bits per second; None for a default that follows from the size.
            clock: None for the system's.
            microphone: gives the sound; None for a stream without.
        """
        super().__init__()
        self._microphone = microphone
        self._sound: SoundFeed | None = None
        self.name = address.name
        self.dropped = 0
        self._address, self._bitrate = address, bitrate
        self._clock = clock or SystemClock()
        self._transport = _make_transport(address)
        self._frames: Latest[tuple[Image, float]] = Latest()
        self._first_wanted = False
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def _open(self, size: Size, fps: float) -> None:
        load_pyav(f"--output {self._address.protocol}")
        bitrate = self._bitrate or default_bitrate(size, fps, self._transport.container)
        self._frames, self._stopping, self.trouble = Latest(), threading.Event(), None
        self._transport.open()
        if self._microphone is not None:
            self._sound = self._microphone.add_feed()
            self._sound.wanted = False
        self._thread = threading.Thread(
            target=self._run, args=(size, fps, bitrate), name="stylecam-stream", daemon=True
        )
        self._thread.start()

    def _write(self, frame: Frame) -> None:
        if self._first_wanted or self._transport.receivers != 0:
            replaced = self._frames.put((frame.image.copy(), self._clock.now()))
            self.dropped += replaced and not self._first_wanted

    def viewer_names(self) -> tuple[str, ...]:
        """See `Sink.viewer_names`."""
        count = self._transport.receivers if self.opened else None
        return () if not count else (self.name,) if count == 1 else (f"{self.name} ({count})",)

    def _has_viewers(self) -> bool | None:
        receivers = self._transport.receivers
        return None if receivers is None else receivers > 0

    def _close(self) -> None:
        self._stopping.set()
        self._frames.close()
        self._transport.interrupt()
        if self._microphone is not None and self._sound is not None:
            self._microphone.remove_feed(self._sound)
        if self._thread is not None and self._thread.ident is not None:
            self._thread.join(CLOSE_TIMEOUT_S)

    def _run(self, size: Size, fps: float, bitrate: int) -> None:
        """Connect, stream and connect again until the sink is closed. The body of the streaming thread."""
        pauses = RetryPauses()
        try:
            while not self._stopping.is_set():
                began = self._clock.now()
                try:
                    self._stream(size, fps, bitrate)
                except Exception as error:  # noqa: BLE001 - PyAV's encoder raises its own kinds
                    reason = self._address.redact(getattr(error, "strerror", None) or str(error))
                    self.trouble = Message(
                        "{name} cannot be reached: {reason}; stylecam goes on trying", name=self.name, reason=reason
                    )
                    self._transport.disconnect()
                    self._stopping.wait(pauses.after(self._clock.now() - began))
        finally:
            self._transport.close()

    def _stream(self, size: Size, fps: float, bitrate: int) -> None:
        """Connect and send frames until the sink is closed; raises OSError, or what PyAV raises, when that fails."""
        transport, stopping = self._transport, self._stopping
        muxer = StreamMuxer(transport.container, size, fps, bitrate, self._sound)
        try:
            transport.connect(muxer.header + self._first_frame(muxer), stopping)
            self.trouble = None
            while not stopping.is_set():
                transport.poll()
                if self._sound is not None:
                    self._sound.wanted = transport.receivers != 0
                item = self._frames.take(POLL_S)
                if item is not None:
                    image, at = item
                    transport.send(*muxer.encode(image, at, key=transport.needs_key))
        finally:
            if self._sound is not None:
                self._sound.wanted = False
            muxer.close()

    def _first_frame(self, muxer: StreamMuxer) -> bytes:
        """Return the first frame, encoded, where the transport cannot connect without one; else nothing.

        With sound the muxer holds a frame back until it has sound for the same time, and may give sound first.
        """
        self._first_wanted = self._transport.starts_with_frame
        data = b""
        while self._first_wanted and not has_picture(data) and not self._stopping.is_set():
            item = self._frames.take(POLL_S)
            if item is not None:
                data += muxer.encode(*item)[0]
        self._first_wanted = False
        return data


def _make_transport(address: StreamAddress) -> Transport:
    if address.protocol == "udp":
        return UdpTransport(address)
    if address.protocol == "rtmp":
        return RtmpTransport(address)
    return SrtListener(address) if address.listens else SrtCaller(address)
