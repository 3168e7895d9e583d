"""The web output: pictures are only made for those who look."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import cv2
import numpy as np
import pytest

from stylecam.errors import TooManyViewersError
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.sinks import mjpeg
from stylecam.media.sinks.mjpeg import MjpegSink
from stylecam.testing import gray_image

SIZE = Size(128, 96)
T = TypeVar("T")


@pytest.fixture
def sink() -> Iterator[MjpegSink]:
    sink = MjpegSink()
    sink.open(SIZE, 30)
    yield sink
    sink.close()


def write(sink: MjpegSink, level: int = 128, index: int = 0) -> None:
    sink.write(Frame(gray_image(level, SIZE), index, 0.0))


def watch(sink: MjpegSink, work: Callable[[], Awaitable[T]]) -> T:
    """The result of `work`, done as a viewer in an event loop that serves the sink."""

    async def looking() -> T:
        sink.broadcast.attach(asyncio.get_running_loop())
        try:
            with sink.broadcast.viewer():
                return await asyncio.wait_for(work(), 20)
        finally:
            sink.broadcast.detach()

    return asyncio.run(looking())


def level(jpeg: bytes) -> float:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (96, 128, 3)
    return float(image.mean())


def test_a_viewer_gets_the_picture_as_a_jpeg(sink: MjpegSink) -> None:
    async def look() -> bytes:
        write(sink, 77)
        return (await sink.broadcast.next_jpeg(0))[1]

    assert level(watch(sink, look)) == pytest.approx(77, abs=2)


def test_a_slow_viewer_skips_to_the_newest_picture(sink: MjpegSink) -> None:
    async def look() -> tuple[int, bytes]:
        number = 0
        for shade in range(10, 210, 20):
            write(sink, shade)
            number, _ = await sink.broadcast.next_jpeg(number)
        return await sink.broadcast.next_jpeg(1)

    number, jpeg = watch(sink, look)
    assert number == 10
    assert level(jpeg) == pytest.approx(190, abs=2)


def test_pictures_that_come_faster_than_they_are_encoded_replace_each_other(sink: MjpegSink) -> None:
    async def look() -> int:
        for shade in range(100):
            write(sink, shade)
        number, jpeg = await sink.broadcast.next_jpeg(0)
        while level(jpeg) < 95:
            number, jpeg = await sink.broadcast.next_jpeg(number)
        return number

    assert watch(sink, look) <= 3


def test_waiting_for_a_live_picture_skips_covers(sink: MjpegSink) -> None:
    async def look() -> bytes:
        waiting = asyncio.create_task(sink.broadcast.next_live_jpeg())
        for shade, index in ((20, -1), (20, -1), (200, 0)):
            number = sink.broadcast.number
            write(sink, shade, index)
            await sink.broadcast.next_jpeg(number)
        return await waiting

    assert level(watch(sink, look)) == pytest.approx(200, abs=2)


def test_nothing_is_encoded_without_viewers(sink: MjpegSink, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[Image] = []

    def encode(image: Image) -> bytes:
        encoded.append(image)
        return b""

    monkeypatch.setattr(mjpeg, "encode_jpeg", encode)
    for _ in range(20):
        write(sink)

    async def look() -> None:
        await asyncio.sleep(0)

    watch(sink, look)
    assert encoded == []


def test_a_stream_that_is_read_counts_as_a_viewer(sink: MjpegSink) -> None:
    async def look() -> bool | None:
        return sink.has_viewers()

    assert sink.has_viewers() is False
    assert watch(sink, look) is True
    assert sink.has_viewers() is False


def test_closing_lets_viewers_go(sink: MjpegSink) -> None:
    async def look() -> tuple[int, bytes]:
        waiting = asyncio.create_task(sink.broadcast.next_jpeg(0))
        await asyncio.sleep(0)
        sink.close()
        return await waiting

    assert watch(sink, look) == (0, b"")


def test_one_viewer_too_many_is_refused(sink: MjpegSink) -> None:
    with contextlib.ExitStack() as seats:
        for _ in range(mjpeg.MAX_VIEWERS):
            seats.enter_context(sink.broadcast.viewer())
        with pytest.raises(TooManyViewersError, match="64 viewers"):
            seats.enter_context(sink.broadcast.viewer())
    with sink.broadcast.viewer():
        assert sink.has_viewers()


def test_without_a_server_pictures_are_discarded(sink: MjpegSink) -> None:
    write(sink)
    assert sink.has_viewers() is False
