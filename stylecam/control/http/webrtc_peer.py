"""One program that receives the video by WebRTC, through aiortc (extra `webrtc`)."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable
from typing import Any

from stylecam.errors import SinkUnavailableError, UsageError
from stylecam.media.sinks.video_broadcast import CODECS, Receiver, VideoBroadcast
from stylecam.utils.optional import load

CONNECT_S = 15.0
"""A peer that has not connected within this time is let go."""
MAX_MEDIA = 8
"""Sections of an offer. One of video is sent; a player may ask for sound and more, which are declined."""
_CLOSE_S = 0.5
_NO_VIDEO = "the offer asks for no video; offer to receive H.264 or VP8"
_CANDIDATE = re.compile(r"(a=candidate:\S+ \d+ )(?:udp|UDP)( \d+ )\S+( \d+ typ host)\b.*")


def load_aiortc() -> Any:
    """Import aiortc, which takes about a second.

    Raises:
        SinkUnavailableError: it is not installed; the message has the command that installs it.
    """
    return load("aiortc", purpose="WebRTC", extra="webrtc", error=SinkUnavailableError)


class WebRtcPeer:
    """A connection over which the packets of a broadcast are sent. It belongs to the server's event loop.

    Media goes only between the two addresses of the request that asked for it. No other address is contacted, whatever
    the offer names, and no STUN or TURN server is used.
    """

    def __init__(self, aiortc: Any, broadcast: VideoBroadcast, ended: Callable[[WebRtcPeer], None]) -> None:
        """Prepare a connection; `ended` is called when the other side has gone or the broadcast is closed."""
        self._aiortc, self._broadcast, self._ended = aiortc, broadcast, ended
        self._connection = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
        self._connection.on("connectionstatechange", self._follow)
        self._codec = CODECS[0]
        self._receiver: Receiver | None = None
        self._receiving = contextlib.ExitStack()
        self._timeout: asyncio.TimerHandle | None = None

    async def answer(self, offer: str, local: str, remote: str) -> str:
        """Return the answer to an offer, and begin to connect.

        Args:
            offer: the other side's description (SDP).
            local: the address of this computer to send from.
            remote: the address of the other side.

        Raises:
            UsageError: the offer makes no sense, or asks for no video that can be sent.
        """
        connection = self._connection
        transceiver = connection.addTransceiver(_packet_track(self._aiortc, self._next_packet), direction="sendonly")
        transceiver.setCodecPreferences(_preferred_codecs(self._aiortc))
        described = self._aiortc.RTCSessionDescription(sdp=_with_address(offer, remote), type="offer")
        try:
            await connection.setRemoteDescription(described)
            if transceiver.mid is None:
                raise UsageError(_NO_VIDEO)
            for each in connection.getTransceivers():
                _gather_only(each.sender.transport.transport, local)
            await connection.setLocalDescription(await connection.createAnswer())
        except UsageError:
            raise
        except Exception as error:  # aiortc raises whatever it meets in a description that makes no sense
            raise UsageError(f"the offer cannot be answered: {str(error)[:200] or type(error).__name__}") from error
        answer = str(connection.localDescription.sdp)
        self._codec = _sent_codec(answer)
        self._timeout = asyncio.get_running_loop().call_later(CONNECT_S, self._give_up)
        return answer

    async def close(self) -> None:
        """End the connection. It may be called twice."""
        self._receiving.close()
        if self._timeout is not None:
            self._timeout.cancel()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._connection.close(), _CLOSE_S)

    async def _next_packet(self) -> Any:
        """Wait for the next packet (`av.Packet`). The first call is made once the connection stands."""
        if self._receiver is None:
            self._receiver = self._receiving.enter_context(self._broadcast.receiver(self._codec))
        packet = None if self._broadcast.closed else await self._receiver.next_packet()
        if packet is None:
            self._ended(self)
        return packet

    def _follow(self) -> None:
        if self._connection.connectionState in ("failed", "closed"):
            self._ended(self)

    def _give_up(self) -> None:
        if self._connection.connectionState != "connected":
            self._ended(self)


def _packet_track(aiortc: Any, next_packet: Callable[[], Any]) -> Any:
    """Return a track of packets that are encoded already, so that all peers share one encoder."""

    class PacketTrack(aiortc.MediaStreamTrack):  # type: ignore[misc]
        kind = "video"

        async def recv(self) -> Any:
            packet = await next_packet()
            if packet is None:
                raise aiortc.mediastreams.MediaStreamError
            return packet

    return PacketTrack()


def _preferred_codecs(aiortc: Any) -> list[Any]:
    """Return what can be sent, in the order of `CODECS`."""
    codecs = aiortc.RTCRtpSender.getCapabilities("video").codecs
    names = [f"video/{name}" for name in (*CODECS, "rtx")]
    known = [codec for codec in codecs if codec.mimeType.lower() in names]
    return sorted(known, key=lambda codec: names.index(codec.mimeType.lower()))


def _with_address(offer: str, remote: str) -> str:
    """Return `offer` with `remote` as the address of all its candidates.

    An offer can name any address, and a browser names one that only multicast DNS resolves. What is sent must go to the
    program that has asked. If its port is not known yet, its first packet shows it.
    """
    lines, sections, candidates = [], 0, 0
    for line in offer.splitlines():
        if line.startswith("m="):
            sections += 1
        if line.startswith("a=candidate:"):
            known = _CANDIDATE.fullmatch(line)
            if known is None:
                continue
            candidates += 1
            line = f"{known[1]}udp{known[2]}{remote}{known[3]}"
        lines.append(line)
    if sections > MAX_MEDIA:
        raise UsageError(f"the offer has {sections} sections; at most {MAX_MEDIA} are answered")
    if not candidates:
        lines.append(f"a=candidate:1 1 udp 1 {remote} 9 typ host")
    return "\r\n".join(lines) + "\r\n"


def _gather_only(transport: Any, local: str) -> None:
    """Have an ICE transport listen on the address `local` only. aioice itself takes all but the loopback."""
    connection = transport.iceGatherer._connection  # aiortc has no setting for it
    gather = connection.get_component_candidates

    async def gather_local(component: int, addresses: list[str], *more: Any, **named: Any) -> Any:
        return await gather(component, [local], *more, **named)

    connection.get_component_candidates = gather_local


def _sent_codec(answer: str) -> str:
    """Return which of `CODECS` an answer promises.

    Raises:
        UsageError: it promises no video.
    """
    video = re.search(r"^m=video [1-9]\d* \S+ (\d+).*?(?=^m=|\Z)", answer, re.MULTILINE | re.DOTALL)
    if video is not None and re.search(r"^a=sendonly\r?$", video[0], re.MULTILINE):
        codec = re.search(rf"^a=rtpmap:{video[1]} (\w+)/", video[0], re.MULTILINE)
        if codec is not None and codec[1].lower() in CODECS:
            return codec[1].lower()
    raise UsageError(_NO_VIDEO)
