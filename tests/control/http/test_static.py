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
from tests.control.house import PATIENCE_S, TOKEN, House
from tests.doubles import until


def picture(jpeg: bytes) -> Image:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)  # type: ignore[return-value]


def connect(house: House) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection(HOST, house.server.port, timeout=PATIENCE_S)
    connection.request("GET", f"/stream.mjpg?token={TOKEN}")
    return connection


@pytest.mark.parametrize("path", ["/", "/picture"])
def test_the_pages_name_only_files_that_are_there(house: House, path: str) -> None:
    page = house.ask(path)
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("file", [file.name for file in (resources.files("stylecam") / "assets" / "page").iterdir()])
def test_each_file_of_the_page_is_served_as_what_it_is(house: House, file: str) -> None:
    kinds = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    answer = house.ask(f"/static/{file}")
    assert answer.status == 200
    assert answer.headers.get_content_type() == kinds[file.rpartition(".")[2]]


@pytest.mark.parametrize(
    "name", ["..%2f..%2ferrors.py", "../../errors.py", "%2e%2e/errors.py", ".", "nothing.js", "%00"]
)
def test_no_name_leads_out_of_the_pages_folder(house: House, name: str) -> None:
    assert house.ask(f"/static/{name}").status == 404


def test_the_picture_for_obs_keeps_its_address_and_leaves_a_cookie(house: House) -> None:
    answer = house.ask(f"/picture?token={TOKEN}", token=None)
    assert answer.status == 200
    assert "Set-Cookie" in answer.headers


def test_a_snapshot_is_the_picture_published(house: House) -> None:
    with house.publishing(77):
        answer = house.ask("/snapshot.jpg")
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert picture(answer.body).shape == (96, 128, 3)
    assert abs(float(picture(answer.body).mean()) - 77) < 2


def test_a_snapshot_of_a_camera_that_was_off_waits_for_its_first_picture(house: House) -> None:
    taken: list[bytes] = []
    asking = threading.Thread(target=lambda: taken.append(house.ask("/snapshot.jpg").body))
    asking.start()
    with house.publishing(20, index=-1):  # the card, as long as the camera starts
        assert until(lambda: house.sink.broadcast.number > 1)
    with house.publishing(200):
        asking.join()
    assert picture(taken[0]).mean() == pytest.approx(200, abs=2)


def test_without_a_picture_a_snapshot_is_refused_after_a_while(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "SNAPSHOT_S", 0.05)
    answer = house.ask("/snapshot.jpg")
    assert (answer.status, answer.json) == (503, {"error": "no picture yet"})


def test_who_has_the_stream_open_watches(house: House) -> None:
    assert house.sink.has_viewers() is False
    connection = connect(house)
    with house.publishing():
        connection.getresponse()
        assert house.sink.has_viewers() is True
    connection.close()


def test_the_stream_is_one_picture_after_the_other(house: House) -> None:
    with house.publishing(99):
        connection = connect(house)
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


def test_one_viewer_too_many_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mjpeg, "MAX_VIEWERS", 1)
    with house.publishing():
        connection = connect(house)
        connection.getresponse()
        assert house.ask("/stream.mjpg").status == 503
        assert house.ask("/snapshot.jpg").status == 503
    connection.close()


def test_a_viewer_that_takes_nothing_for_long_is_let_go(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "STALLED_S", 0.05)
    monkeypatch.setattr(mjpeg, "encode_jpeg", lambda _: bytes(2_000_000))
    connection = connect(house)
    with house.publishing():
        assert until(lambda: house.sink.broadcast.number > 1)
        assert until(lambda: not house.sink.has_viewers())
    connection.close()
