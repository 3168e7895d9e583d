"""Tests of starting and stopping the server, and of its port."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from stylecam.control.command_queue import CommandQueue
from stylecam.control.http import instances
from stylecam.control.http import server as server_module
from stylecam.control.http.address import HOST, Address
from stylecam.control.http.connection_limit import ConnectionLimit
from stylecam.control.http.context import ServerContext
from stylecam.control.http.server import Server
from stylecam.control.state import LiveState
from stylecam.errors import ServerUnavailableError
from stylecam.media.sinks.mjpeg import JpegBroadcast
from stylecam.models.catalog import Catalog
from tests.control.http.test_static import open_stream
from tests.control.running_server import PATIENCE_S, TOKEN, RunningServer, free_port
from tests.doubles import until


@pytest.fixture
def context(catalog: Catalog) -> ServerContext:
    return ServerContext(CommandQueue(catalog, LiveState()), catalog, JpegBroadcast())


def server_thread_ended() -> bool:
    return not any(thread.name == "stylecam-server" for thread in threading.enumerate())


def test_the_link_opens_the_page(running_server: RunningServer) -> None:
    assert running_server.server.url == f"http://{HOST}:{running_server.server.port}/"
    assert running_server.server.link == f"{running_server.server.url}?token={TOKEN}"


def test_each_server_has_its_own_token(context: ServerContext) -> None:
    assert Server(context).token != Server(context).token


def test_a_port_in_use_is_refused_with_another_to_try(context: ServerContext) -> None:
    with socket.socket() as other_socket:
        other_socket.bind((HOST, 0))
        other_socket.listen()
        port = other_socket.getsockname()[1]
        server = Server(context, Address(HOST, port))
        with pytest.raises(ServerUnavailableError, match=rf"port {port} is in use .*--output web:{port + 1}"):
            server.start()
        server.stop()
    assert server_thread_ended()


def test_a_port_that_another_stylecam_holds_is_refused_with_its_process(context: ServerContext) -> None:
    with socket.socket() as other_socket:
        other_socket.bind((HOST, 0))
        other_socket.listen()
        port = other_socket.getsockname()[1]
        server = Server(context, Address(HOST, port))
        running = instances.current_instance(["web"], ["web"], HOST, port)
        with (
            instances.registered(running),
            pytest.raises(
                ServerUnavailableError, match=rf"port {port} is that of a stylecam .*\(process {running.pid}\)"
            ),
        ):
            server.start()
        server.stop()


def test_an_address_of_another_machine_is_refused(context: ServerContext) -> None:
    server = Server(context, Address("192.0.2.1", free_port()))
    with pytest.raises(ServerUnavailableError, match=r"192.0.2.1, port \d+, cannot be listened to"):
        server.start()
    server.stop()
    assert server_thread_ended()


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 300, "a..b"])
def test_an_unknown_host_name_is_refused(context: ServerContext, host: str) -> None:
    server = Server(context, Address(host, free_port()))
    with pytest.raises(ServerUnavailableError, match="cannot be listened to"):
        server.start()
    server.stop()
    assert server_thread_ended()


def test_without_a_requested_port_the_next_free_one_is_used(
    context: ServerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as other_socket:
        other_socket.bind((HOST, 0))
        other_socket.listen()
        monkeypatch.setattr(server_module, "DEFAULT_PORT", other_socket.getsockname()[1])
        server = Server(context)
        server.start()
        try:
            assert server.port > other_socket.getsockname()[1]
            assert str(server.port) in server.link
        finally:
            server.stop()


def test_without_a_free_port_it_is_refused(context: ServerContext, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other_socket:
        other_socket.bind((HOST, 0))
        other_socket.listen()
        monkeypatch.setattr(server_module, "DEFAULT_PORT", other_socket.getsockname()[1])
        monkeypatch.setattr(server_module, "PORTS_TRIED", 1)
        server = Server(context)
        with pytest.raises(ServerUnavailableError, match="all in use; choose another with --listen"):
            server.start()
        server.stop()


def test_a_server_that_starts_too_slowly_is_stopped(context: ServerContext, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def slow(*arguments: Any) -> ConnectionLimit:
        assert released.wait(PATIENCE_S)
        return ConnectionLimit(*arguments)

    monkeypatch.setattr(server_module, "START_S", 0.01)
    monkeypatch.setattr(server_module, "ConnectionLimit", slow)
    server = Server(context, Address(HOST, free_port()))
    with pytest.raises(ServerUnavailableError, match=r"did not start .* try --no-server"):
        server.start()
    released.set()
    assert until(server_thread_ended)
    server.send_state()
    server.stop()


def test_stopping_frees_the_port_and_ends_the_thread(context: ServerContext) -> None:
    address = Address(HOST, free_port())
    for _ in range(2):
        server = Server(context, address, TOKEN)
        server.start()
        server.stop()
        server.stop()
    assert server_thread_ended()


def test_sending_after_the_stop_does_nothing(context: ServerContext) -> None:
    server = Server(context, Address(HOST, free_port()), TOKEN)
    server.start()
    server.stop()
    server.send_state()
    server.send_notice("too late")
    server.send_stats({})


@pytest.mark.parametrize("reads", [True, False])
def test_viewers_do_not_delay_stopping(catalog: Catalog, reads: bool) -> None:
    with RunningServer(catalog) as running_server:
        connections = [open_stream(running_server) for _ in range(3)]
        with running_server.publishing():
            for connection in connections:
                response = connection.getresponse()
                if reads:
                    response.readline()
    assert server_thread_ended()
    for connection in connections:
        connection.close()


def test_half_a_request_does_not_delay_stopping(catalog: Catalog) -> None:
    with (
        RunningServer(catalog) as running_server,
        socket.create_connection((HOST, running_server.server.port), timeout=PATIENCE_S) as connection,
    ):
        connection.sendall(b"POST /api/actions/next HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
        assert (
            running_server.request("/api/state").status == 200
        )  # later than the half request, so that one has arrived
    assert server_thread_ended()
