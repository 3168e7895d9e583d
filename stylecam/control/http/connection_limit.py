"""Limit how many connections are open at once, and how long one may take to send its first request."""

from __future__ import annotations

import asyncio
import json
from typing import cast

from aiohttp import web

MAX_CONNECTIONS = 256
"""Sixty-four pages with about four connections each. A process may usually open a thousand files."""
HEADER_TIMEOUT_S = 10.0
"""The header of the first request must be complete within this time."""
TURNED_AWAY_S = 1.0
"""How long a connection above the limit may take to send its request, so that it can be answered."""
MAX_HEADER_BYTES = 64 * 1024
"""More than the server accepts; a longer header is passed on, and the server refuses it."""
_END_OF_HEAD = b"\r\n\r\n"


class ConnectionLimit:
    """Creates the protocol of each new connection, for `loop.create_server`. It belongs to one event loop.

    aiohttp's server keeps a connection that never sends a request for an hour, and any number of them. Here a
    connection is passed on to aiohttp only once the header of its request is complete, and is closed if that takes too
    long. A connection above the limit is answered with status 503.
    """

    def __init__(self, server: web.Server, most: int, head_s: float) -> None:
        """Allow at most `most` open connections of `server`; each must send a header within `head_s` seconds."""
        self.server, self.most, self.head_s = server, most, head_s
        self.waiting: set[_WaitingConnection] = set()
        self.closed = False

    def __call__(self) -> asyncio.Protocol:
        """Create the protocol of a new connection."""
        return _WaitingConnection(self)

    @property
    def full(self) -> bool:
        """True while no further connection is accepted."""
        return len(self.server.connections) + len(self.waiting) >= self.most

    def close(self) -> None:
        """Close the connections that have sent no request yet, and those that arrive from now on."""
        self.closed = True
        for connection in tuple(self.waiting):
            connection.leave()


class _WaitingConnection(asyncio.Protocol):
    """A connection whose first request has not arrived. One above the limit is not counted, and is refused."""

    def __init__(self, limit: ConnectionLimit) -> None:
        self._limit = limit
        self._turned_away = False
        self._received = b""
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._turned_away = self._limit.full
        if not self._turned_away:
            self._limit.waiting.add(self)
        patience_s = TURNED_AWAY_S if self._turned_away else self._limit.head_s
        self._timer = asyncio.get_running_loop().call_later(patience_s, self.leave)
        if self._limit.closed:
            self.leave()

    def data_received(self, data: bytes) -> None:
        self._received += data
        is_request = self._received[:1].isalpha()  # the server answers anything else, such as a TLS handshake, at once
        if is_request and _END_OF_HEAD not in self._received and len(self._received) <= MAX_HEADER_BYTES:
            return
        self._settle()
        if self._turned_away:
            self._transport.write(_refusal(self._limit.most))
            self._transport.close()
            return
        protocol = self._limit.server()
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
        self._limit.waiting.discard(self)


def _refusal(most: int) -> bytes:
    message = f"{most} connections are open already; close a page, or try again in a moment"
    body = json.dumps({"error": message}).encode()
    head = (
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json; charset=utf-8\r\nRetry-After: 5\r\n"
        f"Cache-Control: no-store\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
