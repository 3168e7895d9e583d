"""The WebSocket at /api/live: it sends state, statistics and notices, and receives commands."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import WSMsgType, web

from stylecam.control.http.auth import MAX_BODY_BYTES, PROTOCOL, error_response
from stylecam.control.http.context import ServerContext
from stylecam.control.http.language import language_of
from stylecam.control.http.routes import check_room_picture, command_from_message, result_of
from stylecam.errors import StylecamError
from stylecam.utils.languages import Language
from stylecam.utils.redact import redact

MAX_CLIENTS = 64
MAX_NOTICES, MAX_ANSWERS = 8, 16
CLOSE_TIMEOUT_S = 1.0
HEARTBEAT_S = 20.0
"""A client that does not answer a ping for about this long is disconnected."""


class _Client:
    """What waits to be sent to one client: only the newest of each kind, so that a slow client costs little.

    `state_is_due` is True while the client has not been sent the current state.
    """

    def __init__(self, language: Language, state: Callable[[], dict[str, Any]]) -> None:
        self._language, self._state = language, state
        self.state_is_due = False
        self.stats: dict[str, Any] | None = None
        self.notices: deque[str] = deque(maxlen=MAX_NOTICES)
        self.answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue(MAX_ANSWERS)
        self.pending = asyncio.Event()

    def take(self) -> list[dict[str, Any]]:
        """Take the waiting messages in the client's language, in the order in which they are sent.

        The state is described only here, after the answers: each of them has the state of its moment, and a client that
        shows what comes last must not go back to it.
        """
        self.pending.clear()
        messages: list[dict[str, Any]] = []
        while not self.answers.empty():
            messages.append(self.answers.get_nowait())
        if self.state_is_due:
            messages.append({"type": "state", "state": self._state()})
        messages += [{"type": "notice", "text": redact(self._language.say(text))} for text in self.notices]
        if self.stats is not None:
            messages.append({"type": "stats", "stats": self.stats})
        self.state_is_due, self.stats = False, None
        self.notices.clear()
        return [self._language.localized(message) for message in messages]


class StateFeed:
    """All WebSocket connections. Everything here runs on the server's event loop."""

    def __init__(self, context: ServerContext) -> None:
        self._context = context
        self._clients: set[_Client] = set()
        self._closing = False
        self._progress: Mapping[str, Any] | None = None

    @property
    def has_clients(self) -> bool:
        """True while a client is connected."""
        return bool(self._clients)

    def send_state(self) -> None:
        """Send the current state to all clients."""
        for client in self._clients:
            client.state_is_due = True
            client.pending.set()

    def send_stats(self, report: dict[str, Any]) -> None:
        """Send the statistics of `report`, and the state where the training of an own style has gone on."""
        own = self._context.own_styles
        progress = None if own is None or own.improvements is None else own.improvements.progress
        if progress != self._progress:
            self._progress = progress
            self.send_state()
        stats = _page_stats(report)
        for client in self._clients:
            client.stats = stats
            client.pending.set()

    def send_notice(self, text: str) -> None:
        """Send a message for the user."""
        for client in self._clients:
            client.notices.append(text)
            client.pending.set()

    async def close(self, _: object = None) -> None:
        """Disconnect all clients."""
        self._closing = True
        for client in self._clients:
            client.pending.set()

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Serve one client until it disconnects."""
        if len(self._clients) >= MAX_CLIENTS:
            return error_response(503, f"{MAX_CLIENTS} are connected already; close one")
        socket = web.WebSocketResponse(
            heartbeat=HEARTBEAT_S, timeout=CLOSE_TIMEOUT_S, max_msg_size=MAX_BODY_BYTES, protocols=[PROTOCOL]
        )
        await socket.prepare(request)
        client = _Client(language_of(request), self._context.state)
        client.state_is_due = True
        client.pending.set()
        self._clients.add(client)
        tasks = [
            asyncio.create_task(work) for work in (self._send(socket, client), self._receive(socket, client, request))
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._clients.discard(client)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if not socket.closed:
                await socket.close()
        return socket

    async def _send(self, socket: web.WebSocketResponse, client: _Client) -> None:
        while not socket.closed and not self._closing:
            await client.pending.wait()
            for message in client.take():
                await socket.send_json(message)

    async def _receive(self, socket: web.WebSocketResponse, client: _Client, request: web.Request) -> None:
        """Carry out commands one after the other. Nothing is read from a client that does not read its answers."""
        async for message in socket:
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                await client.answers.put(await self._answer(message.data, request))
                client.pending.set()

    async def _answer(self, data: str | bytes, request: web.Request) -> dict[str, Any]:
        number: Any = None
        try:
            try:
                message = json.loads(data)
            except (ValueError, RecursionError):
                message = None
            if isinstance(message, dict) and isinstance(message.get("id"), int | str):
                number = message["id"]
            command = command_from_message(message)
            check_room_picture(command, request, self._context.control)
            result = await result_of(self._context.control.submit(command))
            done = {"type": "done", "id": number, "state": self._context.describe(result.state)}
        except StylecamError as error:
            return {"type": "refused", "id": number, "error": str(error)}
        return done if result.extra is None else {**done, "result": result.extra}


def _page_stats(report: dict[str, Any]) -> dict[str, Any]:
    """Return the part of the statistics that the page shows."""
    recent, rung = report["recent"], report["rung"]
    return {
        "published_fps": recent["published_fps"],
        "painted_fps": recent["styled_fps"],
        "latency_p50_ms": recent["latency_ms"]["p50"],
        "latency_p95_ms": recent["latency_ms"]["p95"],
        "style_ms": report["style_ms"]["p50"],
        "rung": None if rung is None else f"{rung[0]}x{rung[1]}",
        "source": report["source"]["kind"],
        "outputs": report["outputs"],
        "missing_camera": report["missing_camera"],
        "viewers": report["viewers"],
        "size": f"{report['size'][0]}x{report['size'][1]}",
        "fps": report["fps"],
        "cpu_cores": report["cpu_cores"],
        "engine": report["engine"],
        "server": _page_server(report["server"]),
        "device": report["device"],
        "tier": report["tier"],
        "painting": report["painting"],
        "publishing": report["publishing"],
        "waiting_for": report["waiting_for"],
        "repeats": report["repeats"],
        "drops": report["drops"],
        "faults": report["faults"]["total"],
    }


def _page_server(server: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return what the page shows of the server that paints; None where pictures stay on this computer."""
    if server is None:
        return None
    return {"place": server["place"], "up": server["up"], "round_trip_ms": server["round_trip_p50_ms"]}
