"""Tests of /whep with a real WebRTC client: what it plays, when it ends, and which offers are refused."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import aiohttp
import aiortc
import pytest
from aiortc.mediastreams import MediaStreamError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stylecam.control.http import webrtc_peer, whep
from stylecam.control.http.address import HOST
from stylecam.control.http.webrtc_peer import _with_address
from stylecam.errors import UsageError
from stylecam.media.sinks.video_broadcast import CODECS, MAX_RECEIVERS
from stylecam.models.catalog import Catalog
from stylecam.utils import optional
from tests.control.running_server import PATIENCE_S, TOKEN, RunningServer
from tests.doubles import until

SDP = {"Content-Type": "application/sdp"}
T = TypeVar("T")


class Client:
    """A program that receives by WebRTC."""

    def __init__(self, server: RunningServer, kind: str = "video", codec: str | None = None) -> None:
        self._server = server
        self.connection: Any = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
        transceiver = self.connection.addTransceiver(kind, direction="recvonly")
        if codec is not None:
            codecs = aiortc.RTCRtpReceiver.getCapabilities(kind).codecs
            transceiver.setCodecPreferences([each for each in codecs if each.mimeType.lower() == f"video/{codec}"])
        self._tracks: asyncio.Queue[Any] = asyncio.Queue()
        self.connection.on("track", self._tracks.put_nowait)
        self.place = ""

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return str(self.connection.localDescription.sdp)

    async def connect(self) -> Any:
        """Begin to play; return the track."""
        status, headers, answer = await post(self._server, await self.offer())
        assert status == 201, answer
        assert headers["Content-Type"] == "application/sdp"
        self.place = headers["Location"]
        await self.connection.setRemoteDescription(aiortc.RTCSessionDescription(answer, "answer"))
        return await self._tracks.get()

    async def end(self) -> int:
        async with session() as http, http.delete(f"http://{HOST}:{self._server.server.port}{self.place}") as answer:
            return answer.status


def session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"})


async def post(server: RunningServer, offer: str | bytes) -> tuple[int, Any, str]:
    address = f"http://{HOST}:{server.server.port}/whep"
    async with session() as http, http.post(address, data=offer, headers=SDP) as answer:
        return answer.status, answer.headers, await answer.text()


async def play_out(track: Any) -> None:
    """Play what is left of a track that ends."""
    with contextlib.suppress(MediaStreamError):
        while True:
            await track.recv()


def run(work: Callable[[], Awaitable[T]]) -> T:
    return asyncio.run(asyncio.wait_for(work(), PATIENCE_S))


async def offer_text(server: RunningServer, kind: str = "video") -> str:
    client = Client(server, kind)
    try:
        return await client.offer()
    finally:
        await client.connection.close()


def offer_of(server: RunningServer, kind: str = "video") -> str:
    return run(lambda: offer_text(server, kind))


@pytest.mark.parametrize("codec", [None, *CODECS])
def test_a_client_sees_what_is_published_until_it_ends_the_connection(
    running_server: RunningServer, codec: str | None
) -> None:
    async def play() -> tuple[list[float], list[int]]:
        client = Client(running_server, codec=codec)
        track = await client.connect()
        levels = []
        for level, index in ((60, 0), (210, -1)):
            with running_server.publishing(level, index):
                seen = float((await track.recv()).to_ndarray(format="gray").mean())
                while abs(seen - level) > 10:
                    seen = float((await track.recv()).to_ndarray(format="gray").mean())
                levels.append(seen)
        ended = [await client.end(), await client.end()]
        await play_out(track)
        await client.connection.close()
        return levels, ended

    levels, ended = run(play)
    assert levels == pytest.approx([60, 210], abs=10)
    assert ended == [200, 404]


def test_a_client_that_leaves_makes_room_and_lets_the_camera_rest(running_server: RunningServer) -> None:
    async def play() -> None:
        client = Client(running_server)
        track = await client.connect()
        with running_server.publishing():
            await track.recv()
            assert running_server.sink.has_viewers()
        await client.connection.close()

    run(play)
    assert until(lambda: not running_server.sink.has_viewers())


def test_stopping_ends_all_connections_at_once(catalog: Catalog) -> None:
    async def play() -> float:
        with RunningServer(catalog) as running_server:
            clients = [Client(running_server) for _ in range(2)]
            tracks = [await client.connect() for client in clients]
            with running_server.publishing():
                for track in tracks:
                    await track.recv()
            began = time.monotonic()
        took = time.monotonic() - began
        for client, track in zip(clients, tracks, strict=True):
            await play_out(track)
            await client.connection.close()
        return took

    assert run(play) < 5


def test_one_client_too_many_is_refused_until_another_ends(running_server: RunningServer) -> None:
    async def play() -> tuple[int, str, int]:
        clients = [Client(running_server) for _ in range(MAX_RECEIVERS)]
        for client in clients:
            await client.connect()
        offer = await offer_text(running_server)
        status, headers, _ = await post(running_server, offer)
        await clients[0].end()
        afterwards, _, _ = await post(running_server, offer)
        for client in clients:
            await client.connection.close()
        return status, headers["Retry-After"], afterwards

    assert run(play) == (503, str(whep.RETRY_AFTER_S), 201)


def test_a_client_that_never_connects_loses_its_place(
    running_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webrtc_peer, "CONNECT_S", 0.0)
    offer = offer_of(running_server)

    async def play() -> list[int]:
        return [(await post(running_server, offer))[0] for _ in range(MAX_RECEIVERS * 2)]

    assert until(lambda: set(run(play)) == {201})


def test_media_goes_only_to_the_address_of_the_request(running_server: RunningServer) -> None:
    offer = offer_of(running_server)
    strange = re.sub(r"(a=candidate:\S+ 1 udp \d+ )\S+", r"\g<1>203.0.113.7", offer)
    assert "203.0.113.7" in strange
    assert "203.0.113.7" not in "".join(re.findall("a=candidate.*", _with_address(strange, HOST)))
    status, _, answer = run(lambda: post(running_server, strange))
    assert status == 201
    candidates = re.findall(r"a=candidate:\S+ \d+ udp \d+ (\S+) \d+ typ (\w+)", answer)
    assert set(candidates) == {(HOST, "host")}


@pytest.mark.parametrize(
    "candidate",
    [
        "a=candidate:1 1 udp 2113937151 0b1c2d3e.local 50000 typ host generation 0",
        "a=candidate:1 1 UDP 2113937151 203.0.113.7 50000 typ host",
        "a=candidate:1 1 tcp 1518280447 203.0.113.7 9 typ host tcptype active",
        "a=candidate:1 1 udp 1 203.0.113.7 50000 typ srflx raddr 0.0.0.0 rport 9",
        "a=candidate:nonsense",
        "",
    ],
)
def test_an_offer_has_one_address_whatever_it_names(candidate: str) -> None:
    lines = _with_address(f"v=0\r\nm=video 9 X 96\r\n{candidate}\r\n", "192.0.2.9").splitlines()
    candidates = [line for line in lines if line.startswith("a=candidate:")]
    assert len(candidates) == 1
    assert candidates[0].split()[4] == "192.0.2.9"
    assert candidates[0].endswith("typ host")


def test_an_offer_of_many_sections_is_refused() -> None:
    with pytest.raises(UsageError, match="9 sections"):
        _with_address("m=video 9 X 96\r\n" * 9, HOST)


def test_an_offer_without_video_is_refused(running_server: RunningServer) -> None:
    offer = offer_of(running_server, "audio")
    status, _, body = run(lambda: post(running_server, offer))
    assert status == 422
    assert "asks for no video" in body


def test_an_offer_that_only_sends_is_refused(running_server: RunningServer) -> None:
    offer = offer_of(running_server).replace("a=recvonly", "a=sendonly")
    status, _, body = run(lambda: post(running_server, offer))
    assert (status, "asks for no video" in body) == (422, True)


@pytest.mark.parametrize("offer", ["", "nonsense", "v=0", "m=video", "v=0\r\nm=video x y z", "{}", "m=" + "9" * 5000])
def test_what_is_no_offer_is_refused_in_one_line(running_server: RunningServer, offer: str) -> None:
    answer = running_server.request("/whep", "POST", offer, SDP)
    assert answer.status == 422
    assert "\n" not in answer.json["error"]


def test_bytes_that_are_no_text_are_refused(running_server: RunningServer) -> None:
    assert running_server.request("/whep", "POST", b"\xff\xfe", SDP).status == 400


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_offer_is_answered_or_refused(running_server: RunningServer, data: st.DataObject) -> None:
    lines = OFFER.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(lines) - 1))
        change = data.draw(st.sampled_from(["drop", "twice", "cut", "replace"]))
        line = lines[place]
        cut = data.draw(st.integers(0, len(line)))
        noise = data.draw(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=12))
        lines[place : place + 1] = {
            "drop": [""], "twice": [line, line], "cut": [line[:cut]], "replace": [line[:cut] + noise],
        }[change]  # fmt: skip
    answer = running_server.request("/whep", "POST", "\r\n".join(lines).encode(), SDP)
    assert answer.status in (201, 422), answer.body
    if answer.status == 201:
        assert running_server.request(answer.headers["Location"], "DELETE").status == 200


def test_another_content_type_is_refused(running_server: RunningServer) -> None:
    assert running_server.request("/whep", "POST", "{}", {"Content-Type": "application/json"}).status == 415


def test_only_who_has_the_token_is_answered(running_server: RunningServer) -> None:
    assert running_server.request("/whep", "POST", "v=0", SDP, token=None).status == 401
    assert running_server.request("/whep/x", "DELETE", token=None).status == 401
    others = SDP | {"Origin": "http://elsewhere.example"}
    assert running_server.request("/whep", "POST", "v=0", others).status == 403


def test_a_connection_is_changed_by_nothing_but_its_end(running_server: RunningServer) -> None:
    answer = running_server.request("/whep/x", "PATCH")
    assert (answer.status, answer.headers["Allow"]) == (405, "DELETE")


def test_without_aiortc_it_says_how_to_install_it(
    running_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optional, "is_installed", lambda module: module != "aiortc")
    answer = running_server.request("/whep", "POST", "v=0", SDP)
    assert answer.status == 501
    assert answer.json["error"].endswith('run: pip install "stylecam[webrtc]"')


OFFER = """v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=extmap-allow-mixed
a=msid-semantic: WMS
m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1 1 udp 2113937151 0b1c2d3e-1111-2222-3333-444455556666.local 50000 typ host generation 0
a=ice-ufrag:4ZcD
a=ice-pwd:2/1muCWoOi3uLifh0NuRHlhW
a=ice-options:trickle
a=fingerprint:sha-256 9E:27:1D:0A:6C:60:4E:2F:9A:0B:31:C7:43:5B:1F:55:C6:8C:92:56:3F:17:01:92:E7:E2:5B:5B:CF:C5:9C:B3
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:toffset
a=recvonly
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 goog-remb
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:102 H264/90000
a=rtcp-fb:102 nack
a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f
a=rtpmap:103 rtx/90000
a=fmtp:103 apt=102
"""
"""What a browser sends."""
