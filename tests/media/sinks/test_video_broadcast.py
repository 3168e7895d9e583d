"""Tests of the video for WebRTC: encoded once for all receivers, without delay, and only while there are any."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import av
import numpy as np
import pytest

from stylecam.errors import TooManyViewersError
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.sinks import video_broadcast
from stylecam.media.sinks.mjpeg import MjpegSink
from stylecam.media.sinks.video_broadcast import CODECS, MAX_RECEIVERS, Receiver, VideoBroadcast
from stylecam.media.testing import gray_image

SIZE = Size(128, 96)
DECODERS = {"h264": "h264", "vp8": "vp8"}
T = TypeVar("T")


@pytest.fixture
def sink() -> Iterator[MjpegSink]:
    sink = MjpegSink()
    sink.open(SIZE, 30)
    yield sink
    sink.close()


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The mean level of each picture that is encoded."""
    levels: list[float] = []
    encode = video_broadcast._Encoder.encode

    def recorded(self: Any, image: Image, at: float, key: bool) -> list[Any]:
        levels.append(float(image.mean()))
        return encode(self, image, at, key)

    monkeypatch.setattr(video_broadcast._Encoder, "encode", recorded)
    return levels


def write(sink: MjpegSink, level: int = 128, index: int = 0) -> None:
    sink.write(Frame(gray_image(level, SIZE), index, 0.0))


def serve(sink: MjpegSink, work: Callable[[], Awaitable[T]]) -> T:
    """Run `work` in an event loop that serves the sink; return its result."""

    async def served() -> T:
        sink.video.attach(asyncio.get_running_loop())
        try:
            return await asyncio.wait_for(work(), 20)
        finally:
            sink.video.detach()

    return asyncio.run(served())


def decoded(codec: str, packets: list[Any]) -> list[Image]:
    decoder: Any = av.CodecContext.create(DECODERS[codec], "r")
    frames = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    return [frame.to_ndarray(format="bgr24") for frame in frames]


@pytest.mark.parametrize("codec", CODECS)
def test_a_receiver_gets_every_picture_that_is_written_in_its_turn(sink: MjpegSink, codec: str) -> None:
    levels = (40, 120, 200)

    async def receive() -> list[Any]:
        with sink.video.receiver(codec) as receiver:
            packets = []
            for level in levels:
                write(sink, level)
                packets.append(await receiver.next_packet())
            return packets

    packets = serve(sink, receive)
    times = [packet.pts for packet in packets]
    assert times == sorted(set(times))
    assert [float(image.mean()) for image in decoded(codec, packets)] == pytest.approx(levels, abs=10)


def test_colors_are_kept(sink: MjpegSink) -> None:
    blue = np.full((SIZE.height, SIZE.width, 3), (200, 60, 30), np.uint8)

    async def receive() -> Any:
        with sink.video.receiver("h264") as receiver:
            sink.write(Frame(blue, 0, 0.0))
            return await receiver.next_packet()

    image = decoded("h264", [serve(sink, receive)])[0]
    assert image.mean((0, 1)) == pytest.approx((200, 60, 30), abs=6)


def test_a_cover_is_sent_like_every_picture(sink: MjpegSink) -> None:
    async def receive() -> list[Any]:
        with sink.video.receiver("h264") as receiver:
            packets = []
            for level, index in ((200, 0), (20, -1)):
                write(sink, level, index)
                packets.append(await receiver.next_packet())
            return packets

    assert float(decoded("h264", serve(sink, receive))[-1].mean()) == pytest.approx(20, abs=4)


def test_pictures_that_arrive_faster_than_they_are_encoded_are_replaced(sink: MjpegSink, encoded: list[float]) -> None:
    async def receive() -> None:
        with sink.video.receiver("h264") as receiver:
            for level in range(100):
                write(sink, level)
            while not encoded or encoded[-1] < 99:
                await receiver.next_packet()

    serve(sink, receive)
    assert len(encoded) <= 3


def test_all_receivers_share_one_encoder(sink: MjpegSink, encoded: list[float]) -> None:
    async def receive() -> list[Any]:
        with sink.video.receiver("h264") as one, sink.video.receiver("h264") as other:
            write(sink)
            return [await one.next_packet(), await other.next_packet()]

    one, other = serve(sink, receive)
    assert one is other
    assert len(encoded) == 1


def test_nothing_is_encoded_without_receivers(sink: MjpegSink, encoded: list[float]) -> None:
    async def stay() -> None:
        with sink.broadcast.viewer():
            write(sink)
            await asyncio.sleep(0)

    serve(sink, stay)
    assert encoded == []


def test_a_receiver_keeps_the_camera_on(sink: MjpegSink) -> None:
    assert sink.has_viewers() is False
    with sink.video.receiver("h264"):
        assert sink.has_viewers() is True
    assert sink.has_viewers() is False


def test_a_new_receiver_begins_with_a_key_frame(sink: MjpegSink) -> None:
    async def receive() -> list[bool]:
        with sink.video.receiver("h264") as first:
            write(sink)
            packets = [await first.next_packet()]
            write(sink)
            packets.append(await first.next_packet())
            with sink.video.receiver("h264") as second:
                write(sink)
                packets.append(await second.next_packet())
        return [packet.is_keyframe for packet in packets]

    assert serve(sink, receive) == [True, False, True]


def test_there_is_a_key_frame_each_second(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = video_broadcast._Encoder("h264", 30)
    packets = [packet for i in range(61) for packet in encoder.encode(gray_image(100, SIZE), i / 30, False)]
    assert [i for i, packet in enumerate(packets) if packet.is_keyframe] == [0, 30, 60]


def test_a_receiver_that_is_too_slow_goes_on_at_the_next_key_frame() -> None:
    encoder, receiver = video_broadcast._Encoder("h264", 30), Receiver("h264")

    def packet(i: int, key: bool = False) -> Any:
        return encoder.encode(gray_image(100, SIZE), i / 1000, key)[0]

    needs_key = [receiver.put(packet(i)) for i in range(video_broadcast._MAX_PACKETS + 1)]
    assert needs_key == [False] * video_broadcast._MAX_PACKETS + [True]
    assert receiver.put(packet(100)) is True
    assert receiver.put(packet(101, key=True)) is False
    assert asyncio.run(receiver.next_packet()).is_keyframe


def test_closing_lets_receivers_go(sink: MjpegSink) -> None:
    async def receive() -> Any:
        with sink.video.receiver("h264") as receiver:
            waiting = asyncio.create_task(receiver.next_packet())
            await asyncio.sleep(0)
            sink.close()
            return await waiting

    assert serve(sink, receive) is None


def test_one_receiver_too_many_is_refused() -> None:
    broadcast = VideoBroadcast()
    with contextlib.ExitStack() as receivers:
        for _ in range(MAX_RECEIVERS):
            receivers.enter_context(broadcast.receiver("h264"))
        with pytest.raises(TooManyViewersError, match="receive WebRTC already"):
            receivers.enter_context(broadcast.receiver("vp8"))
    with broadcast.receiver("vp8"):
        assert broadcast.has_viewers


def test_an_encoder_that_fails_is_reported_and_its_receivers_are_let_go(
    sink: MjpegSink, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(video_broadcast._ENCODERS, "h264", "no such encoder")

    async def receive() -> Any:
        with sink.video.receiver("h264") as receiver:
            write(sink)
            return await receiver.next_packet()

    with caplog.at_level(logging.WARNING):
        assert serve(sink, receive) is None
    assert "cannot be sent by WebRTC as h264" in caplog.text
