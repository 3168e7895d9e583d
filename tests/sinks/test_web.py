"""The page with the live picture."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from stylecam.errors import SinkUnavailableError
from stylecam.frame import Frame, Image, Size
from stylecam.sinks import web
from stylecam.sinks.web import BOUNDARY, HOST, WebSink
from stylecam.testing import grey

SIZE = Size(128, 96)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def sink() -> Iterator[WebSink]:
    sink = WebSink(free_port(), lambda: {"style": "great_wave"})
    sink.open(SIZE, 30)
    yield sink
    sink.close()


class Feeding:
    """Writes frames from another thread for as long as the block lasts, as the publisher does."""

    def __init__(self, sink: WebSink, level: int = 128) -> None:
        self._sink, self._level, self._stop = sink, level, threading.Event()
        self._thread = threading.Thread(target=self._feed)

    def _feed(self) -> None:
        while not self._stop.wait(0.005):
            self._sink.write(Frame(grey(self._level, SIZE), 0, 0.0))

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def get(sink: WebSink, path: str, host: str | None = None) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(HOST, sink.port, timeout=20)
    connection.request("GET", path, headers={"Host": host} if host else {})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def picture(jpeg: bytes) -> Image:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)  # type: ignore[return-value]


def test_the_page_shows_the_stream(sink: WebSink) -> None:
    response, body = get(sink, "/")
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/html")
    assert b"stream.mjpg" in body


def test_the_statistics_can_be_read(sink: WebSink) -> None:
    assert json.loads(get(sink, "/api/stats")[1]) == {"style": "great_wave"}


def test_a_snapshot_is_the_picture_published(sink: WebSink) -> None:
    with Feeding(sink, 77):
        response, body = get(sink, "/snapshot.jpg")
    assert response.headers["Content-Type"] == "image/jpeg"
    assert picture(body).shape == (96, 128, 3)
    assert abs(float(picture(body).mean()) - 77) < 2


def test_a_snapshot_of_a_camera_that_was_off_waits_for_its_first_picture(sink: WebSink) -> None:
    starting, taken = threading.Event(), []
    asking = threading.Thread(target=lambda: taken.append(get(sink, "/snapshot.jpg")[1]))
    asking.start()
    while not sink.watched():
        starting.wait(0.005)
    for _ in range(20):  # the card, as long as the camera starts
        sink.write(Frame(grey(20, SIZE), -1, 0.0))
        starting.wait(0.005)
    with Feeding(sink, 200):
        asking.join()
    assert picture(taken[0]).mean() == pytest.approx(200, abs=2)


def test_who_has_the_page_open_watches(sink: WebSink) -> None:
    assert sink.watched() is False
    connection = http.client.HTTPConnection(HOST, sink.port, timeout=20)
    connection.request("GET", "/stream.mjpg")
    with Feeding(sink):
        connection.getresponse()
        assert sink.watched() is True
    connection.close()


def test_the_stream_is_one_picture_after_the_other(sink: WebSink) -> None:
    with Feeding(sink, 99):
        connection = http.client.HTTPConnection(HOST, sink.port, timeout=20)
        connection.request("GET", "/stream.mjpg")
        response = connection.getresponse()
        assert response.headers["Content-Type"] == f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        for _ in range(3):
            assert response.readline().strip() == f"--{BOUNDARY}".encode()
            assert response.readline().strip() == b"Content-Type: image/jpeg"
            length = int(response.readline().split(b":")[1])
            assert response.readline() == b"\r\n"
            assert abs(float(picture(response.read(length)).mean()) - 99) < 2
            assert response.readline() == b"\r\n"
        response.close()
        connection.close()


def test_a_page_of_another_name_is_refused(sink: WebSink) -> None:
    assert get(sink, "/snapshot.jpg", host="evil.example")[0].status == 403


@pytest.mark.parametrize("host", ["localhost", HOST])
def test_this_machine_is_let_in(sink: WebSink, host: str) -> None:
    assert get(sink, "/", host=f"{host}:{sink.port}")[0].status == 200


def test_nothing_is_cached(sink: WebSink) -> None:
    assert get(sink, "/api/stats")[0].headers["Cache-Control"] == "no-store"


def test_it_listens_on_this_machine_only(sink: WebSink) -> None:
    assert sink.url == f"http://127.0.0.1:{sink.port}/"
    with socket.socket() as other:
        other.bind(("127.0.0.2", 0))  # another address of this machine
        other.settimeout(5)
        with pytest.raises(OSError, match=r".*"):
            other.connect(("127.0.0.2", sink.port))


def test_while_nobody_looks_nothing_is_encoded(sink: WebSink, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[Image] = []

    def encode(image: Image) -> bytes:
        encoded.append(image)
        return b""

    monkeypatch.setattr(web, "_jpeg", encode)
    for _ in range(20):
        sink.write(Frame(grey(1, SIZE), 0, 0.0))
    get(sink, "/api/stats")
    assert encoded == []


def test_a_port_in_use_is_refused_with_another_to_try() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SinkUnavailableError, match=rf"port {port} is in use .*--output web:{port + 1}"):
            WebSink(port).open(SIZE, 30)


def test_without_a_wish_the_next_free_port_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        monkeypatch.setattr(web, "DEFAULT_PORT", taken.getsockname()[1])
        sink = WebSink()
        sink.open(SIZE, 30)
        try:
            assert sink.port > taken.getsockname()[1]
            assert str(sink.port) in sink.name
            assert get(sink, "/")[0].status == 200
        finally:
            sink.close()


def test_closed_it_gives_its_port_back_and_ends_its_thread() -> None:
    sink = WebSink(free_port())
    for _ in range(2):
        sink.open(SIZE, 30)
        assert get(sink, "/")[0].status == 200
        sink.close()
    assert not any(thread.name == "stylecam-web" for thread in threading.enumerate())


def test_a_viewer_does_not_hold_up_the_end() -> None:
    sink = WebSink(free_port())
    sink.open(SIZE, 30)
    connection = http.client.HTTPConnection(HOST, sink.port, timeout=20)
    with Feeding(sink):
        connection.request("GET", "/stream.mjpg")
        response = connection.getresponse()
        response.readline()
    sink.close()
    assert not any(thread.name == "stylecam-web" for thread in threading.enumerate())
    response.close()
    connection.close()
