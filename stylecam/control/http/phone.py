"""The link that opens the page on a phone, as a QR code."""

from __future__ import annotations

import io
from collections.abc import Callable

from aiohttp import web

from stylecam.control.http.address import Address, seen_from_outside, url


class PhoneRoutes:
    """The handler of `/api/phone`.

    The QR code can be photographed from afar, so it carries a code that opens the page once, not the token.
    """

    def __init__(self, address: Address, port: Callable[[], int], new_code: Callable[[], str]) -> None:
        """Make links to the server at `address`; `port` returns its port, and `new_code` a code that works once."""
        self._address, self._port, self._new_code = address, port, new_code

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.post("/api/phone", self._link)]

    async def _link(self, _: web.Request) -> web.Response:
        host = None if self._address.private else seen_from_outside(self._address.host)
        if host is None:
            return web.json_response({"link": None, "svg": None})
        link = f"{url(host, self._port())}?code={self._new_code()}"
        return web.json_response({"link": link, "svg": qr_code(link)})


def qr_code(text: str) -> str:
    """Return the QR code of `text` as an SVG file, dark on white with the border that readers need."""
    import segno

    file = io.BytesIO()
    segno.make(text, error="m", micro=False).save(file, kind="svg", scale=8, border=4, light="white")
    return file.getvalue().decode()
