"""A fake OBS: the server side of obs-websocket 5, after its protocol description.

https://github.com/obsproject/obs-websocket/blob/master/docs/generated/protocol.md: Hello, Identify with the salted
SHA-256 answer to a challenge, Identified, requests, and events of the kinds that were subscribed to; in both encodings.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
import threading
from typing import Any

import msgpack
from aiohttp import WSMsgType, web

HOST = "127.0.0.1"
CONFIG, SCENES, TRANSITIONS = 1 << 1, 1 << 2, 1 << 4
NOT_IDENTIFIED, WRONG_PASSWORD, WRONG_VERSION = 4007, 4009, 4010
SUCCESS, UNKNOWN_REQUEST = 100, 204


def _hash(*parts: str) -> str:
    return base64.b64encode(hashlib.sha256("".join(parts).encode()).digest()).decode()


class _Session:
    """A connection to one client, which speaks JSON or MessagePack."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._packed = socket.ws_protocol == "obswebsocket.msgpack"
        self.subscriptions: int | None = None

    async def send(self, operation: int, data: dict[str, Any]) -> None:
        message = {"op": operation, "d": data}
        if self._packed:
            await self._socket.send_bytes(msgpack.packb(message))
        else:
            await self._socket.send_str(json.dumps(message))

    async def close(self, code: int) -> None:
        await self._socket.close(code=code)

    def read(self, data: Any) -> dict[str, Any]:
        read: dict[str, Any] = msgpack.unpackb(data) if self._packed else json.loads(data)
        return read


class FakeObs:
    """An OBS on one port that can be started and stopped repeatedly.

    Attributes:
        hangs: accept connections and then do nothing.
        silent: answer no requests.
        overtaking: a scene to which OBS changes between the next request and its answer, which has the scene before.
        late: how many requests after the start of a transition are still answered with the scene before it.
        asked: how many requests have come.
    """

    def __init__(self, port: int, password: str = "", scene: str = "Scene") -> None:
        self.port, self.password, self.scene = port, password, scene
        self.connections = self.refused = 0
        self.hangs = False
        self.silent = False
        self.overtaking: str | None = None
        self.late = 0
        self.asked = 0
        self._before, self._late_answers = scene, 0
        self._sessions: set[_Session] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def identified(self) -> int:
        """The number of authenticated clients."""
        return sum(session.subscriptions is not None for session in tuple(self._sessions))

    def start(self) -> FakeObs:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(ready,))
        self._thread.start()
        assert ready.wait(10)
        return self

    def stop(self) -> None:
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._loop = self._thread = None

    def switch(self, scene: str) -> None:
        """Switch to another scene, as the user of OBS does: the transition begins, and lasts."""
        self._before, self._late_answers = self.scene, self.late
        self.scene = scene
        self.send_event("SceneTransitionStarted", {"transitionName": "Fade"}, TRANSITIONS)

    def end_transition(self) -> None:
        """End the transition to the scene of now."""
        self.send_event("CurrentProgramSceneChanged", {"sceneName": self.scene}, SCENES)

    def change_collection(self, scene: str) -> None:
        """Load another scene collection, with `scene` on air; until it is loaded, other scenes come by."""
        self.send_event("CurrentSceneCollectionChanging", {"sceneCollectionName": "Other"}, CONFIG)
        self.send_event("CurrentProgramSceneChanged", {"sceneName": "passing by"}, SCENES)
        self.scene = scene
        self.send_event("CurrentSceneCollectionChanged", {"sceneCollectionName": "Other"}, CONFIG)

    def send_event(self, event: str, data: dict[str, Any], kind: int) -> None:
        """Send an event of a kind of EventSubscription."""
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(self._broadcast(event, data, kind), self._loop)

    def _serve(self, ready: threading.Event) -> None:
        self._loop = loop = asyncio.new_event_loop()
        application = web.Application()
        application.add_routes([web.get("/", self._serve_client)])
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        loop.run_until_complete(runner.setup())
        loop.run_until_complete(web.TCPSite(runner, HOST, self.port).start())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(self._close_all())
        loop.run_until_complete(runner.cleanup())
        loop.close()
        self._sessions.clear()

    async def _close_all(self) -> None:
        for session in list(self._sessions):
            await session.close(1001)

    async def _broadcast(self, event: str, data: dict[str, Any], kind: int) -> None:
        for session in tuple(self._sessions):
            if session.subscriptions is not None and session.subscriptions & kind:
                await session.send(5, {"eventType": event, "eventIntent": kind, "eventData": data})

    async def _serve_client(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=("obswebsocket.json", "obswebsocket.msgpack"))
        await socket.prepare(request)
        session = _Session(socket)
        self._sessions.add(session)
        self.connections += 1
        salt, challenge = secrets.token_hex(16), secrets.token_hex(16)
        hello: dict[str, Any] = {"obsStudioVersion": "31.0.0", "obsWebSocketVersion": "5.5.4", "rpcVersion": 1}
        if self.password:
            hello["authentication"] = {"challenge": challenge, "salt": salt}
        await session.send(0, hello)
        try:
            if self.hangs:  # the connection is open, but nothing is sent
                await asyncio.Event().wait()
            async for message in socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    await self._handle(session, session.read(message.data), salt, challenge)
        finally:
            self._sessions.discard(session)
        return socket

    async def _handle(self, session: _Session, message: dict[str, Any], salt: str, challenge: str) -> None:
        data = message["d"]
        if message["op"] == 1:
            if data.get("rpcVersion") != 1:
                await session.close(WRONG_VERSION)
            elif self.password and data.get("authentication") != _hash(_hash(self.password, salt), challenge):
                self.refused += 1
                await session.close(WRONG_PASSWORD)
            else:
                session.subscriptions = data.get("eventSubscriptions", 0x7FF)
                await session.send(2, {"negotiatedRpcVersion": 1})
        elif session.subscriptions is None:
            await session.close(NOT_IDENTIFIED)
        elif message["op"] == 6 and not self.silent:
            kind = data["requestType"]
            supported = kind in ("GetCurrentProgramScene", "GetInputKindList")
            status = {"result": supported, "code": SUCCESS if supported else UNKNOWN_REQUEST}
            answer = {"requestType": kind, "requestId": data["requestId"], "requestStatus": status}
            self.asked += 1
            if kind == "GetInputKindList":
                answer["responseData"] = {"inputKinds": ["ffmpeg_source", "browser_source"]}
            elif supported:
                late, self._late_answers = self._late_answers > 0, max(0, self._late_answers - 1)
                answer["responseData"] = {"currentProgramSceneName": self._before if late else self.scene}
            if self.overtaking is not None:
                self.scene, self.overtaking = self.overtaking, None
                await self._broadcast("SceneTransitionStarted", {"transitionName": "Fade"}, TRANSITIONS)
            await session.send(7, answer)
