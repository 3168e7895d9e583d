"""The user's own styles over HTTP: learn one from a picture, import, change, improve, share and delete it."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from aiohttp import web
from aiohttp.typedefs import Handler

from stylecam.control.command import Command
from stylecam.control.http.auth import MAX_PICTURE_BYTES, OWN_STYLES_PATH, PREPARATION_PATH, error_response
from stylecam.control.http.context import ServerContext
from stylecam.control.http.language import language_of
from stylecam.control.http.routes import result_of, style_entry
from stylecam.control.own_styles import MAX_MINUTES, Crop, OwnStyles
from stylecam.errors import (
    CommandRefusedError,
    SinkUnavailableError,
    StylecamError,
    StyleNotFoundError,
    TrainingUnavailableError,
    UsageError,
)
from stylecam.utils.message import Message

MAX_WAITING = 16
"""Pictures that wait to be learned; the page sends one after the other."""
UPLOAD_S = 120.0
"""How long a picture may take to arrive, while others wait."""
_STYLE_FILE_START = b"PK"
"""How a `.style` file begins, which is a zip archive; no picture does."""


class _LateError(StylecamError):
    """A picture did not arrive in time."""


_STATUSES: tuple[tuple[type[StylecamError], int], ...] = (
    (_LateError, 408),
    (StyleNotFoundError, 404),
    (CommandRefusedError, 409),
    (TrainingUnavailableError, 501),
    (SinkUnavailableError, 507),
)
"""The status of each refusal; that of any other is 422."""
_Result = TypeVar("_Result")


class OwnStyleRoutes:
    """The handlers of `/api/own-styles`. Files are read, decoded and written on other threads, one at a time."""

    def __init__(self, context: ServerContext, own: OwnStyles) -> None:
        self._context, self._own = context, own
        self._arriving, self._turn = asyncio.Lock(), asyncio.Lock()
        self._waiting = 0

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        one = OWN_STYLES_PATH + "/{name}"
        return [
            web.post(OWN_STYLES_PATH, self._guarded(self._add)),
            web.post(PREPARATION_PATH, self._guarded(self._prepare)),
            web.patch(one, self._guarded(self._change)),
            web.delete(one, self._guarded(self._remove)),
            web.get(one + "/file", self._guarded(self._file)),
            web.get(one + "/picture.jpg", self._guarded(self._picture)),
            web.post(one + "/improvement", self._guarded(self._improve)),
            web.delete(one + "/improvement", self._guarded(self._stop)),
        ]

    def _guarded(self, handler: Handler) -> Handler:
        """Return `handler` with its refusals as one line in the language of the client."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except StylecamError as error:
                status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 422)
                return error_response(status, language_of(request).say(str(error)))

        return guarded

    async def _prepare(self, request: web.Request) -> web.Response:
        """Study the picture in the body while it is still cropped and named, unless others wait to be learned."""
        crop = _crop(request.query.get("crop"))
        if not self._waiting:
            async with self._arriving:
                picture = await _picture_in(request)
                async with self._turn:
                    if not self._waiting:
                        await self._on_thread(lambda: self._own.prepare(picture, crop))
        return web.json_response({})

    async def _add(self, request: web.Request) -> web.Response:
        """Learn the picture in the body, or keep the `.style` file in it."""
        texts = {key: text for key, text in request.query.items() if key in ("name", "title", "artist", "licence")}
        crop = _crop(request.query.get("crop"))
        if self._waiting >= MAX_WAITING:
            busy = f"{MAX_WAITING} pictures wait to be learned; send this one again in a moment"
            return error_response(503, busy, {"Retry-After": "2"})
        self._waiting += 1
        try:
            async with self._arriving:  # so that one picture is in memory, and a slow one holds up no other change
                data = await _picture_in(request)
                if not data:
                    raise UsageError("the body is empty; send a picture or a .style file")
                notes: list[str] = []
                async with self._turn:
                    if data.startswith(_STYLE_FILE_START):
                        style = await self._on_thread(lambda: self._own.add_file(data))
                    else:
                        style, notes = await self._on_thread(lambda: self._own.add_picture(data, texts, crop))
                    return await self._entry(request, style.name, 201, {"notes": notes})
        finally:
            self._waiting -= 1

    async def _change(self, request: web.Request) -> web.Response:
        texts = await _json(request)
        if not all(isinstance(text, str) for text in texts.values()) or texts.keys() - {"title", "artist", "licence"}:
            raise UsageError("the body must be an object with title, artist or licence, as texts")
        async with self._turn:
            style = await self._on_thread(lambda: self._own.change_texts(request.match_info["name"], texts))
            return await self._entry(request, style.name)

    async def _remove(self, request: web.Request) -> web.Response:
        async with self._turn:
            await self._on_thread(lambda: self._own.remove(request.match_info["name"]))
            await self._tell()
        return web.json_response({})

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        data = await self._on_thread(lambda: self._own.find(name).encode())
        disposition = f"attachment; filename*=UTF-8''{quote(name)}.style"
        return web.Response(
            body=data, content_type="application/octet-stream", headers={"Content-Disposition": disposition}
        )

    async def _picture(self, request: web.Request) -> web.Response:
        style = await self._on_thread(lambda: self._own.find(request.match_info["name"]))
        if not style.picture:
            return error_response(404, f"{style.name} has no picture")
        return web.Response(body=style.picture, content_type="image/jpeg")

    async def _improve(self, request: web.Request) -> web.Response:
        name, minutes = request.match_info["name"], (await _json(request)).get("minutes")
        if isinstance(minutes, bool) or not isinstance(minutes, int | float) or not 0 < minutes <= MAX_MINUTES:
            raise UsageError(f"minutes must be between 0 and {MAX_MINUTES:g}, for example 5")
        improvements = self._own.improvements
        if improvements is None:
            raise CommandRefusedError("this run cannot improve styles")
        await self._on_thread(lambda: self._own.path(name))
        await self._on_thread(lambda: improvements.start(name, minutes))
        return web.json_response({}, status=202)

    async def _stop(self, request: web.Request) -> web.Response:
        name, improvements = request.match_info["name"], self._own.improvements
        if improvements is not None:
            await self._on_thread(lambda: self._own.path(name))
            await self._on_thread(lambda: improvements.stop(name))
        return web.json_response({})

    async def _entry(
        self, request: web.Request, name: str, status: int = 200, more: Mapping[str, Any] | None = None
    ) -> web.Response:
        """Answer with the card of the own style `name`, as the list of styles has it, and with `more`."""
        await self._tell()
        cards = enumerate(self._context.catalog.cards, 1)
        entry = next((style_entry(card, number) for number, card in cards if card.name == name), None)
        if entry is None:
            raise CommandRefusedError(Message("{name} was kept, and no network here can paint it", name=name))
        return web.json_response(language_of(request).localized({"style": entry, **(more or {})}), status=status)

    async def _tell(self) -> None:
        """Have the running session read the own styles again."""
        await result_of(self._context.control.submit(Command("styles_changed", {})))

    async def _on_thread(self, work: Callable[[], _Result]) -> _Result:
        try:
            return await asyncio.to_thread(work)
        except MemoryError as error:
            raise UsageError(Message("there is not enough memory for this picture; send a smaller one")) from error


async def _picture_in(request: web.Request) -> bytes:
    """Return the body of `request`; raises _LateError."""
    try:
        return await asyncio.wait_for(request.clone(client_max_size=MAX_PICTURE_BYTES).read(), UPLOAD_S)
    except asyncio.TimeoutError as error:  # its own class on Python 3.10
        late = Message("the picture did not arrive within {seconds:g} seconds", seconds=UPLOAD_S)
        raise _LateError(late) from error


def _crop(text: str | None) -> Crop | None:
    """Read `left,top,width,height`, shares of the picture's sides.

    Raises:
        UsageError: it is something else, or reaches beyond the picture.
    """
    if text is None:
        return None
    try:
        left, top, width, height = map(float, text.split(","))
    except ValueError:
        left = top = width = height = math.nan
    inside = 0 <= left < 1 and 0 <= top < 1 and 0 < width <= 1.0001 - left and 0 < height <= 1.0001 - top
    if not inside:  # also for NaN
        raise UsageError("crop must be LEFT,TOP,WIDTH,HEIGHT as shares of the picture, such as 0.1,0,0.8,1")
    return left, top, width, height


async def _json(request: web.Request) -> Mapping[str, Any]:
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise UsageError("the body must be a JSON object")
    return body
