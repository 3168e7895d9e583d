"""Tests of the streaming sink: what it sends, what it drops, how it connects again and how it ends."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from stylecam.errors import SinkUnavailableError
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.sinks import stream as stream_module
from stylecam.media.sinks.stream import RetryPauses, StreamSink
from stylecam.media.streaming.address import StreamAddress
from stylecam.media.streaming.muxer import Container
from stylecam.media.streaming.transport import Transport
from stylecam.utils.clock import ManualClock
from tests.doubles import until

av: Any = pytest.importorskip("av")
SIZE = Size(128, 96)
ADDRESS = StreamAddress.parse("rtmp://live.example/app/hunter22")


class FakeTransport(Transport):
    """Keeps what is sent. The test decides whether it connects, who receives, and whether sending hangs."""

    def __init__(self, container: Container = "mpegts") -> None:
        super().__init__(ADDRESS)
        self.container = container
        self.refusals: list[Exception] = []
        self.clients: int | None = 1
        self.going = threading.Event()
        self.going.set()
        self.sent: list[tuple[bytes, bool]] = []
        self.connections = self.closings = 0

    def connect(self, header: bytes, stopping: threading.Event) -> None:
        self.connections += 1
        if self.refusals:
            raise self.refusals.pop(0)
        self.receivers = self.clients

    def poll(self) -> None:
        self.receivers = self.clients

    def send(self, data: bytes, key: bool) -> None:
        self.sent.append((data, key))
        assert self.going.wait(30)
        if self.refusals:
            raise self.refusals.pop(0)

    def disconnect(self) -> None:
        self.receivers = 0

    def interrupt(self) -> None:
        self.going.set()

    def close(self) -> None:
        self.disconnect()
        self.closings += 1


@pytest.fixture
def transport(monkeypatch: pytest.MonkeyPatch) -> FakeTransport:
    fake = FakeTransport()
    monkeypatch.setattr(stream_module, "_make_transport", lambda _: fake)
    monkeypatch.setattr(stream_module, "FIRST_PAUSE_S", 0.01)
    return fake


@pytest.fixture
def sink(transport: FakeTransport) -> Iterator[StreamSink]:
    made = StreamSink(ADDRESS)
    yield made
    made.close()


def frame(level: int = 100) -> Frame:
    image: Image = np.full((SIZE.height, SIZE.width, 3), level, np.uint8)
    return Frame(image, 0, 0.0)


def send(sink: StreamSink, transport: FakeTransport, count: int) -> None:
    """Write frames until `count` more are sent."""
    target = len(transport.sent) + count

    def look() -> bool:
        sink.write(frame())
        return len(transport.sent) >= target

    assert until(look)


def test_what_is_written_is_sent(sink: StreamSink, transport: FakeTransport) -> None:
    sink.open(SIZE, 30)
    send(sink, transport, 5)
    sink.close()
    with av.open(io.BytesIO(b"".join(data for data, _ in transport.sent))) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == len(transport.sent)
    assert abs(int(frames[0].to_ndarray(format="bgr24").mean()) - 100) < 4


def test_times_are_those_of_publishing(transport: FakeTransport, clock: ManualClock) -> None:
    sink = StreamSink(ADDRESS, clock=clock)
    sink.open(SIZE, 30)
    assert until(lambda: transport.receivers == 1)
    for pause in (0.0, 0.04, 0.5):
        clock.advance(pause)
        sent = len(transport.sent)
        sink.write(frame())
        assert until(lambda sent=sent: len(transport.sent) > sent)  # type: ignore[misc]
    sink.close()
    with av.open(io.BytesIO(b"".join(data for data, _ in transport.sent))) as container:
        times = [float(packet.pts * packet.time_base) for packet in container.demux(video=0) if packet.pts is not None]
    assert np.allclose(np.diff(times), [0.04, 0.5], atol=0.001)


def test_while_the_receiver_hangs_writing_goes_on_and_old_frames_are_dropped(
    sink: StreamSink, transport: FakeTransport
) -> None:
    sink.open(SIZE, 30)
    assert until(lambda: transport.receivers == 1)
    transport.going.clear()
    sink.write(frame())
    assert until(lambda: len(transport.sent) == 1)
    for _ in range(10):
        sink.write(frame())
    assert sink.dropped == 9
    transport.going.set()
    assert until(lambda: len(transport.sent) == 2)


def test_nothing_is_encoded_while_nobody_receives(sink: StreamSink, transport: FakeTransport) -> None:
    transport.clients = 0
    sink.open(SIZE, 30)
    assert until(lambda: transport.connections == 1)
    for _ in range(5):
        sink.write(frame())
    assert sink.has_viewers() is False
    transport.clients = 2
    assert until(lambda: sink.has_viewers() is True)
    assert transport.sent == []


def test_whether_anybody_watches_is_unknown_where_the_transport_cannot_tell(
    sink: StreamSink, transport: FakeTransport
) -> None:
    transport.clients = None
    sink.open(SIZE, 30)
    assert until(lambda: sink.has_viewers() is None)


def test_a_receiver_that_waits_gets_a_key_frame(sink: StreamSink, transport: FakeTransport) -> None:
    sink.open(SIZE, 30)
    send(sink, transport, 3)
    transport.needs_key = True
    send(sink, transport, 2)
    assert transport.sent[-1][1]


def test_a_refused_connection_is_reported_without_the_key_and_tried_again(
    sink: StreamSink, transport: FakeTransport
) -> None:
    transport.refusals = [OSError(f"cannot open {ADDRESS.url}\nrefused")]
    sink.open(SIZE, 30)
    assert until(lambda: transport.connections == 2)
    assert until(lambda: sink.has_viewers() is True)
    assert sink.trouble is None


def test_the_trouble_is_one_line_without_the_key(
    sink: StreamSink, transport: FakeTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "FIRST_PAUSE_S", 60.0)
    transport.refusals = [OSError(f"cannot open {ADDRESS.url}\nrefused")]
    sink.open(SIZE, 30)
    assert until(lambda: sink.trouble is not None)
    assert sink.trouble == (
        "RTMP live.example/app/*** cannot be reached: cannot open *** refused; stylecam goes on trying"
    )
    assert sink.opened
    sink.write(frame())


@pytest.mark.parametrize("failure", [OSError("lost"), av.error.ExternalError(1, "of the encoder")], ids=repr)
def test_a_lost_connection_is_made_again_and_begins_with_a_key_frame(
    sink: StreamSink, transport: FakeTransport, failure: Exception
) -> None:
    sink.open(SIZE, 30)
    send(sink, transport, 3)
    transport.refusals = [failure]

    def connected_again() -> bool:
        sink.write(frame())
        return transport.connections == 2

    assert until(connected_again)
    transport.sent.clear()
    send(sink, transport, 2)
    assert transport.sent[0][1]


def test_pauses_between_attempts_grow_to_a_limit() -> None:
    pauses = RetryPauses()
    assert [pauses.after(0.1) for _ in range(8)] == [1, 2, 4, 8, 16, 30, 30, 30]


def test_a_connection_that_has_lasted_begins_the_pauses_anew() -> None:
    pauses = RetryPauses()
    assert [pauses.after(lasted_s) for lasted_s in (0.1, 0.1, 60.0, 0.1)] == [1, 2, 1, 2]


def test_closing_ends_a_hanging_receiver_and_the_thread(sink: StreamSink, transport: FakeTransport) -> None:
    sink.open(SIZE, 30)
    assert until(lambda: transport.receivers == 1)
    transport.going.clear()
    sink.write(frame())
    assert until(lambda: len(transport.sent) == 1)
    sink.close()
    assert until(lambda: transport.closings == 1)
    assert until(lambda: not any(thread.name == "stylecam-stream" for thread in threading.enumerate()))


def test_it_can_be_opened_again(sink: StreamSink, transport: FakeTransport) -> None:
    for opened in (1, 2):
        sink.open(SIZE, 30)
        send(sink, transport, 2)
        sink.close()
        assert transport.closings == opened


def test_a_server_that_never_answers_delays_neither_writing_nor_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        sink = StreamSink(StreamAddress.parse(f"rtmp://127.0.0.1:{server.getsockname()[1]}/app/key"))
        sink.open(SIZE, 30)
        longest = 0.0
        server.settimeout(0.02)
        connection = None
        while connection is None:
            before = time.perf_counter()
            sink.write(frame())
            longest = max(longest, time.perf_counter() - before)
            with contextlib.suppress(TimeoutError):
                connection, _ = server.accept()
        before = time.perf_counter()
        sink.close()
        assert time.perf_counter() - before < 5  # it never answers at all
        assert longest < 5
        connection.close()
    assert until(lambda: not any(thread.name == "stylecam-stream" for thread in threading.enumerate()))


def test_without_pyav_opening_fails_with_the_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stylecam.utils.optional.is_installed", lambda module: module != "av")
    with pytest.raises(SinkUnavailableError, match=r'--output udp needs PyAV.*pip install "stylecam\[video\]"'):
        StreamSink(StreamAddress.parse("udp:127.0.0.1:5000")).open(SIZE, 30)
