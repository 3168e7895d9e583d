"""Tests of the WebSocket connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import aiohttp
import pytest

from stylecam.control.command import Command
from stylecam.control.http import websocket
from stylecam.control.http.address import HOST
from stylecam.utils.languages import ENGLISH
from tests.control.running_server import REPORT, TOKEN, RunningServer
from tests.doubles import until

T = TypeVar("T")


class WebSocketClient:
    """The client end of a WebSocket connection."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse[Any]) -> None:
        self.socket = socket

    async def receive(self, kind: str | None = None) -> dict[str, Any]:
        """Return the next message, or the next of one type."""
        while True:
            message: dict[str, Any] = await asyncio.wait_for(self.socket.receive_json(), 20)
            if kind is None or message["type"] == kind:
                return message

    async def send(self, **message: Any) -> None:
        await self.socket.send_json(message)


def run_client(running_server: RunningServer, work: Callable[[WebSocketClient], Awaitable[T]]) -> T:
    """Run `work` on a new connection and return its result."""

    async def connected() -> T:
        url = f"ws://{HOST}:{running_server.server.port}/api/live?token={TOKEN}"
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
            return await work(WebSocketClient(socket))

    return asyncio.run(connected())


def test_a_new_client_gets_the_state_at_once(running_server: RunningServer) -> None:
    async def work(client: WebSocketClient) -> dict[str, Any]:
        return await client.receive()

    assert run_client(running_server, work) == {
        "type": "state",
        "state": running_server.describe(running_server.control.state),
    }


def test_a_browser_sends_the_token_as_a_protocol(running_server: RunningServer) -> None:
    async def connected(*protocols: str) -> str | None:
        url = f"ws://{HOST}:{running_server.server.port}/api/live"
        async with aiohttp.ClientSession() as session, session.ws_connect(url, protocols=protocols) as socket:
            await WebSocketClient(socket).receive("state")
            return socket.protocol

    assert asyncio.run(connected("stylecam", f"token.{TOKEN}")) == "stylecam"
    for wrong in (("stylecam",), ("stylecam", "token.wrong-token"), ("stylecam", TOKEN), (f"other.{TOKEN}",)):
        with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
            asyncio.run(connected(*wrong))


def test_every_change_is_sent(running_server: RunningServer) -> None:
    async def work(client: WebSocketClient) -> list[Any]:
        await client.receive("state")
        running_server.control.submit(Command.parse("strength:0.3"))
        first = await client.receive("state")
        running_server.recording = "run_client.mp4"
        running_server.server.send_state()
        return [first["state"]["strength"], (await client.receive("state"))["state"]["recording"]]

    assert run_client(running_server, work) == [0.3, "run_client.mp4"]


def test_a_command_is_answered_with_its_id_and_the_new_state(running_server: RunningServer) -> None:
    async def work(client: WebSocketClient) -> dict[str, Any]:
        await client.send(id=5, action="select", arguments={"style": "udnie"})
        return await client.receive("done")

    assert run_client(running_server, work) == {
        "type": "done",
        "id": 5,
        "state": running_server.describe(running_server.control.state),
    }
    assert running_server.control.state.look.label == "udnie"


