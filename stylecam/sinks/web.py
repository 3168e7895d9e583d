"""The web output: a page with the live picture, and the stream that OBS, ffmpeg and browsers read."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Any

import cv2
from aiohttp import web

from stylecam.errors import SinkUnavailableError
from stylecam.frame import Frame, Image, Size
from stylecam.sinks.base import Sink

HOST = "127.0.0.1"
DEFAULT_PORT = 8765
PORTS_TRIED = 10
JPEG_QUALITY = 85
MOST_CLIENTS = 64
SNAPSHOT_S = 5.0
"""A snapshot waits this long for the camera, which may have been off."""
BOUNDARY = "stylecamframe"

StatsReader = Callable[[], dict[str, Any]]


class WebSink(Sink):
    """Serves `/`, `/stream.mjpg`, `/snapshot.jpg` and `/api/stats` on this machine only.

    The server lives on a thread of its own. A frame is encoded once, and only while somebody looks; each client gets
    the newest frame when it has taken the one before, so slow ones skip frames and hold up nobody.
    """

    def __init__(self, port: int | None = None, stats: StatsReader = dict) -> None:
        """`port` None takes the first free one from 8765 on; `stats` is read for `/api/stats`."""
        super().__init__()
        self._wanted_port = port
        self._stats = stats
        self.port = port or DEFAULT_PORT
        self.name = f"web {self.url}"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._broadcast: _Broadcast | None = None

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{HOST}:{self.port}/"

    def _open(self, size: Size, fps: float) -> None:
        ready: threading.Event = threading.Event()
        failure: list[OSError] = []
        self._thread = threading.Thread(target=self._serve, args=(ready, failure), name="stylecam-web", daemon=True)
        self._thread.start()
        if not ready.wait(5.0):
            raise SinkUnavailableError(f"the web server on port {self.port} did not start; try --output web:8765")
        if failure:
            self._thread.join(1.0)
            if failure[0].errno == errno.EADDRINUSE:
                raise SinkUnavailableError(
                    f"port {self.port} is in use by another program; choose another with --output web:{self.port + 1}"
                )
            raise SinkUnavailableError(
                f"port {self.port} cannot be opened: {failure[0].strerror}; try --output web:8765"
            )
        self.name = f"web {self.url}"

    def _write(self, frame: Frame) -> None:
        broadcast, loop = self._broadcast, self._loop
        if broadcast is None or loop is None or not broadcast.wanted:
            return
        broadcast.offer(frame.image.copy(), live=frame.index >= 0)
        loop.call_soon_threadsafe(broadcast.wake)

    def _watched(self) -> bool:
        return self._broadcast is not None and self._broadcast.wanted

    def _close(self) -> None:
        loop, thread = self._loop, self._thread
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(2.0)
        self._loop = self._thread = self._broadcast = None

    def _serve(self, ready: threading.Event, failure: list[OSError]) -> None:
        loop = asyncio.new_event_loop()
        broadcast = _Broadcast()
        runner = web.AppRunner(_application(broadcast, self._stats), access_log=None, shutdown_timeout=0.2)
        try:
            loop.run_until_complete(runner.setup())
            loop.run_until_complete(self._listen(runner))
            self._loop, self._broadcast = loop, broadcast
        except OSError as error:
            failure.append(error)
        ready.set()
        try:
            if not failure:
                loop.run_forever()
        finally:
            broadcast.close()
            loop.run_until_complete(runner.cleanup())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    async def _listen(self, runner: web.AppRunner) -> None:
        ports = [self._wanted_port] if self._wanted_port else range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED)
        for port in ports:
            self.port = port
            try:
                await web.TCPSite(runner, HOST, port).start()
            except OSError as error:
                if error.errno != errno.EADDRINUSE or port == ports[-1]:
                    raise
            else:
                return


class _Broadcast:
    """The newest picture, as JPEG, for any number of clients; `offer` may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._image: Image | None = None
        self._jpeg = b""
        self._live = self.live = False
        self.number = 0
        self._waiting: set[asyncio.Future[None]] = set()
        self._encoding = False
        self.clients = 0
        self.closed = False

    @property
    def wanted(self) -> bool:
        """True while somebody waits for pictures."""
        return self.clients > 0

    def offer(self, image: Image, live: bool) -> None:
        """Leave a picture to be sent; one not yet encoded is replaced. `live` is false for a card."""
        with self._lock:
            self._image, self._live = image, live

    def wake(self) -> None:
        """Start encoding, in the server's loop; while an older picture is being encoded, the newest waits its turn."""
        if not self._encoding:
            self._encoding = True
            asyncio.get_running_loop().create_task(self._encode())

    async def next(self, after: int) -> tuple[int, bytes]:
        """The first picture with a number above `after`."""
        while self.number <= after and not self.closed:
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(waiting)
            try:
                await waiting
            finally:
                self._waiting.discard(waiting)
        return self.number, self._jpeg

    async def next_live(self) -> bytes:
        """The next picture that is no card: the camera may have to start first."""
        number, jpeg = await self.next(self.number)
        while not self.live and not self.closed:
            number, jpeg = await self.next(number)
        return jpeg

    def close(self) -> None:
        """Let all clients go."""
        self.closed = True
        self._wake_clients()

    async def _encode(self) -> None:
        try:
            while True:
                with self._lock:
                    image, self._image, live = self._image, None, self._live
                if image is None:
                    return
                self._jpeg = await asyncio.get_running_loop().run_in_executor(None, _jpeg, image)
                self.number, self.live = self.number + 1, live
                self._wake_clients()
        finally:
            self._encoding = False

    def _wake_clients(self) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)


