"""The API: state, styles, statistics, and every action, as JSON over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from aiohttp import web

from stylecam.control.actions import ACTIONS
from stylecam.control.command import Command
from stylecam.control.command_queue import CommandQueue, CommandResult
from stylecam.control.http.auth import error_response, socket_of
from stylecam.control.http.context import ServerContext
from stylecam.control.http.language import language_of
from stylecam.control.http.local_socket import is_local
from stylecam.control.http.openapi import describe
from stylecam.control.parameters import FLAG, Parameter
from stylecam.errors import (
    CameraBusyError,
    CommandRefusedError,
    EngineRunError,
    StylecamError,
    StyleNotFoundError,
    UsageError,
)
from stylecam.models.card import StyleCard
from stylecam.stylize.room import Room
from stylecam.utils.message import Message
from stylecam.utils.version import __version__

RESULT_TIMEOUT_S = 12.0
"""How long to wait for the result of a command; ending a recording takes longest."""

_STATS = Parameter("stats", FLAG, "also the statistics", required=False)


class ApiRoutes:
    """The handlers of `/api/...`, except for the WebSocket."""

    def __init__(self, context: ServerContext) -> None:
        self._context = context

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/api/state", self._state),
            web.get("/api/stats", self._stats),
            web.get("/api/styles", self._styles),
            web.get("/api/cameras", self._cameras),
            web.get("/api/outputs", self._outputs),
            web.get("/api/styles/{name}/thumbnail.jpg", self._thumbnail),
            web.get("/api/actions", self._actions),
            web.post("/api/actions/{name}", self._act),
            web.get("/api/do/{name}", self._do, allow_head=False),
            web.get("/api/openapi.json", self._openapi),
        ]

    async def _state(self, request: web.Request) -> web.Response:
        state = self._context.state()
        try:
            with_stats = bool(_STATS.read(request.query.get("stats", "0")))
        except UsageError as error:
            return error_response(422, str(error))
        return _answer(request, {**state, "stats": self._context.report()} if with_stats else state)

    async def _stats(self, request: web.Request) -> web.Response:
        return _answer(request, self._context.report())

    async def _styles(self, _: web.Request) -> web.Response:
        return web.json_response(
            {"styles": [style_entry(card, number) for number, card in enumerate(self._context.catalog.cards, 1)]}
        )

    async def _cameras(self, request: web.Request) -> web.Response:
        return _answer(request, {"cameras": await asyncio.to_thread(self._context.cameras)})

    async def _outputs(self, request: web.Request) -> web.Response:
        return _answer(request, await asyncio.to_thread(self._context.outputs))

    async def _thumbnail(self, request: web.Request) -> web.Response:
        thumbnails = self._context.thumbnails
        try:
            found = None if thumbnails is None else await thumbnails.get(request.match_info["name"])
        except StyleNotFoundError as error:
            return error_response(404, str(error))
        except EngineRunError as error:
            return error_response(409, str(error))
        if found is None:
            return web.Response(status=204)  # no error: a page may ask while the picture is being covered
        headers = {"ETag": f'"{found.tag}"'}
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return web.Response(status=304, headers=headers)
        return web.Response(body=found.jpeg, content_type="image/jpeg", headers=headers)

    async def _actions(self, request: web.Request) -> web.Response:
        hotkeys = self._context.hotkeys
        actions = [{**action.describe(), "hotkey": hotkeys.get(action.name, "")} for action in ACTIONS.values()]
        return _answer(request, {"actions": actions})

    async def _openapi(self, _: web.Request) -> web.Response:
        return web.json_response(describe(ACTIONS.values(), __version__))

    async def _act(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in ACTIONS:
            return _unknown(name)
        body = await request.read()
        if body and request.content_type != "application/json":
            return error_response(415, f"the body is {request.content_type[:60]}; send application/json")
        try:
            arguments = json.loads(body) if body else {}
        except (ValueError, RecursionError):
            return error_response(400, "the body is not JSON")
        if not isinstance(arguments, dict):
            return error_response(422, 'the body must be an object with the arguments, such as {"value": 0.5}')
        return await self._carry_out(request, lambda: Command.from_json(name, arguments))

    async def _do(self, request: web.Request) -> web.Response:
        """Carry out an action by GET, for clients that can only open an address, such as a Stream Deck."""
        name = request.match_info["name"]
        if name not in ACTIONS:
            return _unknown(name)
        texts: Mapping[str, str] = {key: text for key, text in request.query.items() if key != "token"}
        return await self._carry_out(request, lambda: Command.from_text(name, texts))

    async def _carry_out(self, request: web.Request, make: Callable[[], Command]) -> web.Response:
        try:
            command = make()
            check_room_picture(command, request, self._context.control)
            result = await result_of(self._context.control.submit(command))
            answer: dict[str, Any] = {"state": self._context.describe(result.state)}
        except (CommandRefusedError, CameraBusyError) as error:
            return error_response(409, str(error))
        except StylecamError as error:
            return error_response(422, str(error))
        return web.json_response(answer if result.extra is None else {**answer, "result": result.extra})


def style_entry(card: StyleCard, number: int) -> dict[str, Any]:
    """Return what the API says of a style, the `number`-th of the list."""
    entry: dict[str, Any] = {
        "name": card.name,
        "number": number,
        "title": card.title,
        "artist": card.artist,
        "year": card.year,
        "licence": card.licence,
        "own": card.own,
        "thumbnail": f"/api/styles/{card.name}/thumbnail.jpg",
    }
    return {**entry, "minutes": card.minutes, "redrafted": card.redrafted} if card.own else entry


def command_from_message(message: Any) -> Command:
    """Return the command in a WebSocket message: `{"action": NAME, "arguments": {...}}`.

    Raises:
        UsageError: the message has another form, or its action or arguments are wrong.
    """
    arguments = message.get("arguments", {}) if isinstance(message, dict) else None
    if not isinstance(message, dict) or not isinstance(message.get("action"), str) or not isinstance(arguments, dict):
        raise UsageError('a message must be {"id": …, "action": NAME, "arguments": {…}}')
    return Command.from_json(message["action"], arguments)


def check_room_picture(command: Command, request: web.Request, control: CommandQueue) -> None:
    """Check that a command names no picture for the room but one of `control.room_pictures`.

    A page must not make stylecam open any file. The user's own programs come through the Unix socket and may.

    Raises:
        UsageError: it names another file, or no room.
    """
    if command.action != "room" or "value" not in command.arguments or is_local(socket_of(request)):
        return
    path = Room.parse(str(command.arguments["value"])).path
    if path is not None and path not in control.room_pictures:
        raise UsageError(
            Message(
                "a page may choose only pictures that the settings name; name {path} with --room, in a preset, or with "
                "stylecam ctl room",
                path=str(path),
            )
        )


async def result_of(future: Future[CommandResult]) -> CommandResult:
    """Wait for a command's result, at most `RESULT_TIMEOUT_S`.

    Raises:
        StylecamError: the command was refused. A `CommandRefusedError` also says that it failed or is not done in time.
    """
    try:
        return await asyncio.wait_for(asyncio.wrap_future(future), RESULT_TIMEOUT_S)
    except asyncio.TimeoutError:  # a class of its own on Python 3.10
        raise CommandRefusedError("it has not been carried out yet") from None
    except StylecamError:
        raise
    except Exception as error:  # a mistake of ours, logged where it happened: the client gets one line
        raise CommandRefusedError(f"it failed unexpectedly: {str(error) or type(error).__name__}") from error


def _answer(request: web.Request, value: Any) -> web.Response:
    """Answer with `value`, whose messages are said in the language that the client asks for."""
    return web.json_response(language_of(request).localized(value))


def _unknown(name: str) -> web.Response:
    return error_response(404, f"there is no action {name[:60]!r}; there are {', '.join(ACTIONS)}")