@pytest.mark.parametrize(
    ("sent", "number", "message"),
    [
        ('{"id": 1, "action": "fly"}', 1, "no action 'fly'"),
        ('{"id": "a", "action": "strength", "arguments": {"value": 7}}', "a", "a number from 0 to 1"),
        ('{"id": 2, "action": "select", "arguments": {"style": "nobody"}}', 2, "no style is called"),
        ('{"id": 6, "action": "room", "arguments": {"value": "picture:/etc/hostname"}}', 6, "a page may choose only"),
        ('{"id": 3, "action": "next", "arguments": []}', 3, "a message must be"),
        ('{"id": [4], "action": "fly"}', None, "no action"),
        ('{"action": 3}', None, "a message must be"),
        ("[1]", None, "a message must be"),
        ("{", None, "a message must be"),
        ("[" * 50_000, None, "a message must be"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_an_invalid_message_is_refused_and_the_connection_stays_open(
    running_server: RunningServer, sent: str, number: object, message: str
) -> None:
    async def work(client: WebSocketClient) -> tuple[dict[str, Any], dict[str, Any]]:
        await client.socket.send_str(sent)
        refusal = await client.receive("refused")
        await client.send(id=9, action="freeze")
        return refusal, await client.receive("done")

    refusal, done = run_client(running_server, work)
    assert refusal["id"] == number
    assert message in refusal["error"]
    assert done["state"]["frozen"]


def test_bytes_are_read_as_text(running_server: RunningServer) -> None:
    async def work(client: WebSocketClient) -> list[Any]:
        await client.socket.send_bytes(b'{"id": 1, "action": "freeze"}')
        done = await client.receive("done")
        await client.socket.send_bytes(b"\xff\x00")
        return [done["id"], (await client.receive("refused"))["id"]]

    assert run_client(running_server, work) == [1, None]


def test_a_message_that_is_too_large_closes_only_its_connection(running_server: RunningServer) -> None:
    async def work(client: WebSocketClient) -> bool:
        await client.socket.send_str("x" * 70_000)
        while not client.socket.closed:
            await asyncio.wait_for(client.socket.receive(), 20)
        return True

    assert run_client(running_server, work)
    assert running_server.act("freeze").status == 200


def test_statistics_and_notices_are_sent(running_server: RunningServer) -> None:
    async def work(client: WebSocketClient) -> list[dict[str, Any]]:
        await client.receive("state")
        running_server.server.send_notice("camera lost")
        notice = await client.receive()
        running_server.server.send_stats(REPORT)
        return [notice, await client.receive()]

    notice, stats = run_client(running_server, work)
    assert notice == {"type": "notice", "text": "camera lost"}
    assert stats["type"] == "stats"
    assert stats["stats"] | {"rung": "768x432", "latency_p95_ms": 55.0, "painted_fps": 29.5} == stats["stats"]


def test_the_server_knows_whether_it_has_clients(running_server: RunningServer) -> None:
    async def work(client: WebSocketClient) -> bool:
        await client.receive()
        return running_server.server.has_clients

    assert not running_server.server.has_clients
    assert run_client(running_server, work)
    assert until(lambda: not running_server.server.has_clients)


def test_a_client_that_does_not_read_gets_only_the_newest_messages(running_server: RunningServer) -> None:
    client = websocket._Client(ENGLISH, lambda: {"version": version})
    for version in range(1000):
        client.state_is_due = True
        client.stats = {"at": version}
        client.notices.append(f"notice {version}")
    messages = client.take()
    assert [message["type"] for message in messages] == ["state"] + ["notice"] * websocket.MAX_NOTICES + ["stats"]
    assert messages[0] == {"type": "state", "state": {"version": 999}}
    assert messages[-1]["stats"] == {"at": 999}
    assert client.take() == []


def test_a_client_is_sent_the_newest_state_last() -> None:
    """What is not in the version of the state, such as the favorites, must not go back to what an answer had."""
    favorites = ["udnie"]
    client = websocket._Client(ENGLISH, lambda: {"favorites": [*favorites]})
    client.state_is_due = True
    client.answers.put_nowait({"type": "done", "id": 1, "state": {"favorites": [*favorites]}})
    favorites.append("starry_night")
    assert [(message["type"], len(message["state"]["favorites"])) for message in client.take()] == [
        ("done", 1),
        ("state", 2),
    ]


def test_a_client_that_never_reads_does_not_block_others(running_server: RunningServer) -> None:
    async def work(_: WebSocketClient) -> dict[str, Any]:
        reader, writer = await asyncio.open_connection(HOST, running_server.server.port)
        key = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        head = f"GET /api/live?token={TOKEN} HTTP/1.1\r\nHost: {HOST}:{running_server.server.port}\r\n"
        writer.write(f"{head}{key}Sec-WebSocket-Version: 13\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        text = json.dumps({"id": "x" * 100, "action": "freeze"}).encode()
        writer.write(bytes([0x81, 0xFE]) + len(text).to_bytes(2, "big") + bytes(4) + text)
        frame = bytes([0x81, 0xFE]) + len(text).to_bytes(2, "big") + bytes(4) + text
        writer.write(frame * 2000)
        before = running_server.control.state.version
        while running_server.control.state.version < before + 50:
            await asyncio.sleep(0)
        url = f"ws://{HOST}:{running_server.server.port}/api/live?token={TOKEN}"
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
            client = WebSocketClient(socket)
            await client.send(id=1, action="mirror")
            done = await client.receive("done")
        writer.close()
        return done

    assert run_client(running_server, work)["state"]["mirror"]


def test_one_client_too_many_is_refused(running_server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "MAX_CLIENTS", 1)

    async def work(client: WebSocketClient) -> int:
        await client.receive()
        return await asyncio.to_thread(lambda: running_server.request("/api/live").status)

    assert run_client(running_server, work) == 503


def test_a_request_without_an_upgrade_is_refused(running_server: RunningServer) -> None:
    response = running_server.request("/api/live")
    assert response.status in (400, 426)
    assert response.json.keys() == {"error"}


def test_stopping_closes_every_connection(running_server: RunningServer) -> None:
    async def work(client: WebSocketClient) -> bool:
        await client.receive()
        await asyncio.to_thread(running_server.server.stop)
        while not client.socket.closed:
            await asyncio.wait_for(client.socket.receive(), 20)
        return True

    assert run_client(running_server, work)
