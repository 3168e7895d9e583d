"""Serve the page, the API and the WebSocket on a thread of their own."""

from __future__ import annotations

import asyncio
import errno
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import http_exceptions, web

from stylecam.control.http import local_socket
from stylecam.control.http.address import Address, url
from stylecam.control.http.auth import (
    CODE_PATH,
    MAX_BODY_BYTES,
    Authenticator,
    auth_middleware,
    error_response,
)
from stylecam.control.http.before import BeforeRoutes
from stylecam.control.http.connection_limit import ConnectionLimit, Limits
from stylecam.control.http.context import ServerContext
from stylecam.control.http.instances import running_instances
from stylecam.control.http.one_time_code import OneTimeCodes
from stylecam.control.http.own_styles import OwnStyleRoutes
from stylecam.control.http.phone import PhoneRoutes
from stylecam.control.http.routes import ApiRoutes
from stylecam.control.http.static import PageRoutes
from stylecam.control.http.token import new_token
from stylecam.control.http.websocket import StateFeed
from stylecam.control.http.whep import WhepRoutes
from stylecam.control.state import LiveState
from stylecam.errors import ServerUnavailableError
from stylecam.stylize.look import Content
from stylecam.utils.message import Message

DEFAULT_PORT = 8765
PORTS_TRIED = 20
START_S, STOP_S = 10.0, 3.0
KEEP_ALIVE_S = 75.0
"""A connection without a request for this long is closed; one without credentials at once."""
LINGERING_S = 1.0
"""How long to read on, after the answer, from a client that has not sent all of its request."""
BACKLOG = 1024
"""Connections that the system completes before they are accepted; one above this tries again after a second."""


