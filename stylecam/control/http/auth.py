"""Check each request: its host name, its origin and its token.

Any web page can make a browser send requests to this computer. It cannot send our host name as `Host` (with DNS
rebinding the browser sends the page's own name), cannot hide its origin (`Origin`, `Sec-Fetch-Site`), and does not know
the token. So all three are checked. There is no cookie: browsers send cookies to every port of a host, and so to other
users' servers on this computer.
"""

from __future__ import annotations

import hmac
import re
import socket
from collections.abc import Mapping

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from stylecam.control.http.address import Address, is_ip
from stylecam.control.http.language import language_of
from stylecam.control.http.local_socket import is_local
from stylecam.utils.message import Message
from stylecam.utils.redact import redact

MAX_BODY_BYTES = 64 * 1024
MAX_PICTURE_BYTES = 64 * 2**20
"""The largest file of a picture from which a style is learned."""
OWN_STYLES_PATH = "/api/own-styles"
PREPARATION_PATH = f"{OWN_STYLES_PATH}/preparation"
"""Where pictures are sent to, which are larger than all other bodies."""
PROTOCOL = "stylecam"
"""The protocol of the WebSocket. A browser sends the token as the name of another one, `token.TOKEN`."""


CODE_PATH = "/api/code"
"""Where the page exchanges a code that opens it once for the token."""


class Authenticator:
    """Checks every request before its handler sees it."""

    def __init__(self, address: Address, token: str) -> None:
        self._address = address
        self._token = token.encode()
        name = socket.gethostname().lower()
        self._names = {"localhost"} if address.private else {"localhost", name, f"{name}.local"}
        self._names.add(address.host.lower())

    def refusal(self, request: web.Request) -> web.Response | None:
        """Return the error response to `request`, or None if it is allowed."""
        # Through the Unix socket comes only who the system says is the user.
        refused = None if is_local(socket_of(request)) else self._refusal_at_port(request)
        if refused is None and (request.content_length or 0) > _most_bytes(request):
            return _too_large(request)
        return refused

    def _refusal_at_port(self, request: web.Request) -> web.Response | None:
        host = request.headers.get("Host", "")
        if not self._is_our_host(host):
            return error_response(403, f"this is served as {self._address.host} only, not as {host[:60]!r}")
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            return error_response(403, f"requests from {origin[:60]!r} are not answered")
        if not _is_public(request.path) and not self.has_token(request):
            return error_response(401, "the token is missing or wrong; open the link that stylecam prints")
        return None

    def knows(self, head: bytes) -> bool:
        """Return True if the header of a request carries the token; it has yet to be checked properly."""
        return any(hmac.compare_digest(text, self._token) for text in _CREDENTIAL.findall(head))

    def has_token(self, request: web.Request) -> bool:
        """Return True if the token is in the address, in `Authorization` or among a WebSocket's protocols.

        A request through the Unix socket needs no token.
        """
        if is_local(socket_of(request)):
            return True
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        tokens = [request.query.get("token", ""), bearer.strip() if scheme.lower() == "bearer" else ""]
        for protocol in request.headers.get("Sec-WebSocket-Protocol", "").split(","):
            kind, _, text = protocol.strip().partition(".")
            tokens.append(text if kind == "token" else "")
        return any(_equal(text, self._token) for text in tokens)

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
                response = _refused(request, error) if error.status >= 400 else error
            except web.RequestPayloadError:
                response = error_response(400, "the body is not what its headers say")
        if not response.prepared:
            response.headers.update(HEADERS)
            if response.status == 403 or not authenticator.has_token(request):
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


def _is_public(path: str) -> bool:
    """Return True for the page itself, which is the same for everybody, and for the exchange of a code for the token.

    A browser adds no header when it opens the page.
    """
    return path in ("/", "/picture", CODE_PATH) or path.startswith("/static/")


def error_response(status: int, words: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an error response with the body `{"error": "one line"}`."""
    kept = {name: headers[name] for name in ("Allow", "Retry-After") if headers is not None and name in headers}
    return web.json_response({"error": redact(" ".join(words.split()))}, status=status, headers=kept)


def _most_bytes(request: web.Request) -> int:
    return MAX_PICTURE_BYTES if request.path in (OWN_STYLES_PATH, PREPARATION_PATH) else MAX_BODY_BYTES


def _too_large(request: web.Request) -> web.Response:
    most = _most_bytes(request)
    size = f"{most >> 20} MiB" if most >= 2**20 else f"{most >> 10} KiB"
    return error_response(413, language_of(request).say(Message("the body is larger than {size}", size=size)))


def _refused(request: web.Request, error: web.HTTPException) -> web.Response:
    if error.status == 413:
        return _too_large(request)
    return error_response(error.status, _words(error), error.headers)


def _words(error: web.HTTPException) -> str:
    messages = {
        404: "there is nothing here; see /api/openapi.json",
        405: f"this method is not allowed; use {error.headers.get('Allow', '')}",
    }
    return messages.get(error.status, error.reason)


def _equal(text: str, expected: bytes) -> bool:
    return hmac.compare_digest(text.encode("utf-8", "surrogatepass"), expected)


def socket_of(request: web.Request) -> object:
    """Return the socket that `request` came through."""
    return None if request.transport is None else request.transport.get_extra_info("socket")


_CREDENTIAL = re.compile(rb"(?:=|token\.|bearer +)([A-Za-z0-9_-]{8,128})", re.IGNORECASE)
"""What may be the token in the header of a request."""
