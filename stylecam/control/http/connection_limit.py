"""The limit of the server: how many are let in at once, and how long one may stand in it without a request."""

from __future__ import annotations

import asyncio
import json
from typing import cast

from aiohttp import web

MAX_CONNECTIONS = 256
"""Sixty-four pages have some four each; a process may mostly open a thousand files."""
HEADER_TIMEOUT_S = 10.0
"""A request has to have come so far, in this time, that it is known what is asked."""
TURNED_AWAY_S = 1.0
MAX_HEADER_BYTES = 64 * 1024
"""More than the server takes; what it says to that is its own."""
_END_OF_HEAD = b"\r\n\r\n"


class ConnectionLimit:
    """Makes the protocol of every new connection, for `loop.create_server`. It belongs to one event loop.

    A connection that asks for nothing costs aiohttp's server an hour of patience, and there may be any number of them.
    Here it waits outside until its request has begun, and not for long; where too many are there already, it is told
    so, with status 503.
    """

    def __init__(self, server: web.Server, most: int, head_s: float) -> None:
        """`server` takes over who is let in; `most` may be there at once, inside and in the limit together.

        Who has sent no whole head of a request within `head_s` is let go.
        """
        self.server, self.most, self.head_s = server, most, head_s
        self.waiting: set[_WaitingConnection] = set()
        self.closed = False

    def __call__(self) -> asyncio.Protocol:
        """The protocol of a new connection."""
        return _WaitingConnection(self)

    @property
    def full(self) -> bool:
        """True while nobody more can be let in."""
        return len(self.server.connections) + len(self.waiting) >= self.most

    def close(self) -> None:
        """Send those away who still stand in it, and whoever was about to enter."""
        self.closed = True
        for guest in tuple(self.waiting):
            guest.leave()


class _WaitingConnection(asyncio.Protocol):
    """One connection whose request has not come yet; one too many is not counted, hears so, and goes."""

    def __init__(self, limit: ConnectionLimit) -> None:
        self._limit = limit
        self._turned_away = False
        self._heard = b""
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
        self._heard += data
        is_request = self._heard[:1].isalpha()  # else, as of a browser that wants https, the server answers at once
        if is_request and _END_OF_HEAD not in self._heard and len(self._heard) <= MAX_HEADER_BYTES:
            return
        self._settle()
        if self._turned_away:
            self._transport.write(_refusal(self._limit.most))
            self._transport.close()
            return
        inside = self._limit.server()
        self._transport.set_protocol(inside)
        inside.connection_made(self._transport)
        inside.data_received(self._heard)

    def connection_lost(self, _: Exception | None) -> None:
        self._settle()

    def leave(self) -> None:
        """Let it go."""
        self._settle()
        self._transport.abort()

    def _settle(self) -> None:
        self._timer.cancel()
        self._limit.waiting.discard(self)


def _refusal(most: int) -> bytes:
    body = json.dumps(
        {"error": f"{most} connections are open already; close a page, or try again in a moment"}
    ).encode()
    head = (
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json; charset=utf-8\r\nRetry-After: 5\r\n"
        f"Cache-Control: no-store\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
