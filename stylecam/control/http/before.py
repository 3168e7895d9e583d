"""Serve the unpainted camera picture to the page of this computer, where it is compared with the painting."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable

from aiohttp import web

from stylecam.control.http.auth import error_response
from stylecam.control.http.context import ServerContext
from stylecam.control.http.local_socket import is_local

INTERVAL_S = 0.2
"""The least time between two pictures, for all pages together: it is a comparison, not a second camera."""
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
"""What a proxy adds, behind which a stranger looks like this computer."""


class BeforeRoutes:
    """The handler of `/api/camera.jpg`.

    The picture is meant for the person in front of the camera. So besides the token a request must come from this
    computer, and be a POST, which no address in a picture element, a bookmark or OBS can make.
    """

    def __init__(self, context: ServerContext, now: Callable[[], float]) -> None:
        """`now` returns seconds on a steady clock."""
        self._context, self._now = context, now
        self._next_at = float("-inf")

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.post("/api/camera.jpg", self._picture)]

    async def _picture(self, request: web.Request) -> web.Response:
        if not _is_from_here(request):
            return error_response(403, "the unpainted picture is shown only on the computer with the camera")
        if self._now() < self._next_at:
            return error_response(429, f"at most one picture every {INTERVAL_S:g} seconds")
        self._next_at = self._now() + INTERVAL_S
        jpeg = await asyncio.to_thread(self._context.unpainted)
        if jpeg is None:
            return web.Response(status=204)  # no error: a page may ask while the picture is being covered
        return web.Response(body=jpeg, content_type="image/jpeg")


def _is_from_here(request: web.Request) -> bool:
    if any(name in request.headers for name in _FORWARDED) or request.transport is None:
        return False
    if is_local(request.transport.get_extra_info("socket")):
        return True
    peer = request.transport.get_extra_info("peername")
    try:
        return bool(peer) and ipaddress.ip_address(str(peer[0]).removeprefix("::ffff:")).is_loopback
    except ValueError:
        return False
