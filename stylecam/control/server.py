"""The server: the page and the API on a thread of their own."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Callable
from typing import Any

from aiohttp import web

from stylecam.control.address import Address, url
from stylecam.control.api import Api
from stylecam.control.desk import Desk
from stylecam.control.feed import Feed
from stylecam.control.guard import LARGEST_BODY, Guard, guarded
from stylecam.control.pages import Pages
from stylecam.control.token import new_token
from stylecam.errors import ServerUnavailableError

DEFAULT_PORT = 8765
PORTS_TRIED = 20
START_S, STOP_S = 10.0, 3.0


class Server:
    """Serves one `Desk`, from `start` to `stop`; whoever has the link may look and steer.

    Its thread only waits for the network. What the program tells it, from any thread, is handed over and never waited
    for.
    """

    def __init__(self, desk: Desk, address: Address | None = None, token: str | None = None) -> None:
        """`address` without a port takes the first free one from 8765 on; without `token` it is a random one."""
        self.address = address or Address()
        self.port = self.address.port or DEFAULT_PORT
        self.token = token or new_token()
        self._desk = desk
        self._feed = Feed(desk)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._unsubscribe: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    @property
    def host(self) -> str:
        """The host it listens on."""
        return self.address.host

    @property
    def url(self) -> str:
        """The page's address, without the token."""
        return url(self.address.host, self.port)

    @property
    def link(self) -> str:
        """The page's address with the token: who has it, steers."""
        return f"{self.url}?token={self.token}"

    @property
    def listened(self) -> bool:
        """True while anybody has the page open, and wants figures."""
        return self._feed.listened

    def start(self) -> None:
        """Listen.

        Raises:
            ServerUnavailableError: the port is taken, or the address is none of this machine's.
        """
        ready: threading.Event = threading.Event()
        failure: list[Exception] = []
        self._thread = threading.Thread(target=self._serve, args=(ready, failure), name="stylecam-server", daemon=True)
        self._thread.start()
        if not ready.wait(START_S):
            raise ServerUnavailableError(f"the server did not start on port {self.port}; try --no-server")
        if failure:
            self._thread.join(STOP_S)
            raise ServerUnavailableError(self._reason(failure[0]))
        self._unsubscribe = self._desk.control.subscribe(lambda _: self.changed())

    def stop(self) -> None:
        """Let everybody go and give the port back. Also after a failed start, and twice."""
        self._unsubscribe()
        with self._lock:
            loop, self._loop = self._loop, None
            if loop is not None:
                loop.call_soon_threadsafe(loop.stop)
        if self._thread is not None:
            self._thread.join(STOP_S)
            self._thread = None

    def changed(self) -> None:
        """Something that the state tells is another now."""
        self._hand_over(self._feed.changed)

    def tell(self, report: dict[str, Any]) -> None:
        """The figures of this moment, as `Desk.report` gives them."""
        self._hand_over(lambda: self._feed.tell(report))

    def notice(self, text: str) -> None:
        """Something that the user should know, in one line."""
        self._hand_over(lambda: self._feed.notice(text))

    def _hand_over(self, work: Callable[[], None]) -> None:
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(work)

    def _serve(self, ready: threading.Event, failure: list[Exception]) -> None:
        loop = asyncio.new_event_loop()
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0.2)
        try:
            loop.run_until_complete(runner.setup())
            loop.run_until_complete(self._listen(runner))
            self._desk.broadcast.attach(loop)
            self._loop = loop
        except (OSError, UnicodeError) as error:  # a host name that cannot be one is the latter
            failure.append(error)
        ready.set()
        try:
            if not failure:
                loop.run_forever()
        finally:
            self._desk.broadcast.detach()
            loop.run_until_complete(runner.cleanup())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    def _application(self) -> web.Application:
        guard = Guard(self.address, self.token)
        application = web.Application(middlewares=[guarded(guard)], client_max_size=LARGEST_BODY)
        application.add_routes(Api(self._desk, guard).routes())
        application.add_routes(Pages(self._desk.broadcast, guard).routes())
        application.add_routes([web.get("/api/live", self._feed.connect)])
        application.on_shutdown.append(self._feed.close)
        if self._desk.thumbnails is not None:
            application.on_shutdown.append(self._desk.thumbnails.close)
        return application

    async def _listen(self, runner: web.AppRunner) -> None:
        wanted = self.address.port
        ports = [wanted] if wanted else range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED)
        for port in ports:
            self.port = port
            try:
                await web.TCPSite(runner, self.address.host, port).start()
            except OSError as error:
                if error.errno != errno.EADDRINUSE or port == ports[-1]:
                    raise
            else:
                return

    def _reason(self, error: Exception) -> str:
        host = self.address.host
        if not isinstance(error, OSError) or error.errno != errno.EADDRINUSE:
            reason = getattr(error, "strerror", None) or "it is no address of this machine"
            return f"{host[:60]}, port {self.port}, cannot be listened to: {reason}; try --listen 127.0.0.1"
        if self.address.port is None:
            last = DEFAULT_PORT + PORTS_TRIED - 1
            return f"ports {DEFAULT_PORT} to {last} are all in use; choose another with --listen {host}:{last + 1}"
        other = self.port % 65535 + 1
        return (
            f"port {self.port} is in use by another program; "
            f"choose another with --listen {host}:{other} or --output web:{other}"
        )
