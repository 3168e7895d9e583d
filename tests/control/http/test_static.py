"""Tests of the page, its files, snapshots and the stream."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from email.message import Message
from importlib import resources

import cv2
import numpy as np
import pytest

from stylecam.control.http import static
from stylecam.control.http.address import HOST
from stylecam.control.http.static import BOUNDARY
from stylecam.media.frame import Image
from stylecam.media.sinks import mjpeg
from tests.control.running_server import PATIENCE_S, TOKEN, RunningServer
from tests.doubles import until


def decode(jpeg: bytes) -> Image:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)  # type: ignore[return-value]


def open_stream(running_server: RunningServer) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection(HOST, running_server.server.port, timeout=PATIENCE_S)
    connection.request("GET", f"/stream.mjpg?token={TOKEN}")
    return connection


def next_part(stream: http.client.HTTPResponse) -> tuple[Message, bytes]:
    """Return the header and the body of the stream's next part."""
    assert stream.readline() == f"--{BOUNDARY}\r\n".encode()
    head = http.client.parse_headers(stream)
    jpeg = stream.read(int(head["Content-Length"]))
    assert stream.readline() == b"\r\n"
    return head, jpeg


@pytest.mark.parametrize("path", ["/", "/picture"])
def test_the_pages_are_served_as_html(running_server: RunningServer, path: str) -> None:
    page = running_server.request(path)
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("file", [file.name for file in (resources.files("stylecam") / "assets" / "page").iterdir()])
def test_each_file_of_the_page_has_its_content_type(running_server: RunningServer, file: str) -> None:
    content_types = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    response = running_server.request(f"/static/{file}")
    assert response.status == 200
    assert response.headers.get_content_type() == content_types[file.rpartition(".")[2]]


@pytest.mark.parametrize(
    "name", ["..%2f..%2ferrors.py", "../../errors.py", "%2e%2e/errors.py", ".", "nothing.js", "%00"]
)
def test_no_path_leads_out_of_the_pages_folder(running_server: RunningServer, name: str) -> None:
    assert running_server.request(f"/static/{name}").status == 404


def test_a_snapshot_is_the_published_picture(running_server: RunningServer) -> None:
    with running_server.publishing(77):
        response = running_server.request("/snapshot.jpg")
    assert response.headers["Content-Type"] == "image/jpeg"
    assert decode(response.body).shape == (96, 128, 3)
    assert abs(float(decode(response.body).mean()) - 77) < 2


def test_a_snapshot_of_a_camera_that_was_off_waits_for_its_first_decode(running_server: RunningServer) -> None:
    bodies: list[bytes] = []
    requester = threading.Thread(target=lambda: bodies.append(running_server.request("/snapshot.jpg").body))
    requester.start()
    with running_server.publishing(20, index=-1):  # a cover while the camera starts
        assert until(lambda: running_server.sink.broadcast.number > 1)
    with running_server.publishing(200):
        requester.join()
    assert decode(bodies[0]).mean() == pytest.approx(200, abs=2)


@pytest.mark.parametrize("action", ["panic", "rest", "freeze"])
def test_a_snapshot_of_a_covered_picture_is_the_cover(running_server: RunningServer, action: str) -> None:
    assert running_server.act(action, {"on": True}).status == 200
    with running_server.publishing(20, index=-1):
        response = running_server.request("/snapshot.jpg")
    assert response.status == 200
    assert decode(response.body).mean() == pytest.approx(20, abs=2)


def test_without_a_picture_a_snapshot_is_refused_after_a_while(
    running_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(static, "SNAPSHOT_S", 0.05)
    response = running_server.request("/snapshot.jpg")
    assert (response.status, response.json) == (503, {"error": "no picture yet"})
    running_server.notice = "HD Webcam is in use by zoom"
    assert running_server.request("/snapshot.jpg").json == {"error": "no picture yet: HD Webcam is in use by zoom"}


def test_an_open_stream_counts_as_a_viewer(running_server: RunningServer) -> None:
    assert running_server.sink.has_viewers() is False
    connection = open_stream(running_server)
    with running_server.publishing():
        connection.getresponse()
        assert running_server.sink.has_viewers() is True
    connection.close()


def test_the_stream_is_multipart_jpeg(running_server: RunningServer) -> None:
    with running_server.publishing(99):
        connection = open_stream(running_server)
        response = connection.getresponse()
        assert response.headers["Content-Type"] == f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        for _ in range(3):
            head, jpeg = next_part(response)
            assert head["Content-Type"] == "image/jpeg"
            assert abs(float(decode(jpeg).mean()) - 99) < 2
        response.close()
        connection.close()


def test_each_picture_of_the_stream_has_the_time_of_its_publishing(running_server: RunningServer) -> None:
    began_at = time.time()
    with running_server.publishing():
        connection = open_stream(running_server)
        response = connection.getresponse()
        stamps = [float(next_part(response)[0]["X-Timestamp"]) for _ in range(5)]
    assert began_at <= stamps[0]
    assert stamps == sorted(set(stamps))
    assert stamps[-1] <= time.time()
    connection.close()


def test_a_viewer_that_pauses_continues_with_the_newest_picture(
    running_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    jpeg_bytes, receive_bytes = 50_000, 64 * 1024
    monkeypatch.setattr(mjpeg, "encode_jpeg", lambda _: bytes(jpeg_bytes))
    broadcast = running_server.sink.broadcast
    with socket.socket() as viewer:
        viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        viewer.settimeout(PATIENCE_S)
        viewer.connect((HOST, running_server.server.port))
        viewer.sendall(f"GET /stream.mjpg?token={TOKEN} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        response = http.client.HTTPResponse(viewer)
        with running_server.publishing():
            response.begin()
            next_part(response)
            pictures = broadcast.number + 200  # ten megabytes: more than any buffer holds
            assert until(lambda: broadcast.number > pictures)
            resumed_at = broadcast.offered_at
            late = 0
            while float(next_part(response)[0]["X-Timestamp"]) < resumed_at:
                late += 1
    # The system doubles what is asked for, on both sides, and counts records of its own; the server holds one more.
    assert late <= 3 * (static.SEND_BUFFER_BYTES + receive_bytes) / jpeg_bytes + 3


def test_one_viewer_too_many_is_refused(running_server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mjpeg, "MAX_VIEWERS", 1)
    with running_server.publishing():
        connection = open_stream(running_server)
        stream = connection.getresponse()  # a deleted response would close the connection
        assert running_server.request("/stream.mjpg").status == 503
        assert running_server.request("/snapshot.jpg").status == 503
        stream.close()
    connection.close()


def test_a_viewer_that_does_not_read_is_disconnected(
    running_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(static, "STALL_TIMEOUT_S", 0.05)
    monkeypatch.setattr(mjpeg, "encode_jpeg", lambda _: bytes(2_000_000))
    connection = open_stream(running_server)
    with running_server.publishing():
        assert until(lambda: running_server.sink.broadcast.number > 1)
        assert until(lambda: not running_server.sink.has_viewers())
    connection.close()
