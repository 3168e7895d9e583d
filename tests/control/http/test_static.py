"""The page, its files, and the pictures on it."""

from __future__ import annotations

import http.client
import threading
from importlib import resources

import cv2
import numpy as np
import pytest

from stylecam.control.http import static as pages
from stylecam.control.http.address import HOST
from stylecam.control.http.static import BOUNDARY
from stylecam.media.frame import Image
from stylecam.media.sinks import mjpeg
from tests.control.running_server import PATIENCE_S, TOKEN, RunningServer
from tests.doubles import until


def picture(jpeg: bytes) -> Image:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)  # type: ignore[return-value]


def connect(running_server: RunningServer) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection(HOST, running_server.server.port, timeout=PATIENCE_S)
    connection.request("GET", f"/stream.mjpg?token={TOKEN}")
    return connection


@pytest.mark.parametrize("path", ["/", "/picture"])
def test_the_pages_name_only_files_that_are_there(running_server: RunningServer, path: str) -> None:
    page = running_server.ask(path)
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("file", [file.name for file in (resources.files("stylecam") / "assets" / "page").iterdir()])
def test_each_file_of_the_page_is_served_as_what_it_is(running_server: RunningServer, file: str) -> None:
    kinds = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    answer = running_server.ask(f"/static/{file}")
    assert answer.status == 200
    assert answer.headers.get_content_type() == kinds[file.rpartition(".")[2]]


@pytest.mark.parametrize(
    "name", ["..%2f..%2ferrors.py", "../../errors.py", "%2e%2e/errors.py", ".", "nothing.js", "%00"]
)
def test_no_name_leads_out_of_the_pages_folder(running_server: RunningServer, name: str) -> None:
    assert running_server.ask(f"/static/{name}").status == 404


def test_the_picture_for_obs_keeps_its_address_and_leaves_a_cookie(running_server: RunningServer) -> None:
    answer = running_server.ask(f"/picture?token={TOKEN}", token=None)
    assert answer.status == 200
    assert "Set-Cookie" in answer.headers


def test_a_snapshot_is_the_picture_published(running_server: RunningServer) -> None:
    with running_server.publishing(77):
        answer = running_server.ask("/snapshot.jpg")
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert picture(answer.body).shape == (96, 128, 3)
    assert abs(float(picture(answer.body).mean()) - 77) < 2


def test_a_snapshot_of_a_camera_that_was_off_waits_for_its_first_picture(running_server: RunningServer) -> None:
    taken: list[bytes] = []
    asking = threading.Thread(target=lambda: taken.append(running_server.ask("/snapshot.jpg").body))
    asking.start()
    with running_server.publishing(20, index=-1):  # the card, as long as the camera starts
        assert until(lambda: running_server.sink.broadcast.number > 1)
    with running_server.publishing(200):
        asking.join()
    assert picture(taken[0]).mean() == pytest.approx(200, abs=2)


def test_without_a_picture_a_snapshot_is_refused_after_a_while(
    running_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "SNAPSHOT_S", 0.05)
    answer = running_server.ask("/snapshot.jpg")
    assert (answer.status, answer.json) == (503, {"error": "no picture yet"})


def test_who_has_the_stream_open_watches(running_server: RunningServer) -> None:
    assert running_server.sink.has_viewers() is False
    connection = connect(running_server)
    with running_server.publishing():
        connection.getresponse()
        assert running_server.sink.has_viewers() is True
    connection.close()


def test_the_stream_is_one_picture_after_the_other(running_server: RunningServer) -> None:
    with running_server.publishing(99):
        connection = connect(running_server)
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


def test_one_viewer_too_many_is_told(running_server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mjpeg, "MAX_VIEWERS", 1)
    with running_server.publishing():
        connection = connect(running_server)
        stream = connection.getresponse()  # kept: a response that is collected closes the connection
        assert running_server.ask("/stream.mjpg").status == 503
        assert running_server.ask("/snapshot.jpg").status == 503
        stream.close()
    connection.close()


def test_a_viewer_that_takes_nothing_for_long_is_let_go(
    running_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "STALL_TIMEOUT_S", 0.05)
    monkeypatch.setattr(mjpeg, "encode_jpeg", lambda _: bytes(2_000_000))
    connection = connect(running_server)
    with running_server.publishing():
        assert until(lambda: running_server.sink.broadcast.number > 1)
        assert until(lambda: not running_server.sink.has_viewers())
    connection.close()
