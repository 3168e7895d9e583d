"""Send the picture as WebRTC: a player posts its offer to /whep (WHEP, draft-ietf-wish-whep)."""

from __future__ import annotations

import asyncio
import secrets

from aiohttp import web

from stylecam.control.http.auth import error_response
from stylecam.control.http.webrtc_peer import WebRtcPeer, load_aiortc
from stylecam.errors import SinkUnavailableError, UsageError
from stylecam.media.sinks.video_broadcast import MAX_RECEIVERS, VideoBroadcast

RETRY_AFTER_S = 5
_SDP = "application/sdp"


class WhepRoutes:
    """The handlers of `/whep`. Everything here runs on the server's event loop."""

    def __init__(self, broadcast: VideoBroadcast) -> None:
        self._broadcast = broadcast
        self._peers: dict[str, WebRtcPeer] = {}
        self._answering = 0
        self._ending: set[asyncio.Task[None]] = set()

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.post("/whep", self._begin), web.delete("/whep/{id}", self._end)]

    async def close(self, _: object = None) -> None:
        """End all connections."""
        peers = list(self._peers.values())
        self._peers.clear()
        await asyncio.gather(*(peer.close() for peer in peers), *self._ending)

    async def _begin(self, request: web.Request) -> web.Response:
        """Answer an offer; the connection then has an address of its own, at which it can be ended."""
        if request.content_type != _SDP:
            return error_response(415, f"the body is {request.content_type[:60]}; send an offer as {_SDP}")
        if len(self._peers) + self._answering >= MAX_RECEIVERS:
            response = error_response(503, f"{MAX_RECEIVERS} programs receive WebRTC already; close one")
            response.headers["Retry-After"] = str(RETRY_AFTER_S)
            return response
        self._answering += 1
        try:
            offer = await request.text()
            aiortc = await asyncio.get_running_loop().run_in_executor(None, load_aiortc)
            return await self._answer(aiortc, offer, request)
        except UnicodeDecodeError:
            return error_response(400, "the offer is no text")
        except SinkUnavailableError as error:
            return error_response(501, str(error))
        except UsageError as error:
            return error_response(422, str(error))
        finally:
            self._answering -= 1

    async def _answer(self, aiortc: object, offer: str, request: web.Request) -> web.Response:
        transport = request.transport
        if transport is None:
            raise UsageError("the connection was closed")
        local, remote = transport.get_extra_info("sockname")[0], transport.get_extra_info("peername")[0]
        peer = WebRtcPeer(aiortc, self._broadcast, self._let_go)
        try:
            answer = await peer.answer(offer, local, remote)
        except BaseException:
            await peer.close()
            raise
        name = secrets.token_urlsafe(16)
        self._peers[name] = peer
        return web.Response(status=201, body=answer.encode(), content_type=_SDP, headers={"Location": f"/whep/{name}"})

    async def _end(self, request: web.Request) -> web.Response:
        peer = self._peers.pop(request.match_info["id"], None)
        if peer is None:
            return error_response(404, "there is no such connection; it has ended")
        await peer.close()
        return web.Response()

    def _let_go(self, peer: WebRtcPeer) -> None:
        """Close a connection whose other side has gone."""
        for name, each in tuple(self._peers.items()):
            if each is peer:
                del self._peers[name]
                task = asyncio.get_running_loop().create_task(peer.close())
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)
