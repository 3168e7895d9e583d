"""The live connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import aiohttp
import pytest

from stylecam.control.actions import Command
from stylecam.control.http import websocket as feed
from stylecam.control.http.address import HOST
from tests.control.running_server import REPORT, TOKEN, RunningServer
from tests.doubles import until

T = TypeVar("T")


class Line:
    """One live connection, from the other end."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse[Any]) -> None:
        self.socket = socket

    async def hear(self, kind: str | None = None) -> dict[str, Any]:
        """The next message, or the next of one kind."""
        while True:
            message: dict[str, Any] = await asyncio.wait_for(self.socket.receive_json(), 20)
            if kind is None or message["type"] == kind:
                return message

    async def say(self, **message: Any) -> None:
        await self.socket.send_json(message)


def talk(running_server: RunningServer, work: Callable[[Line], Awaitable[T]]) -> T:
    """The result of `work` on a new connection."""

    async def connected() -> T:
        url = f"ws://{HOST}:{running_server.server.port}/api/live?token={TOKEN}"
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
            return await work(Line(socket))

    return asyncio.run(connected())


def test_who_connects_is_told_the_state_at_once(running_server: RunningServer) -> None:
    async def work(line: Line) -> dict[str, Any]:
        return await line.hear()

    assert talk(running_server, work) == {
        "type": "state",
        "state": running_server.describe(running_server.control.state),
    }


def test_every_change_is_told_whoever_made_it(running_server: RunningServer) -> None:
    async def work(line: Line) -> list[Any]:
        await line.hear("state")
        running_server.control.submit(Command.parse("strength:0.3"))
        first = await line.hear("state")
        running_server.recording = "talk.mp4"
        running_server.server.send_state()
        return [first["state"]["strength"], (await line.hear("state"))["state"]["recording"]]

    assert talk(running_server, work) == [0.3, "talk.mp4"]


def test_an_order_is_answered_with_its_number_and_the_state_after_it(running_server: RunningServer) -> None:
    async def work(line: Line) -> dict[str, Any]:
        await line.say(id=5, action="select", arguments={"style": "udnie"})
        return await line.hear("done")

    assert talk(running_server, work) == {
        "type": "done",
        "id": 5,
        "state": running_server.describe(running_server.control.state),
    }
    assert running_server.control.state.look.label == "udnie"


@pytest.mark.parametrize(
    ("sent", "number", "words"),
    [
        ('{"id": 1, "action": "fly"}', 1, "no action 'fly'"),
        ('{"id": "a", "action": "strength", "arguments": {"value": 7}}', "a", "a number from 0 to 1"),
        ('{"id": 2, "action": "select", "arguments": {"style": "nobody"}}', 2, "no style is called"),
        ('{"id": 3, "action": "next", "arguments": []}', 3, "a message must be"),
        ('{"id": [4], "action": "fly"}', None, "no action"),
        ('{"action": 3}', None, "a message must be"),
        ("[1]", None, "a message must be"),
        ("{", None, "a message must be"),
        ("[" * 50_000, None, "a message must be"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_cannot_be_meant_is_refused_and_the_line_stays_open(
    running_server: RunningServer, sent: str, number: object, words: str
) -> None:
    async def work(line: Line) -> tuple[dict[str, Any], dict[str, Any]]:
        await line.socket.send_str(sent)
        refusal = await line.hear("refused")
        await line.say(id=9, action="freeze")
        return refusal, await line.hear("done")

    refusal, done = talk(running_server, work)
    assert refusal["id"] == number
    assert words in refusal["error"]
    assert done["state"]["frozen"]


def test_bytes_are_read_as_text(running_server: RunningServer) -> None:
    async def work(line: Line) -> list[Any]:
        await line.socket.send_bytes(b'{"id": 1, "action": "freeze"}')
        done = await line.hear("done")
        await line.socket.send_bytes(b"\xff\x00")
        return [done["id"], (await line.hear("refused"))["id"]]

    assert talk(running_server, work) == [1, None]


def test_a_message_too_large_ends_the_connection_and_nothing_else(running_server: RunningServer) -> None:
    async def work(line: Line) -> bool:
        await line.socket.send_str("x" * 70_000)
        while not line.socket.closed:
            await asyncio.wait_for(line.socket.receive(), 20)
        return True

    assert talk(running_server, work)
    assert running_server.act("freeze").status == 200


def test_figures_and_notices_are_told(running_server: RunningServer) -> None:
    async def work(line: Line) -> list[dict[str, Any]]:
        await line.hear("state")
        running_server.server.send_notice("camera lost")
        notice = await line.hear()
        running_server.server.send_stats(REPORT)
        return [notice, await line.hear()]

    notice, stats = talk(running_server, work)
    assert notice == {"type": "notice", "text": "camera lost"}
    assert stats["type"] == "stats"
    assert stats["stats"] | {"rung": "768x432", "latency_p95_ms": 55.0, "painted_fps": 29.5} == stats["stats"]


def test_whether_anybody_listens_is_known(running_server: RunningServer) -> None:
    async def work(line: Line) -> bool:
        await line.hear()
        return running_server.server.has_clients

    assert not running_server.server.has_clients
    assert talk(running_server, work)
    assert until(lambda: not running_server.server.has_clients)


def test_who_does_not_read_is_told_only_the_newest(running_server: RunningServer) -> None:
    client = feed._Client()
    for version in range(1000):
        client.state = {"version": version}
        client.stats = {"at": version}
        client.notices.append(f"notice {version}")
    told = client.take()
    assert [message["type"] for message in told] == ["state"] + ["notice"] * feed.MAX_NOTICES + ["stats"]
    assert told[0] == {"type": "state", "state": {"version": 999}}
    assert told[-1]["stats"] == {"at": 999}
    assert client.take() == []


def test_one_that_asks_and_never_reads_holds_up_nobody(running_server: RunningServer) -> None:
    async def work(_: Line) -> dict[str, Any]:
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
            line = Line(socket)
            await line.say(id=1, action="mirror")
            done = await line.hear("done")
        writer.close()
        return done

    assert talk(running_server, work)["state"]["mirror"]


def test_one_listener_too_many_is_told(running_server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "MAX_CLIENTS", 1)

    async def work(line: Line) -> int:
        await line.hear()
        return await asyncio.to_thread(lambda: running_server.ask("/api/live").status)

    assert talk(running_server, work) == 503


def test_asked_without_an_upgrade_it_says_so(running_server: RunningServer) -> None:
    answer = running_server.ask("/api/live")
    assert answer.status in (400, 426)
    assert answer.json.keys() == {"error"}


def test_at_the_end_everybody_is_let_go(running_server: RunningServer) -> None:
    async def work(line: Line) -> bool:
        await line.hear()
        await asyncio.to_thread(running_server.server.stop)
        while not line.socket.closed:
            await asyncio.wait_for(line.socket.receive(), 20)
        return True

    assert talk(running_server, work)
