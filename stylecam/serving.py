"""The server of a live run: where it listens, whether there is to be one, and what it needs of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stylecam.control.address import Address, seen_from_outside, url
from stylecam.control.desk import Desk
from stylecam.control.server import Server
from stylecam.errors import ServerUnavailableError, UsageError
from stylecam.news import Say
from stylecam.settings import Settings
from stylecam.sinks.base import Sink
from stylecam.sinks.web import WebSink


def web_sink(settings: Settings, sinks: Sequence[Sink]) -> WebSink | None:
    """The sink that feeds the server: the one among `sinks`, or one more; None if there is to be no server.

    Raises:
        UsageError: no server is wanted, and a page is; or its address or token cannot be meant.
    """
    wanted = next((sink for sink in sinks if isinstance(sink, WebSink)), None)
    if settings.server:
        sink = wanted or WebSink()
        _address(settings, sink)
        return sink
    if wanted is not None:
        raise UsageError("--output web and --no-server cannot be together; leave one of them out")
    return None


def serve(settings: Settings, desk: Desk, sink: WebSink, opened: list[Sink], say: Say) -> Server | None:
    """Start the server, and open `sink` if it is not among those `opened`.

    A page that nobody asked for, on a port that nobody chose, may be missing: that is said, and None returned.

    Raises:
        ServerUnavailableError: the port or address asked for cannot be had.
    """
    server = Server(desk, _address(settings, sink), settings.token)
    try:
        server.start()
    except ServerUnavailableError as error:
        if sink in opened or server.address.port is not None:
            raise
        say(f"there is no page: {error}")
        return None
    sink.name = f"web {server.url}"
    if not server.address.private:
        host = seen_from_outside(server.host) or "THIS-COMPUTER"
        say(
            f"the page can be reached from other computers and phones: {url(host, server.port)}?token={server.token} "
            "(unencrypted: whoever sees this link on the network can watch and steer; without --listen nobody can)"
        )
    if sink not in opened:
        opened.append(sink)
        sink.open(settings.size, settings.fps)
    return server


def _address(settings: Settings, sink: WebSink) -> Address:
    """Where to listen: `--listen`, with the port of `--output web:PORT`."""
    address = Address() if settings.listen is None else Address.parse(settings.listen)
    if sink.port is None:
        return address
    if address.port not in (None, sink.port):
        raise UsageError(f"--output web:{sink.port} and --listen {settings.listen} name two ports; there is one page")
    return replace(address, port=sink.port)
