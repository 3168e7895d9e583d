"""The live connection: a WebSocket that tells state, figures and faults, and takes orders."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Any

from aiohttp import WSMsgType, web

from stylecam.control.http.auth import LARGEST_BODY, refused
from stylecam.control.http.context import ServerContext
from stylecam.control.http.routes import command_from_message, result_of
from stylecam.errors import StylecamError

MOST_LISTENERS = 64
MOST_NOTICES, MOST_ANSWERS = 8, 16
GOODBYE_S = 1.0
ALIVE_S = 20.0
"""A client that has not answered a ping for about so long is let go."""


class _Listener:
    """What one client has still to be told: the newest of each, so one that does not read costs little."""

    def __init__(self) -> None:
        self.state: dict[str, Any] | None = None
        self.stats: dict[str, Any] | None = None
        self.notices: deque[str] = deque(maxlen=MOST_NOTICES)
        self.answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue(MOST_ANSWERS)
        self.news = asyncio.Event()

    def take(self) -> list[dict[str, Any]]:
        """Everything to tell now, in its order."""
        self.news.clear()
        told: list[dict[str, Any]] = []
        if self.state is not None:
            told.append({"type": "state", "state": self.state})
        while not self.answers.empty():
            told.append(self.answers.get_nowait())
        told += [{"type": "notice", "text": text} for text in self.notices]
        if self.stats is not None:
            told.append({"type": "stats", "stats": self.stats})
        self.state = self.stats = None
        self.notices.clear()
        return told


class StateFeed:
    """All live connections. Everything here belongs to the server's event loop."""

    def __init__(self, desk: ServerContext) -> None:
        self._desk = desk
        self._listeners: set[_Listener] = set()
        self._closing = False

    @property
    def listened(self) -> bool:
        """True while anybody is connected."""
        return bool(self._listeners)

    def changed(self) -> None:
        """Tell the state as it is now."""
        if self._listeners:
            state = self._desk.state()
            for listener in self._listeners:
                listener.state = state
                listener.news.set()

    def tell(self, report: dict[str, Any]) -> None:
        """Tell the figures of `report`."""
        stats = _shown(report)
        for listener in self._listeners:
            listener.stats = stats
            listener.news.set()

    def notice(self, text: str) -> None:
        """Tell something that the user should know."""
        for listener in self._listeners:
            listener.notices.append(text)
            listener.news.set()

    async def close(self, _: object = None) -> None:
        """Let everybody go."""
        self._closing = True
        for listener in self._listeners:
            listener.news.set()

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """One client, from its coming to its going."""
        if len(self._listeners) >= MOST_LISTENERS:
            return refused(503, f"{MOST_LISTENERS} are connected already; close one")
        socket = web.WebSocketResponse(heartbeat=ALIVE_S, timeout=GOODBYE_S, max_msg_size=LARGEST_BODY)
        await socket.prepare(request)
        listener = _Listener()
        listener.state = self._desk.state()
        listener.news.set()
        self._listeners.add(listener)
        tasks = [asyncio.create_task(work) for work in (self._tell(socket, listener), self._hear(socket, listener))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._listeners.discard(listener)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if not socket.closed:
                await socket.close()
        return socket

    async def _tell(self, socket: web.WebSocketResponse, listener: _Listener) -> None:
        while not socket.closed and not self._closing:
            await listener.news.wait()
            for message in listener.take():
                await socket.send_json(message)

    async def _hear(self, socket: web.WebSocketResponse, listener: _Listener) -> None:
        """Orders, one after the other: who does not take the answers is not listened to for so long."""
        async for message in socket:
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                await listener.answers.put(await self._answer(message.data))
                listener.news.set()

    async def _answer(self, data: str | bytes) -> dict[str, Any]:
        number: Any = None
        try:
            try:
                message = json.loads(data)
            except (ValueError, RecursionError):
                message = None
            if isinstance(message, dict) and isinstance(message.get("id"), int | str):
                number = message["id"]
            result = await result_of(self._desk.control.submit(command_from_message(message)))
            done = {"type": "done", "id": number, "state": self._desk.describe(result.state)}
        except StylecamError as error:
            return {"type": "refused", "id": number, "error": str(error)}
        return done if result.extra is None else {**done, "result": result.extra}


def _shown(report: dict[str, Any]) -> dict[str, Any]:
    """The few figures that a page shows, of all there are."""
    recent, rung = report["recent"], report["rung"]
    return {
        "published_fps": recent["published_fps"],
        "painted_fps": recent["styled_fps"],
        "latency_p50_ms": recent["latency_ms"]["p50"],
        "latency_p95_ms": recent["latency_ms"]["p95"],
        "style_ms": report["style_ms"]["p50"],
        "rung": None if rung is None else f"{rung[0]}x{rung[1]}",
        "size": f"{report['size'][0]}x{report['size'][1]}",
        "fps": report["fps"],
        "cpu_cores": report["cpu_cores"],
        "engine": report["engine"],
        "device": report["device"],
        "painting": report["painting"],
        "waiting_for": report["waiting_for"],
        "repeats": report["repeats"],
        "drops": report["drops"],
        "faults": report["faults"]["total"],
    }