class Server:
    """Serves one live session from `start` to `stop`; everybody who has the link may watch and control it.

    The server has a thread of its own. The `send_` methods may be called from any thread and never block.
    """

    def __init__(
        self,
        context: ServerContext,
        address: Address | None = None,
        token: str | None = None,
        socket_path: Path | None = None,
    ) -> None:
        """Prepare the server.

        Args:
            context: the live session.
            address: where to listen; no port means the first free one from 8765 on.
            token: what links must carry; None for a random one.
            socket_path: where to make a Unix socket as well, in a folder that is private to this user; None for none.
        """
        self.address = address or Address()
        self.port = self.address.port or DEFAULT_PORT
        self.token = token or new_token()
        self.socket_path = socket_path if local_socket.is_available() else None
        self._context = context
        self._feed = StateFeed(context)
        self._codes = OneTimeCodes(time.monotonic)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._thread: threading.Thread | None = None
        self._unsubscribe: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    @property
    def host(self) -> str:
        """The host that the server listens on."""
        return self.address.host

    @property
    def url(self) -> str:
        """The page's address, without the token."""
        return url(self.address.host, self.port)

    @property
    def link(self) -> str:
        """The page's address with the token; everybody who has it may control stylecam."""
        return f"{self.url}?token={self.token}"

    @property
    def one_time_link(self) -> str:
        """A new address of the page that opens it once, for the arguments of a browser, which others can read."""
        return f"{self.url}?code={self._codes.make()}"

    @property
    def has_clients(self) -> bool:
        """True while a client is connected to the WebSocket and wants statistics."""
        return self._feed.has_clients

    def start(self) -> None:
        """Start listening; return when the port is open.

        Raises:
            ServerUnavailableError: the port is taken, or the address does not belong to this computer.
        """
        ready: threading.Event = threading.Event()
        failure: list[Exception] = []
        self._thread = threading.Thread(target=self._serve, args=(ready, failure), name="stylecam-server", daemon=True)
        self._thread.start()
        if not ready.wait(START_S):
            self._ask_to_stop()
            raise ServerUnavailableError(
                Message("the server did not start on port {port}; try --no-server", port=self.port)
            )
        if failure:
            self._thread.join(STOP_S)
            raise ServerUnavailableError(self._reason(failure[0]))
        self._unsubscribe = self._context.control.subscribe(self._state_changed)

    def stop(self) -> None:
        """Close all connections and the port. May be called twice, and after a failed start."""
        self._unsubscribe()
        self._ask_to_stop()
        if self._thread is not None:
            self._thread.join(STOP_S)
            self._thread = None

    def _ask_to_stop(self) -> None:
        with self._lock:
            loop, self._loop = self._loop, None
            if loop is not None:
                loop.call_soon_threadsafe(self._stopping.set)
            else:  # the thread has not opened the port yet and stops as soon as it has
                self._stopping.set()

    def _state_changed(self, state: LiveState) -> None:
        self.send_state()
        thumbnails = self._context.thumbnails
        if thumbnails is not None and state.requested_content is Content.COVERED:
            self._hand_over(thumbnails.forget)

    def send_state(self) -> None:
        """Send the current state to all WebSocket clients."""
        self._hand_over(self._feed.send_state)

    def send_stats(self, report: dict[str, Any]) -> None:
        """Send the statistics `report`, as `ServerContext.report` returns them, to all WebSocket clients."""
        self._hand_over(lambda: self._feed.send_stats(report))

    def send_notice(self, text: str) -> None:
        """Send a one-line message for the user to all WebSocket clients."""
        self._hand_over(lambda: self._feed.send_notice(text))

    def _hand_over(self, work: Callable[[], None]) -> None:
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(work)

    def _serve(self, ready: threading.Event, failure: list[Exception]) -> None:
        try:
            asyncio.run(self._live(ready))
        except (OSError, UnicodeError) as error:  # an invalid host name raises UnicodeError
            failure.append(error)
        finally:
            ready.set()

    async def _live(self, ready: threading.Event) -> None:
        """Open the port and the Unix socket, serve until `stop`, and close everything."""
        authenticator = Authenticator(self.address, self.token)
        runner = web.AppRunner(
            self._application(authenticator), access_log=None, logger=_LOG, shutdown_timeout=0.2,
            keepalive_timeout=KEEP_ALIVE_S, lingering_time=LINGERING_S,
        )  # fmt: skip
        await runner.setup()
        try:
            assert runner.server is not None
            limits = [ConnectionLimit(runner.server, Limits(), authenticator.knows)]
            listening = [await self._listen(limits[0])]
            if self.socket_path is not None:
                limits.append(_local_limit(runner.server))
                listening += await self._listen_locally(limits[1])
            self._context.broadcast.attach(asyncio.get_running_loop())
            self._context.video.attach(asyncio.get_running_loop())
            with self._lock:
                self._loop = asyncio.get_running_loop()
            ready.set()
            await self._stopping.wait()
            for server in listening:
                server.close()
            for limit in limits:
                limit.close()
        finally:
            with self._lock:
                self._loop = None
            self._context.broadcast.detach()
            self._context.video.detach()
            await runner.cleanup()
            if self.socket_path is not None:
                self.socket_path.unlink(missing_ok=True)

    def _application(self, authenticator: Authenticator) -> web.Application:
        application = web.Application(middlewares=[auth_middleware(authenticator)], client_max_size=MAX_BODY_BYTES)
        application.add_routes(ApiRoutes(self._context).routes())
        application.add_routes(PageRoutes(self._context).routes())
        application.add_routes([web.get("/api/live", self._feed.connect), web.post(CODE_PATH, self._exchange_code)])
        application.add_routes(BeforeRoutes(self._context, time.monotonic).routes())
        application.add_routes(PhoneRoutes(self.address, lambda: self.port, self._codes.make).routes())
        if self._context.own_styles is not None:
            application.add_routes(OwnStyleRoutes(self._context, self._context.own_styles).routes())
        whep = WhepRoutes(self._context.video)
        application.add_routes(whep.routes())
        application.on_shutdown.append(self._feed.close)
        application.on_shutdown.append(whep.close)
        if self._context.thumbnails is not None:
            application.on_shutdown.append(self._context.thumbnails.close)
        return application

    async def _exchange_code(self, request: web.Request) -> web.Response:
        """Answer a code that opens the page once with the token."""
        code = (await request.read()).decode("utf-8", "replace")
        if not self._codes.use(code):
            return error_response(401, "this code was used or is too old; open the link that stylecam prints")
        return web.json_response({"token": self.token})

    async def _listen(self, limit: ConnectionLimit) -> asyncio.Server:
        ports = [self.address.port] if self.address.port else range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED)
        for port in ports:
            self.port = port
            try:
                return await asyncio.get_running_loop().create_server(limit, self.address.host, port, backlog=BACKLOG)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or port == ports[-1]:
                    raise
        raise AssertionError("unreachable: the last port either works or raises")

    async def _listen_locally(self, limit: ConnectionLimit) -> list[asyncio.Server]:
        """Listen at the Unix socket; where it cannot be had, the port has to do."""
        assert self.socket_path is not None
        try:
            listening = local_socket.listen(self.socket_path)
        except OSError as error:
            reason = error.strerror or error
            _LOG.info(Message("{path} cannot be made: {reason}", path=self.socket_path, reason=reason))
            self.socket_path = None
            return []
        return [await asyncio.get_running_loop().create_unix_server(limit, sock=listening)]

    def _reason(self, error: Exception) -> str:
        host = self.address.host
        if not isinstance(error, OSError) or error.errno != errno.EADDRINUSE:
            reason = getattr(error, "strerror", None) or Message("it is not an address of this computer")
            return Message(
                "{host}, port {port}, cannot be listened to: {reason}; try --listen 127.0.0.1",
                host=host[:60],
                port=self.port,
                reason=reason,
            )
        if self.address.port is None:
            last = DEFAULT_PORT + PORTS_TRIED - 1
            return Message(
                "ports {first} to {last} are all in use; choose another with --listen {host}:{next}",
                first=DEFAULT_PORT,
                last=last,
                host=host,
                next=last + 1,
            )
        other = self.port % 65535 + 1
        ours = next((found for found in running_instances() if found.port == self.port), None)
        if ours is not None:
            return Message(
                "port {port} is that of a stylecam that runs already (process {pid}); `stylecam ctl quit` ends it, "
                "or choose another with --listen {host}:{other} or --output web:{other}",
                port=self.port,
                pid=ours.pid,
                host=host,
                other=other,
            )
        return Message(
            "port {port} is in use by another program; choose another with --listen {host}:{other} or --output "
            "web:{other}",
            port=self.port,
            host=host,
            other=other,
        )


def _local_limit(server: web.Server) -> ConnectionLimit:
    limits = Limits(local_socket.MAX_CONNECTIONS, strangers=0, waiting=local_socket.MAX_CONNECTIONS)
    return ConnectionLimit(server, limits, lambda _: True, local_socket.peer_is_user)


def _is_ours(record: logging.LogRecord) -> bool:
    """Return False for aiohttp's log records about malformed or aborted requests; their sender has had an answer."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, http_exceptions.HttpProcessingError | web.RequestPayloadError | ConnectionError)


_LOG = logging.getLogger(__name__)
_LOG.addFilter(_is_ours)