def _jpeg(image: Image) -> bytes:
    ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return data.tobytes() if ok else b""


def _application(broadcast: _Broadcast, stats: StatsReader) -> web.Application:
    page = (resources.files("stylecam") / "data" / "page.html").read_text("utf-8")

    async def index(_: web.Request) -> web.Response:
        return web.Response(text=page, content_type="text/html")

    async def statistics(_: web.Request) -> web.Response:
        return web.json_response(stats())

    async def snapshot(_: web.Request) -> web.Response:
        broadcast.clients += 1
        try:
            jpeg = await asyncio.wait_for(broadcast.next_live(), SNAPSHOT_S)
        except asyncio.TimeoutError:  # its own class on Python 3.10
            return web.Response(status=503, text="no picture yet")
        finally:
            broadcast.clients -= 1
        return web.Response(body=jpeg, content_type="image/jpeg")

    async def stream(request: web.Request) -> web.StreamResponse:
        if broadcast.clients >= MOST_CLIENTS:
            return web.Response(status=503, text=f"{MOST_CLIENTS} viewers already")
        response = web.StreamResponse(
            headers={"Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}", "Connection": "close"}
        )
        broadcast.clients += 1
        try:
            await response.prepare(request)
            number = broadcast.number  # what the last viewer saw may be minutes old
            while not broadcast.closed:
                number, jpeg = await broadcast.next(number)
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                await response.write(head.encode() + jpeg + b"\r\n")
        except ConnectionError:
            pass  # the viewer has left
        finally:
            broadcast.clients -= 1
        return response

    application = web.Application(middlewares=[_this_machine_only])
    application.add_routes(
        [
            web.get("/", index),
            web.get("/stream.mjpg", stream),
            web.get("/snapshot.jpg", snapshot),
            web.get("/api/stats", statistics),
        ]
    )
    return application


@web.middleware
async def _this_machine_only(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse requests that name another host: a foreign page made the browser ask (DNS rebinding)."""
    if request.url.host not in (HOST, "localhost"):
        raise web.HTTPForbidden(text=f"this page is served as http://{HOST} only")
    response = await handler(request)
    if not response.prepared:
        response.headers["Cache-Control"] = "no-store"
        response.headers["Cross-Origin-Resource-Policy"] = "same-site"
    return response
