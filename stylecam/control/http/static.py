"""Serve the page, its files, the MJPEG stream and the snapshot."""

from __future__ import annotations

import asyncio
import socket
from importlib import resources

from aiohttp import web

from stylecam.control.http.auth import error_response
from stylecam.control.http.context import ServerContext
from stylecam.control.http.language import language_of
from stylecam.control.http.translated_page import translate_page
from stylecam.errors import TooManyViewersError
from stylecam.stylize.look import Content
from stylecam.utils.languages import choose

SNAPSHOT_S = 5.0
"""How long a snapshot waits for the camera, which may have been off."""
STALL_TIMEOUT_S = 30.0
"""A viewer that has read nothing for this long is disconnected."""
SEND_BUFFER_BYTES = 128 * 1024
"""The system's buffer for a viewer of the stream, about one picture. Left alone it grows to 4 MB, seconds of it."""
BOUNDARY = "stylecamframe"
_KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "png": "image/png"}
"""Content types are not taken from the system: on Windows any program may have set that of scripts to plain text."""


class PageRoutes:
    """The handlers of everything except the API."""

    def __init__(self, context: ServerContext) -> None:
        self._context, self._broadcast = context, context.broadcast
        folder = resources.files("stylecam") / "assets" / "page"
        self._files = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/", self._index),
            web.get("/picture", self._picture),
            web.get("/static/{name}", self._static),
            web.get("/stream.mjpg", self._stream, allow_head=False),
            web.get("/snapshot.jpg", self._snapshot, allow_head=False),
        ]

    async def _index(self, request: web.Request) -> web.StreamResponse:
        """Serve the page, which reads the token from its own address and sends it with all further requests."""
        return self._page("index.html", request)

    async def _picture(self, request: web.Request) -> web.StreamResponse:
        """Serve the page that shows only the picture, for OBS, which keeps the token in its address."""
        return self._page("picture.html", request)

    async def _static(self, request: web.Request) -> web.StreamResponse:
        return self._file(request.match_info["name"])

    def _page(self, name: str, request: web.Request) -> web.Response:
        """Answer with a page in the language that was set, or that the browser asks for."""
        wanted = self._context.language
        language = language_of(request) if wanted is None else choose([wanted])
        return web.Response(text=translate_page(self._files[name].decode(), language), content_type="text/html")

    def _file(self, name: str) -> web.Response:
        if name not in self._files:  # the files were read at the start, so a name cannot lead outside the folder
            return error_response(404, f"there is no file {name[:60]!r}")
        kind = _KINDS.get(name.rpartition(".")[2], "application/octet-stream")
        return web.Response(body=self._files[name], content_type=kind, charset="utf-8" if "text" in kind else None)

    async def _snapshot(self, _: web.Request) -> web.StreamResponse:
        """Serve the picture that is published: that of the camera, which may have to start, or what covers it."""
        try:
            with self._broadcast.viewer():
                jpeg = await asyncio.wait_for(self._next_picture(), SNAPSHOT_S)
        except asyncio.TimeoutError:  # its own class on Python 3.10
            jpeg = b""
        except TooManyViewersError as error:
            return error_response(503, str(error))
        if jpeg:
            return web.Response(body=jpeg, content_type="image/jpeg")
        notice = self._context.state().get("notice")  # why there is none, for instance that the camera is in use
        return error_response(503, f"no picture yet: {notice}" if notice else "no picture yet")

    async def _next_picture(self) -> bytes:
        broadcast = self._broadcast
        if self._context.control.state.requested_content is not Content.COVERED:
            return await broadcast.next_live_jpeg()
        _, jpeg = await broadcast.next_jpeg(broadcast.last_offered)
        return b"" if broadcast.closed else jpeg

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={
                "Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}",
                "Cache-Control": "no-store",
                "Connection": "close",
            }
        )
        broadcast = self._broadcast
        try:
            with broadcast.viewer():
                await response.prepare(request)
                _keep_send_buffer_small(request)
                number = broadcast.last_offered  # the newest JPEG may be minutes old, or show what is forbidden since
                while True:
                    number, jpeg = await broadcast.next_jpeg(number)
                    if broadcast.closed:
                        break
                    part = _part(jpeg, broadcast.offered_at)
                    await asyncio.wait_for(response.write(part), STALL_TIMEOUT_S)
        except TooManyViewersError as error:
            return error_response(503, str(error))
        except (ConnectionError, asyncio.TimeoutError):
            if request.transport is not None:
                request.transport.abort()  # the viewer has left or does not read
        return response


def _part(jpeg: bytes, offered_at: float) -> bytes:
    """Return the part of the stream for one picture; X-Timestamp is the field that mjpg-streamer's readers know."""
    head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\nX-Timestamp: {offered_at:.6f}"
    return f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + jpeg + b"\r\n"


def _keep_send_buffer_small(request: web.Request) -> None:
    """Let a viewer that reads slowly miss pictures instead of getting each of them later than the one before."""
    connected = None if request.transport is None else request.transport.get_extra_info("socket")
    if connected is not None:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
