"""Tests of the limit of connections, of silent connections and of broken requests."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator

import pytest

from stylecam.control.http import server as server_module
from stylecam.control.http.address import HOST
from stylecam.control.http.connection_limit import Limits
from stylecam.models.catalog import Catalog
from tests.control.running_server import PATIENCE_S, TOKEN, RunningServer
from tests.doubles import until


@pytest.fixture
def limited_server(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningServer]:
    """Run a server that has three places for the user, one for strangers, and lets three connections wait."""
    monkeypatch.setattr(server_module, "Limits", lambda *_, **__: Limits(most=3, strangers=1, waiting=3))
    with RunningServer(catalog) as running_server:
        yield running_server


def open_connections(running_server: RunningServer, count: int) -> list[socket.socket]:
    return [socket.create_connection((HOST, running_server.server.port), PATIENCE_S) for _ in range(count)]


def close(connections: list[socket.socket]) -> None:
    for connection in connections:
        connection.close()


def test_connections_kept_alive_are_counted_until_one_closes(limited_server: RunningServer) -> None:
    open_ones = open_connections(limited_server, 3)
    for connection in open_ones:
        connection.sendall(f"GET /api/stats HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 200"
    response = limited_server.request("/api/state")
    assert response.status == 503
    assert response.headers["Connection"] == "close"
    assert json.loads(response.body)["error"].startswith("3 connections are open already")
    close(open_ones)
    assert until(lambda: limited_server.request("/api/state").status == 200)


def test_silent_connections_take_no_place_and_give_way_to_newer_ones(limited_server: RunningServer) -> None:
    idle = open_connections(limited_server, 20)
    assert limited_server.request("/api/state").status == 200
    for connection in idle[:17]:
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(100) == b""
    close(idle)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/static/page.js", 200), ("/api/state", 401), ("/stream.mjpg", 401),
     ("/api/do/panic?token=wrong-token", 401)],
)  # fmt: skip
def test_a_stranger_keeps_no_connection(running_server: RunningServer, path: str, status: int) -> None:
    answer = running_server.send_raw(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 %d" % status)
    assert b"Connection: close" in answer


def test_strangers_with_half_a_request_leave_the_places_of_the_user_free(limited_server: RunningServer) -> None:
    strangers = []
    for _ in range(10):
        (connection,) = open_connections(limited_server, 1)
        strangers.append(connection)
        connection.sendall(f"POST /api/actions/quit HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 100\r\n\r\n{{".encode())
        assert connection.recv(12)[9:] in (b"401", b"503")
    assert limited_server.request("/api/state").status == 200
    assert not limited_server.control.quitting.is_set()
    close(strangers)


def test_a_silent_connection_is_closed_after_a_timeout(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "Limits", lambda *_, **__: Limits(head_s=0.05))
    with RunningServer(catalog) as running_server:
        (nothing, half) = connections = open_connections(running_server, 2)
        half.sendall(b"GET /api/state HTTP/1.1\r\nHost: ")
        for connection in (nothing, half):
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(100) == b""
        close(connections)
        assert running_server.request("/api/state").status == 200


def test_a_request_may_come_in_pieces(running_server: RunningServer) -> None:
    (connection,) = open_connections(running_server, 1)
    for piece in ("GET /api/sta", f"te HTTP/1.1\r\nHost: {HOST}\r\nAuth", f"orization: Bearer {TOKEN}\r\n\r", "\n"):
        connection.sendall(piece.encode())
    assert connection.recv(12) == b"HTTP/1.1 200"
    connection.close()


def test_bytes_that_are_not_http_are_refused_at_once(running_server: RunningServer) -> None:
    (connection,) = open_connections(running_server, 1)
    connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # https
    assert connection.recv(12) == b"HTTP/1.0 400"
    connection.close()


def test_silent_connections_do_not_delay_stopping(catalog: Catalog) -> None:
    with RunningServer(catalog) as running_server:
        connections = open_connections(running_server, 3)
        assert (
            running_server.request("/api/state").status == 200
        )  # later than the connections, so they have been accepted
    assert not any(thread.name == "stylecam-server" for thread in threading.enumerate())
    close(connections)


@pytest.mark.parametrize(
    "broken_request",
    [
        "Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        "Content-Length: many\r\n\r\n",
        f"X-Long: {'a' * 20_000}\r\n\r\n",
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    ],
    ids=["no gzip", "no chunk", "no length", "a long head", "half a body"],
)
def test_a_broken_request_is_not_logged(
    broken_request: str, running_server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_connection((HOST, running_server.server.port), PATIENCE_S) as connection:
        head = f"POST /api/actions/next HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {TOKEN}\r\n"
        connection.sendall((head + broken_request).encode())
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100)[:12] in (b"HTTP/1.1 400", b"HTTP/1.0 400", b"")
    assert running_server.request("/api/state").status == 200
    assert caplog.records == []
