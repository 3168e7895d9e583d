"""The addresses of streams: `srt:PORT`, `srt://HOST:PORT`, `udp:HOST:PORT` and `rtmp://HOST/APP/KEY`."""

from __future__ import annotations

import ipaddress
import re
import urllib.parse
from dataclasses import dataclass, field
from typing import Literal

from stylecam.errors import UsageError
from stylecam.utils.redact import HIDDEN, redact

Protocol = Literal["srt", "udp", "rtmp"]
LOCALHOST = "127.0.0.1"
SRT_LATENCY_MS = 120
"""SRT's own default: the time within which lost packets are sent again."""
LOCAL_SRT_LATENCY_MS = 20
"""The same where sender and receiver are one computer, which loses nothing."""
_PASSPHRASE_LENGTHS = range(10, 80)
"""The lengths that SRT takes."""
_EXAMPLES = {
    "srt": "srt:9000 to listen on this computer, or srt://HOST:PORT to call a server",
    "udp": "udp:127.0.0.1:5000",
    "rtmp": "rtmp://HOST/APP/KEY",
}


@dataclass(frozen=True, slots=True)
class StreamAddress:
    """Where a stream goes, or where it can be fetched.

    Attributes:
        host: name or IP address, without brackets.
        listens: True where others connect to this computer; False where it connects to them.
        latency_ms: SRT's latency of the sender.
        passphrase: encrypts SRT; empty for none. It must not be shown.
        stream_id: tells an SRT server which stream this is, often with a key. It must not be shown.
        url: the whole address of an RTMP server. It must not be shown.
    """

    protocol: Protocol
    host: str
    port: int
    listens: bool = False
    latency_ms: int = SRT_LATENCY_MS
    passphrase: str = field(default="", repr=False)
    stream_id: str = field(default="", repr=False)
    url: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> StreamAddress:
        """Parse the value of `--output` for a stream.

        Raises:
            UsageError: it is no address of a stream, or an option in it has a wrong value.
        """
        kind, _, rest = text.strip().partition(":")
        if kind == "srt":
            return _parse_srt(rest)
        if kind == "udp":
            return _parse_udp(rest)
        return _parse_rtmp(rest if rest.startswith(("rtmp://", "rtmps://")) else text.strip())

    @property
    def name(self) -> str:
        """The address for people, without a stream key or passphrase."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        if self.protocol == "rtmp":
            return f"RTMP {host}{_application(self.url)}/{HIDDEN}"
        role = " listener" if self.listens else ""
        return f"{self.protocol.upper()}{role} {host}:{self.port}"

    @property
    def local(self) -> bool:
        """True if the host is this computer and nobody else can connect."""
        return _is_local(self.host)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown, longest first."""
        key = self.url.rpartition("/")[2] if self.protocol == "rtmp" else ""
        return tuple(sorted(filter(None, (self.url, key, self.passphrase, self.stream_id)), key=len, reverse=True))

    def redact(self, message: str) -> str:
        """Return `message`, for example of a library, on one line and without the secrets."""
        for secret in self.secrets:
            message = message.replace(secret, HIDDEN)
        return redact(" ".join(message.split()))


def _parse_srt(rest: str) -> StreamAddress:
    if rest.isdecimal() and rest.isascii():
        return StreamAddress("srt", LOCALHOST, _port("srt", rest), listens=True, latency_ms=LOCAL_SRT_LATENCY_MS)
    address, _, query = rest.partition("?")
    host, port = _host_and_port("srt", address)
    options = _options("srt", query, ("mode", "latency", "passphrase", "streamid"))
    mode = options.get("mode", "caller" if host else "listener")
    if mode not in ("caller", "listener"):
        raise _wrong("srt", f"mode={mode} is not known: it is caller or listener")
    if mode == "caller" and not host:
        raise _wrong("srt", "a caller needs a host")
    passphrase = options.get("passphrase", "")
    if passphrase and len(passphrase) not in _PASSPHRASE_LENGTHS:
        raise _wrong("srt", "SRT takes passphrases of 10 to 79 characters")
    host = host or "0.0.0.0"
    default = LOCAL_SRT_LATENCY_MS if _is_local(host) else SRT_LATENCY_MS
    latency = options.get("latency", str(default))
    if not (latency.isdecimal() and latency.isascii() and int(latency) <= 8000):
        raise _wrong("srt", f"latency={latency} is not a number of milliseconds from 0 to 8000")
    return StreamAddress(
        "srt", host, port, mode == "listener", int(latency), passphrase, stream_id=options.get("streamid", "")
    )


def _parse_udp(rest: str) -> StreamAddress:
    address, _, query = rest.partition("?")
    _options("udp", query, ())
    host, port = _host_and_port("udp", address)
    if not host:
        raise _wrong("udp", "name the host")
    return StreamAddress("udp", host, port)


def _parse_rtmp(text: str) -> StreamAddress:
    match = re.fullmatch(r"(rtmps?)://([^\s/?#]+)(/[^\s/]+(?:/[^\s/]+)*)", text)
    if match is None or match[3].count("/") < 2:
        raise _wrong("rtmp", "it needs a host, an application and a stream key")
    server = match[2].rpartition("@")[2]
    host, port = _host_and_port(
        "rtmp", server if _has_port(server) else f"{server}:{443 if match[1] == 'rtmps' else 1935}"
    )
    if not host:
        raise _wrong("rtmp", "name the host")
    return StreamAddress("rtmp", host, port, url=text)


def _host_and_port(protocol: Protocol, text: str) -> tuple[str, int]:
    match = re.fullmatch(r"(?://)?(\[[0-9a-fA-F:.]+\]|[^\s:\[\]/@]*):([^:]*)", text)
    if match is None:
        raise _wrong(protocol, "it needs a host and a port")
    return match[1].strip("[]"), _port(protocol, match[2])


def _has_port(server: str) -> bool:
    return ":" in server.rpartition("]")[2]


def _port(protocol: Protocol, text: str) -> int:
    if not (text.isdecimal() and text.isascii() and 1 <= int(text) <= 65535):
        raise _wrong(protocol, "the port is not a number from 1 to 65535")
    return int(text)


def _options(protocol: Protocol, query: str, known: tuple[str, ...]) -> dict[str, str]:
    try:
        pairs = urllib.parse.parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
    except ValueError as error:
        raise _wrong(protocol, "what follows the ? is not NAME=VALUE&NAME=VALUE") from error
    for name, _ in pairs:
        if name not in known:
            choices = f"; there are {', '.join(known)}" if known else ""
            raise _wrong(protocol, f"it has no option {name[:20]!r}{choices}")
    return dict(pairs)


def _wrong(protocol: Protocol, reason: str) -> UsageError:
    return UsageError(f"--output {protocol}: {reason}; write for example {_EXAMPLES[protocol]}")


def _application(url: str) -> str:
    """Return the path of an RTMP address without its last part, which is the stream key."""
    return "/" + url.split("://", 1)[-1].partition("/")[2].rpartition("/")[0]


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
