"""Tests of the web output, which encodes pictures only while somebody watches."""

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
from stylecam.media.testing import gray_image

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
    """Run `work` as a viewer in an event loop that serves the sink; return its result."""

    async def as_viewer() -> T:
        sink.broadcast.attach(asyncio.get_running_loop())
        try:
            with sink.broadcast.viewer():
                return await asyncio.wait_for(work(), 20)
        finally:
            sink.broadcast.detach()

    return asyncio.run(as_viewer())


def level(jpeg: bytes) -> float:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (96, 128, 3)
    return float(image.mean())


def test_a_viewer_gets_the_picture_as_a_jpeg(sink: MjpegSink) -> None:
    async def view() -> bytes:
        write(sink, 77)
        return (await sink.broadcast.next_jpeg(0))[1]

    assert level(watch(sink, view)) == pytest.approx(77, abs=2)


def test_a_slow_viewer_skips_to_the_newest_picture(sink: MjpegSink) -> None:
    async def view() -> tuple[int, bytes]:
        number = 0
        for gray in range(10, 210, 20):
            write(sink, gray)
            number, _ = await sink.broadcast.next_jpeg(number)
        return await sink.broadcast.next_jpeg(1)

    number, jpeg = watch(sink, view)
    assert number == 10
    assert level(jpeg) == pytest.approx(190, abs=2)


def test_pictures_that_arrive_faster_than_they_are_encoded_are_replaced(sink: MjpegSink) -> None:
    async def view() -> int:
        for gray in range(100):
            write(sink, gray)
        number, jpeg = await sink.broadcast.next_jpeg(0)
        while level(jpeg) < 95:
            number, jpeg = await sink.broadcast.next_jpeg(number)
        return number

    assert watch(sink, view) <= 3


def test_waiting_for_a_live_picture_skips_covers(sink: MjpegSink) -> None:
    async def view() -> bytes:
        waiting = asyncio.create_task(sink.broadcast.next_live_jpeg())
        for gray, index in ((20, -1), (20, -1), (200, 0)):
            number = sink.broadcast.number
            write(sink, gray, index)
            await sink.broadcast.next_jpeg(number)
        return await waiting

    assert level(watch(sink, view)) == pytest.approx(200, abs=2)


def test_a_picture_that_was_offered_before_is_not_taken_for_a_new_one(sink: MjpegSink) -> None:
    async def view() -> bytes:
        write(sink, 20)
        waiting = asyncio.create_task(sink.broadcast.next_live_jpeg())
        number, _ = await sink.broadcast.next_jpeg(0)
        while not waiting.done():
            write(sink, 200)
            number, _ = await sink.broadcast.next_jpeg(number)
        return await waiting

    assert level(watch(sink, view)) == pytest.approx(200, abs=2)


def test_nothing_is_encoded_without_viewers(sink: MjpegSink, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[Image] = []

    def encode(image: Image) -> bytes:
        encoded.append(image)
        return b""

    monkeypatch.setattr(mjpeg, "encode_jpeg", encode)
    for _ in range(20):
        write(sink)

    async def view() -> None:
        await asyncio.sleep(0)

    watch(sink, view)
    assert encoded == []


def test_an_open_stream_counts_as_a_viewer(sink: MjpegSink) -> None:
    async def view() -> bool | None:
        return sink.has_viewers()

    async def name() -> tuple[str, ...]:
        return sink.viewer_names()

    assert sink.has_viewers() is False
    assert watch(sink, view) is True
    assert watch(sink, name) == ("a web page",)
    assert sink.has_viewers() is False
    assert sink.viewer_names() == ()


def test_closing_ends_waiting_viewers(sink: MjpegSink) -> None:
    async def view() -> tuple[int, bytes]:
        waiting = asyncio.create_task(sink.broadcast.next_jpeg(0))
        await asyncio.sleep(0)
        sink.close()
        return await waiting

    assert watch(sink, view) == (0, b"")


def test_one_viewer_too_many_is_refused(sink: MjpegSink) -> None:
    with contextlib.ExitStack() as viewers:
        for _ in range(mjpeg.MAX_VIEWERS):
            viewers.enter_context(sink.broadcast.viewer())
        with pytest.raises(TooManyViewersError, match="64 viewers"):
            viewers.enter_context(sink.broadcast.viewer())
    with sink.broadcast.viewer():
        assert sink.has_viewers()


def test_without_a_server_pictures_are_discarded(sink: MjpegSink) -> None:
    write(sink)
    assert sink.has_viewers() is False
