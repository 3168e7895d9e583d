"""The unpainted camera picture: who gets it, and how often."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from stylecam.control.command_queue import CommandQueue
from stylecam.control.http.before import INTERVAL_S, BeforeRoutes
from stylecam.control.http.context import ServerContext
from stylecam.control.state import LiveState
from stylecam.media.sinks.mjpeg import JpegBroadcast
from stylecam.models.catalog import Catalog
from stylecam.utils.clock import ManualClock
from tests.control.running_server import RunningServer

PATH = "/api/camera.jpg"
JPEG = b"\xff\xd8 a picture"


@pytest.fixture
def server(catalog: Catalog) -> RunningServer:
    return RunningServer(catalog, unpainted=lambda: JPEG)


def test_the_page_of_this_computer_gets_it_with_the_token(server: RunningServer) -> None:
    with server:
        answer = server.request(PATH, "POST")
        assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, JPEG, "image/jpeg")
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("token", [None, "wrong-token"])
def test_nobody_gets_it_without_the_token(server: RunningServer, token: str | None) -> None:
    with server:
        assert server.request(PATH, "POST", token=token).status == 401


def test_no_address_of_a_picture_shows_it(server: RunningServer) -> None:
    with server:
        assert server.request(PATH).status == 405


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "Via", "x-real-ip"])
def test_behind_a_proxy_nobody_gets_it(server: RunningServer, name: str) -> None:
    with server:
        assert server.request(PATH, "POST", headers={name: "127.0.0.1"}).status == 403


def test_while_nothing_is_painted_there_is_none(catalog: Catalog) -> None:
    with RunningServer(catalog) as server:
        answer = server.request(PATH, "POST")
    assert (answer.status, answer.body) == (204, b"")


class Transport:
    """A connection with a peer."""

    def __init__(self, peer: object) -> None:
        self.peer = peer

    def get_extra_info(self, name: str) -> object:
        return self.peer if name == "peername" else None


def route_of(catalog: Catalog, clock: ManualClock) -> web.RouteDef:
    control = CommandQueue(catalog, LiveState())
    context = ServerContext(control, catalog, JpegBroadcast(), unpainted=lambda: JPEG)
    (route,) = BeforeRoutes(context, clock.now).routes()
    return route


async def status(route: web.RouteDef, peer: object) -> int:
    request = make_mocked_request("POST", PATH, transport=Transport(peer))
    return int((await route.handler(request)).status)


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        (("127.0.0.1", 5), 200), (("::1", 5, 0, 0), 200), (("::ffff:127.0.0.1", 5, 0, 0), 200), (("127.8.9.1", 5), 200),
        (("192.168.1.7", 5), 403), (("::ffff:192.168.1.7", 5, 0, 0), 403), (("fe80::1", 5, 0, 2), 403),
        (None, 403), ("", 403), (("nonsense", 5), 403),
    ],
)  # fmt: skip
def test_other_computers_and_phones_never_get_it(catalog: Catalog, peer: object, expected: int) -> None:
    route = route_of(catalog, ManualClock())
    assert asyncio.run(status(route, peer)) == expected


def test_all_pages_together_get_a_few_a_second(catalog: Catalog) -> None:
    clock = ManualClock()
    route = route_of(catalog, clock)
    here = ("127.0.0.1", 5)
    assert asyncio.run(status(route, here)) == 200
    assert asyncio.run(status(route, here)) == 429
    clock.advance(INTERVAL_S)
    assert asyncio.run(status(route, here)) == 200
