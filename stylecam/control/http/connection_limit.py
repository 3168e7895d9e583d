"""Limit how many connections are open at once, how long one may take to send a request, and keep places free.

aiohttp's server keeps a connection that never sends a request for an hour, and any number of them. Here a connection is
passed on to aiohttp only once the header of its request is complete. Until then it holds no place, and gives way to
newer ones. A connection whose request has no credentials gets one of a few places, so that strangers, however many,
leave the others to the user.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from aiohttp import web

MAX_CONNECTIONS = 256
"""Sixty-four pages with about four connections each. A process may usually open a thousand files."""
MAX_STRANGERS = 32
"""Those whose request has no credentials. They get the files of the page or a refusal, and are closed at once; browsers
use six of them for each page that opens."""
MAX_WAITING = 256
"""Connections that have sent no complete header yet; the one that has waited longest is closed for a further one."""
HEADER_TIMEOUT_S = 10.0
"""The header of the first request must be complete within this time."""
MAX_HEADER_BYTES = 64 * 1024
"""More than the server accepts; a longer header is passed on, and the server refuses it."""
_END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Limits:
    """How many connections one listening socket has.

    Attributes:
        most: those whose request has credentials.
        strangers: those whose request has none.
        waiting: those that have not sent a whole header yet.
        head_s: how long the last may take to send it, in seconds.
    """

    most: int = MAX_CONNECTIONS
    strangers: int = MAX_STRANGERS
    waiting: int = MAX_WAITING
    head_s: float = HEADER_TIMEOUT_S


class ConnectionLimit:
    """Creates the protocol of each new connection, for `loop.create_server`. It belongs to one event loop."""

    def __init__(
        self,
        server: web.Server,
        limits: Limits,
        has_credentials: Callable[[bytes], bool],
        admits: Callable[[socket.socket], bool] = lambda _: True,
    ) -> None:
        """Limit the connections that one socket passes on to `server`.

        Args:
            server: aiohttp's.
            limits: the numbers.
            has_credentials: returns True if the header of a request (its bytes) carries the token.
            admits: returns False for a socket whose connection is closed at once.
        """
        self.server, self.limits = server, limits
        self.has_credentials, self.admits = has_credentials, admits
        self.waiting: dict[_WaitingConnection, None] = {}
        """In the order of their arrival."""
        self.closed = False
        self._users: set[object] = set()
        self._strangers: set[object] = set()

    def __call__(self) -> asyncio.Protocol:
        """Create the protocol of a new connection."""
        return _WaitingConnection(self)

    def wait(self, connection: _WaitingConnection) -> None:
        """Let `connection` wait for its header; the oldest one leaves if there are too many."""
        self.waiting[connection] = None
        if len(self.waiting) > self.limits.waiting:
            next(iter(self.waiting)).leave()

    def protocol_for(self, head: bytes) -> asyncio.Protocol | None:
        """Return aiohttp's protocol for a connection whose request begins with `head`; None if there is no place."""
        open_now = set(self.server.connections)
        self._users &= open_now
        self._strangers &= open_now
        if self.has_credentials(head):
            group, most = self._users, self.limits.most
        else:
            group, most = self._strangers, self.limits.strangers
        if len(group) >= most:
            return None
        protocol = self.server()
        group.add(protocol)
        return protocol

    def close(self) -> None:
        """Close the connections that have sent no request yet, and those that arrive from now on."""
        self.closed = True
        for connection in tuple(self.waiting):
            connection.leave()


class _WaitingConnection(asyncio.Protocol):
    """A connection whose first request has not arrived."""

    def __init__(self, limit: ConnectionLimit) -> None:
        self._limit = limit
        self._received = b""
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._timer = asyncio.get_running_loop().call_later(self._limit.limits.head_s, self.leave)
        if self._limit.closed or not self._limit.admits(transport.get_extra_info("socket")):
            self.leave()
        else:
            self._limit.wait(self)

    def data_received(self, data: bytes) -> None:
        self._received += data
        is_request = self._received[:1].isalpha()  # the server answers anything else, such as a TLS handshake, at once
        if is_request and _END_OF_HEAD not in self._received and len(self._received) <= MAX_HEADER_BYTES:
            return
        self._settle()
        protocol = self._limit.protocol_for(self._received.partition(_END_OF_HEAD)[0])
        if protocol is None:
            self._transport.write(_refusal(self._limit.limits.most))
            self._transport.close()
            return
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(self._received)

    def connection_lost(self, _: Exception | None) -> None:
        self._settle()

    def leave(self) -> None:
        """Close the connection."""
        self._settle()
        self._transport.abort()

    def _settle(self) -> None:
        self._timer.cancel()
        self._limit.waiting.pop(self, None)


def _refusal(most: int) -> bytes:
    message = f"{most} connections are open already; close a page, or try again in a moment"
    body = json.dumps({"error": message}).encode()
    head = (
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json; charset=utf-8\r\nRetry-After: 5\r\n"
        f"Cache-Control: no-store\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
