"""The server of a live run: where it listens, and what it may be told to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stylecam.control.address import Address
from stylecam.control.desk import Desk
from stylecam.control.guard import check_token
from stylecam.control.server import Server
from stylecam.errors import UsageError
from stylecam.settings import Settings
from stylecam.sinks.base import Sink
from stylecam.sinks.web import WebSink


def web_sink(settings: Settings, sinks: Sequence[Sink]) -> WebSink | None:
    """The sink that feeds the server: the one among `sinks`, or one more; None if there is to be no server.

    Raises:
        UsageError: no server is wanted, and a page is.
    """
    wanted = next((sink for sink in sinks if isinstance(sink, WebSink)), None)
    if settings.server:
        return wanted or WebSink()
    if wanted is not None:
        raise UsageError("--output web and --no-server cannot be together; leave one of them out")
    return None


def make_server(settings: Settings, desk: Desk, sink: WebSink) -> Server:
    """The server, not started yet.

    Raises:
        UsageError: an address or token that is none, or two ports at once.
    """
    address = address_of(settings, sink.port)
    return Server(desk, address, None if settings.token is None else check_token(settings.token))


def address_of(settings: Settings, port: int | None) -> Address:
    """Where to listen; `port` is the one of `--output web:PORT`.

    Raises:
        UsageError: it is no address, or the two name different ports.
    """
    address = Address() if settings.listen is None else Address.parse(settings.listen)
    if port is not None and address.port not in (None, port):
        raise UsageError(f"--output web:{port} and --listen {settings.listen} name two ports; there is one page")
    return address if port is None else replace(address, port=port)


def warning(server: Server) -> str | None:
    """What the user should know of where it listens, or None."""
    if server.address.private:
        return None
    return (
        f"the page can be reached from other computers at port {server.port}, unencrypted: whoever sees its link on "
        "the network can watch and steer; leave out --listen to keep it on this one"
    )
