"""The server of a live run: whether there is one, and where."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from stylecam.control.command_queue import CommandQueue
from stylecam.control.http import server as server_module
from stylecam.control.http.context import ServerContext
from stylecam.control.http.server import Server
from stylecam.control.state import LiveState
from stylecam.errors import ServerUnavailableError, UsageError
from stylecam.live.page import find_page_sink, start_server
from stylecam.live.settings import Settings
from stylecam.media.frame import Size
from stylecam.media.sinks.base import NullSink, Sink
from stylecam.media.sinks.mjpeg import MjpegSink
from stylecam.models.catalog import Catalog
from tests.control.running_server import free_port

TOKEN = "a-token-of-the-tests"


class Page:
    """Starts servers for settings; `closing` stops them."""

    def __init__(self, catalog: Catalog, closing: contextlib.ExitStack) -> None:
        self.catalog = catalog
        self.closing = closing
        self.sink: MjpegSink | None = None

    def serve(self, *sinks: Sink, **settings: Any) -> Server | None:
        parsed = Settings(size=Size(128, 96), token=TOKEN, **settings)
        self.sink = sink = find_page_sink(parsed, sinks)
        if sink is None:
            return None
        context = ServerContext(CommandQueue(self.catalog, LiveState()), self.catalog, sink.broadcast)
        return start_server(parsed, context, sink, self.closing, required=sink in sinks)


@pytest.fixture
def page(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    monkeypatch.setattr(server_module, "DEFAULT_PORT", free_port())
    with contextlib.ExitStack() as closing:
        yield Page(catalog, closing)


def test_every_run_has_one_and_an_output_that_feeds_it(page: Page) -> None:
    server = page.serve(NullSink())
    assert server is not None
    assert server.token == TOKEN
    assert page.sink is not None
    assert page.sink.name == f"web {server.url}"


def test_a_requested_page_is_that_output(page: Page) -> None:
    requested = MjpegSink(free_port())
    server = page.serve(requested)
    assert server is not None
    assert page.sink is requested
    assert (server.port, requested.name) == (requested.port, f"web {server.url}")


def test_without_a_server_there_is_no_page(page: Page) -> None:
    assert page.serve(NullSink(), server=False) is None


def test_host_and_port_may_come_from_two_places(page: Page) -> None:
    port = free_port()
    server = page.serve(MjpegSink(port), listen="localhost")
    assert server is not None
    assert (server.host, server.port) == ("localhost", port)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"server": False}, "cannot be together"),
        ({"listen": ":9000"}, "name two ports"),
        ({"listen": "a:b"}, "--listen"),
    ],
    ids=str,
)
def test_a_contradiction_is_refused(page: Page, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        page.serve(MjpegSink(9001), **settings)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The only port there is, and another program has it."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setattr(server_module, "DEFAULT_PORT", other.getsockname()[1])
        monkeypatch.setattr(server_module, "PORTS_TRIED", 1)
        yield other.getsockname()[1]


def test_a_page_that_was_not_requested_may_be_missing(page: Page, taken: int, caplog: pytest.LogCaptureFixture) -> None:
    assert page.serve(NullSink()) is None
    assert f"there is no page: ports {taken} to {taken} are all in use" in caplog.messages[0]


@pytest.mark.parametrize("how", ["output", "output with port", "listen"])
def test_a_requested_page_may_not_be_missing(page: Page, taken: int, how: str) -> None:
    sink: Sink = {"output": MjpegSink(), "output with port": MjpegSink(taken), "listen": NullSink()}[how]
    with pytest.raises(ServerUnavailableError, match="in use"):
        page.serve(sink, listen=f":{taken}" if how == "listen" else None)


def test_a_server_of_this_computer_alone_logs_nothing(page: Page, caplog: pytest.LogCaptureFixture) -> None:
    page.serve(NullSink())
    assert caplog.messages == []
