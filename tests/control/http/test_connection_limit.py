"""Who is let in, who is turned away, and who has stood in the limit for too long."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator

import pytest

from stylecam.control.http import server as room
from stylecam.control.http.address import HOST
from stylecam.models.catalog import Catalog
from tests.control.running_server import PATIENCE_S, TOKEN, RunningServer
from tests.doubles import until


@pytest.fixture
def narrow(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningServer]:
    """A running_server whose limit lets three in."""
    monkeypatch.setattr(room, "MAX_CONNECTIONS", 3)
    with RunningServer(catalog) as running_server:
        yield running_server


def silent(running_server: RunningServer, count: int) -> list[socket.socket]:
    return [socket.create_connection((HOST, running_server.server.port), PATIENCE_S) for _ in range(count)]


def close(connections: list[socket.socket]) -> None:
    for connection in connections:
        connection.close()


def test_silent_connections_do_not_take_the_whole_server_and_newcomers_are_told(narrow: RunningServer) -> None:
    idle = silent(narrow, 3)
    answer = narrow.ask("/api/state")
    assert answer.status == 503
    assert answer.headers["Connection"] == "close"
    assert json.loads(answer.body)["error"].startswith("3 connections are open already")
    close(idle)
    assert until(lambda: narrow.ask("/api/state").status == 200)


def test_connections_kept_after_their_request_count_as_well(narrow: RunningServer) -> None:
    kept = silent(narrow, 3)
    for connection in kept:
        connection.sendall(f"GET /api/stats HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 200"
    assert narrow.ask("/api/state").status == 503
    close(kept)
    assert until(lambda: narrow.ask("/api/state").status == 200)


def test_who_says_nothing_is_let_go(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "HEADER_TIMEOUT_S", 0.05)
    with RunningServer(catalog) as running_server:
        (nothing, half) = connections = silent(running_server, 2)
        half.sendall(b"GET /api/state HTTP/1.1\r\nHost: ")
        for connection in (nothing, half):
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(100) == b""
        close(connections)
        assert running_server.ask("/api/state").status == 200


def test_a_request_may_come_in_pieces(running_server: RunningServer) -> None:
    (connection,) = silent(running_server, 1)
    for piece in ("GET /api/sta", f"te HTTP/1.1\r\nHost: {HOST}\r\nAuth", f"orization: Bearer {TOKEN}\r\n\r", "\n"):
        connection.sendall(piece.encode())
    assert connection.recv(12) == b"HTTP/1.1 200"
    connection.close()


def test_what_is_no_request_is_answered_at_once(running_server: RunningServer) -> None:
    (connection,) = silent(running_server, 1)
    connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # https
    assert connection.recv(12) == b"HTTP/1.0 400"
    connection.close()


def test_silent_connections_do_not_hold_up_the_end(catalog: Catalog) -> None:
    with RunningServer(catalog) as running_server:
        connections = silent(running_server, 3)
        assert running_server.ask("/api/state").status == 200  # they have come, as this one after them has
    assert not any(thread.name == "stylecam-server" for thread in threading.enumerate())
    close(connections)


@pytest.mark.parametrize(
    "wrong",
    [
        "Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        "Content-Length: many\r\n\r\n",
        f"X-Long: {'a' * 20_000}\r\n\r\n",
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    ],
    ids=["no gzip", "no chunk", "no length", "a long head", "half a body"],
)
def test_a_broken_request_is_no_traceback_on_the_users_terminal(
    wrong: str, running_server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_connection((HOST, running_server.server.port), PATIENCE_S) as connection:
        head = f"POST /api/actions/next HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {TOKEN}\r\n"
        connection.sendall((head + wrong).encode())
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100)[:12] in (b"HTTP/1.1 400", b"HTTP/1.0 400", b"")
    assert running_server.ask("/api/state").status == 200
    assert caplog.records == []
