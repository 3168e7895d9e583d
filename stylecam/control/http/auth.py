"""Check each request: its host name, its origin and its token.

Any web page can make a browser send requests to this computer. It cannot send our host name as `Host` (with DNS
rebinding the browser sends the page's own name), cannot hide its origin (`Origin`, `Sec-Fetch-Site`), and does not know
the token. So all three are checked.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import socket
from collections.abc import Mapping

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from stylecam.control.http.address import Address, is_ip
from stylecam.control.http.local_socket import is_local
from stylecam.errors import UsageError

MAX_BODY_BYTES = 64 * 1024


class Authenticator:
    """Checks every request before its handler sees it."""

    def __init__(self, address: Address, token: str) -> None:
        self._address = address
        self._token = token.encode()
        # Not the token itself: browsers send cookies to every port of a host.
        self._cookie = hashlib.sha256(b"stylecam cookie " + self._token).hexdigest()
        name = socket.gethostname().lower()
        self._names = {"localhost"} if address.private else {"localhost", name, f"{name}.local"}
        self._names.add(address.host.lower())

    def refusal(self, request: web.Request) -> web.Response | None:
        """Return the error response to `request`, or None if it is allowed."""
        # Through the Unix socket comes only who the system says is the user.
        refused = None if is_local(_socket(request)) else self._refusal_at_port(request)
        if refused is None and (request.content_length or 0) > MAX_BODY_BYTES:
            return error_response(413, f"the body is larger than {MAX_BODY_BYTES // 1024} KiB")
        return refused

    def _refusal_at_port(self, request: web.Request) -> web.Response | None:
        host = request.headers.get("Host", "")
        if not self._is_our_host(host):
            return error_response(403, f"this is served as {self._address.host} only, not as {host[:60]!r}")
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            return error_response(403, f"requests from {origin[:60]!r} are not answered")
        if not self._has_credentials(request):
            return error_response(401, "the token is missing or wrong; open the link that stylecam prints")
        return None

    def knows(self, head: bytes) -> bool:
        """Return True if the header of a request carries the token or the cookie; it has yet to be checked properly."""
        found = _CREDENTIAL.findall(head)
        return any(hmac.compare_digest(text, known) for text in found for known in (self._token, self._cookie.encode()))

    def has_token(self, request: web.Request) -> bool:
        """Return True if the token is in the address or the `Authorization` header; a cookie alone does not count.

        A request through the Unix socket needs no token.
        """
        if is_local(_socket(request)):
            return True
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        tokens = [request.query.get("token", ""), bearer.strip() if scheme.lower() == "bearer" else ""]
        return any(_equal(text, self._token) for text in tokens)

    def set_cookie(self, request: web.Request, response: web.StreamResponse) -> None:
        """Set a cookie, so that the browser need not send the token in addresses."""
        response.set_cookie(self._cookie_name(request), self._cookie, httponly=True, samesite="Strict", path="/")

    def _has_credentials(self, request: web.Request) -> bool:
        if self.has_token(request):
            return True
        if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            return False  # from a page on another port of this computer; the browser sends it our cookie as well
        return _equal(request.cookies.get(self._cookie_name(request), ""), self._cookie.encode())

    def _cookie_name(self, request: web.Request) -> str:
        """Return a name that contains the port, so that two servers do not overwrite each other's cookie."""
        port = re.search(r":(\d+)$", request.headers.get("Host", ""))
        return f"stylecam-{port[1] if port else 80}"

    def _is_our_host(self, header: str) -> bool:
        match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(?::\d{1,5})?", header.strip())
        if match is None:
            return False
        host = match[1].strip("[]").lower()
        if self._address.private:
            return host in self._names or host in ("127.0.0.1", "::1")
        return host in self._names or is_ip(host)  # a page can make any name resolve to us, but not an address


def auth_middleware(authenticator: Authenticator) -> Middleware:
    """Return the middleware that checks requests, turns errors into one line of JSON and adds the common headers."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        response: web.StreamResponse | None = authenticator.refusal(request)
        if response is None:
            try:
                response = await handler(request)
            except web.HTTPException as error:
                response = error_response(error.status, _words(error), error.headers) if error.status >= 400 else error
            except web.RequestPayloadError:
                response = error_response(400, "the body is not what its headers say")
        elif response.status == 401 and request.path in ("/", "/picture"):
            response = web.Response(status=401, text=_LOCKED, content_type="text/html")
        if not response.prepared:
            response.headers.update(HEADERS)
            if response.status in (401, 403):
                response.force_close()  # strangers keep no connection
        return response

    return middleware


HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}

_LOCKED = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>stylecam</title>
<h1>stylecam</h1>
<p>This page opens with the link that stylecam prints when it starts. It holds a token, new at each start,
which keeps others from steering your camera.</p>
</html>
"""


def error_response(status: int, words: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an error response with the body `{"error": "one line"}`."""
    allow = {"Allow": headers["Allow"]} if headers is not None and "Allow" in headers else None
    return web.json_response({"error": " ".join(words.split())}, status=status, headers=allow)


def _words(error: web.HTTPException) -> str:
    messages = {
        404: "there is nothing here; see /api/openapi.json",
        405: f"this method is not allowed; use {error.headers.get('Allow', '')}",
        413: f"the body is larger than {MAX_BODY_BYTES // 1024} KiB",
    }
    return messages.get(error.status, error.reason)


def _equal(text: str, expected: bytes) -> bool:
    return hmac.compare_digest(text.encode("utf-8", "surrogatepass"), expected)


def _socket(request: web.Request) -> object:
    return None if request.transport is None else request.transport.get_extra_info("socket")


_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,128}")
_CREDENTIAL = re.compile(rb"(?:=|bearer +)([A-Za-z0-9_-]{8,128})", re.IGNORECASE)
"""What may be a token or a cookie in the header of a request."""


def new_token() -> str:
    """Return a random token of 128 bits."""
    return secrets.token_urlsafe(16)


def check_token(text: str) -> str:
    """Return `text` if it can be used as a token in an address.

    Raises:
        UsageError: it is too short, too long, or has other characters.
    """
    if not _TOKEN.fullmatch(text):
        raise UsageError("--token must have 8 to 128 letters, digits, - or _; leave it out for a random one")
    return text
