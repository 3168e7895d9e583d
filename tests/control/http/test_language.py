"""Tests of the language in which the server answers."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from stylecam.control.http.address import HOST
from stylecam.models.catalog import Catalog
from stylecam.utils.languages import load
from stylecam.utils.message import Message
from tests.control.running_server import TOKEN, RunningServer


@pytest.mark.parametrize("path", ["/", "/picture"])
def test_the_page_is_in_the_language_that_the_browser_asks_for(running_server: RunningServer, path: str) -> None:
    asked = running_server.request(path, headers={"Accept-Language": "tlh, ko-KR;q=0.9, en;q=0.1"})
    assert '<html lang="ko">' in asked.body.decode()
    assert load("ko").page["The live picture"] in asked.body.decode()
    assert '<html lang="en">' in running_server.request(path).body.decode()


def test_a_language_that_was_set_wins(catalog: Catalog) -> None:
    with RunningServer(catalog, language="de-AT") as running_server:
        asked = running_server.request("/", headers={"Accept-Language": "ko"})
    assert '<html lang="de">' in asked.body.decode()


def test_programs_get_english_unless_they_ask(running_server: RunningServer) -> None:
    def first_help(**headers: str) -> str:
        return str(running_server.request("/api/actions", headers=headers).json["actions"][0]["help"])

    assert first_help() == "next style"
    assert first_help(**{"Accept-Language": "de"}) == "nächster Stil"


def test_notices_of_the_websocket_are_in_the_language_of_its_address(running_server: RunningServer) -> None:
    async def listen(query: str) -> str:
        address = f"http://{HOST}:{running_server.server.port}/api/live?token={TOKEN}{query}"
        async with aiohttp.ClientSession() as session, session.ws_connect(address) as socket:
            await socket.receive()  # the state: the client is known from here on
            running_server.server.send_notice(Message("{name} is back", name=Message("the camera")))
            while True:
                message = json.loads((await socket.receive()).data)
                if message["type"] == "notice":
                    return str(message["text"])

    assert asyncio.run(listen("")) == "the camera is back"
    assert asyncio.run(listen("&language=de")) == "die Kamera: wieder da"
