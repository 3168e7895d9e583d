"""The address that the server listens on, and how others reach it."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass

from stylecam.errors import UsageError

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Address:
    """A host to listen on, and a port; port None means the first free one."""

    host: str = HOST
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Address:
        """Parse `HOST`, `HOST:PORT`, `:PORT` or `[::1]:PORT`.

        Raises:
            UsageError: `text` is none of them.
        """
        match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\s:\[\]/]*)(?::(\d{1,5}))?", text.strip())
        port = int(match[2]) if match and match[2] else None
        if not match or not text.strip() or (port is not None and not 1 <= port <= 65535):
            raise UsageError(f"--listen {text[:60]!r} is not HOST[:PORT]; write 127.0.0.1:8765, or 0.0.0.0 for all")
        return cls(match[1].strip("[]") or HOST, port)

    @property
    def private(self) -> bool:
        """True if only programs on this computer can reach it."""
        ip = _ip(self.host)
        return ip.is_loopback if ip is not None else self.host.lower() == "localhost"


def url(host: str, port: int) -> str:
    """Return the page's address for a browser on this computer, if the server listens on `host`."""
    ip = _ip(host)
    if ip is not None and ip.is_unspecified:
        host = HOST if ip.version == 4 else "::1"  # a server on :: accepts IPv6 only
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def seen_from_outside(host: str) -> str | None:
    """Return this computer's address as others on the network see it, or None if it is unknown."""
    ip = _ip(host)
    if ip is None or not ip.is_unspecified:
        return host
    family, somewhere = (socket.AF_INET, "192.0.2.1") if ip.version == 4 else (socket.AF_INET6, "2001:db8::1")
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((somewhere, 9))  # sends nothing, but selects the network interface
            return str(probe.getsockname()[0])
    except OSError:
        return None


def is_ip(host: str) -> bool:
    """Return True for `192.0.2.7` and `::1`, False for host names."""
    return _ip(host) is not None


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
