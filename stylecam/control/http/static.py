"""The page, its files, and the pictures on it."""

from __future__ import annotations

import asyncio
from importlib import resources

from aiohttp import web

from stylecam.control.http.auth import Authenticator, error_response
from stylecam.errors import TooManyViewersError
from stylecam.media.sinks.mjpeg import JpegBroadcast

SNAPSHOT_S = 5.0
"""A snapshot waits this long for the camera, which may have been off."""
STALL_TIMEOUT_S = 30.0
"""A viewer that has taken nothing for so long has gone, whatever its connection says."""
BOUNDARY = "stylecamframe"
_KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "png": "image/png"}
"""Not asked of the system: on Windows any program may have told it that scripts are plain text."""


class PageRoutes:
    """The handlers of everything that is not the API."""

    def __init__(self, broadcast: JpegBroadcast, authenticator: Authenticator) -> None:
        self._broadcast, self._authenticator = broadcast, authenticator
        folder = resources.files("stylecam") / "assets" / "page"
        self._files = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}

    def routes(self) -> list[web.RouteDef]:
        """What leads where."""
        return [
            web.get("/", self._index),
            web.get("/picture", self._picture),
            web.get("/static/{name}", self._static),
            web.get("/stream.mjpg", self._stream, allow_head=False),
            web.get("/snapshot.jpg", self._snapshot, allow_head=False),
        ]

    async def _index(self, request: web.Request) -> web.StreamResponse:
        """The page; with the token in its address, a cookie and the way to the page without."""
        if "token" not in request.query:
            return self._file("index.html")
        response = web.Response(status=303, headers={"Location": "/"})
        self._authenticator.set_cookie(request, response)
        return response

    async def _picture(self, request: web.Request) -> web.StreamResponse:
        """The picture alone, for OBS, which keeps the address as it was given."""
        response = self._file("picture.html")
        if "token" in request.query:
            self._authenticator.set_cookie(request, response)
        return response

    async def _static(self, request: web.Request) -> web.StreamResponse:
        return self._file(request.match_info["name"])

    def _file(self, name: str) -> web.Response:
        if name not in self._files:  # read at the start, so no name leads anywhere else
            return error_response(404, f"there is no file {name[:60]!r}")
        kind = _KINDS.get(name.rpartition(".")[2], "application/octet-stream")
        return web.Response(body=self._files[name], content_type=kind, charset="utf-8" if "text" in kind else None)

    async def _snapshot(self, _: web.Request) -> web.StreamResponse:
        try:
            with self._broadcast.viewer():
                jpeg = await asyncio.wait_for(self._broadcast.next_live_jpeg(), SNAPSHOT_S)
        except asyncio.TimeoutError:  # its own class on Python 3.10
            jpeg = b""
        except TooManyViewersError as error:
            return error_response(503, str(error))
        return web.Response(body=jpeg, content_type="image/jpeg") if jpeg else error_response(503, "no picture yet")

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
                number = broadcast.number  # what the last viewer saw may be minutes old
                while True:
                    number, jpeg = await broadcast.next_jpeg(number)
                    if broadcast.closed:
                        break
                    head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    await asyncio.wait_for(response.write(head.encode() + jpeg + b"\r\n"), STALL_TIMEOUT_S)
        except TooManyViewersError as error:
            return error_response(503, str(error))
        except (ConnectionError, asyncio.TimeoutError):
            if request.transport is not None:
                request.transport.abort()  # the viewer has left, or will never read what waits for it
        return response
