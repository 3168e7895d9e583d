"""Where the server listens."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from stylecam.errors import UsageError

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Address:
    """A host to listen on, and a port; None for the first free one."""

    host: str = HOST
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `HOST`, `HOST:PORT`, `:PORT`, `[::1]:PORT`.

        Raises:
            UsageError: it is none of them.
        """
        match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\s:\[\]/]*)(?::(\d{1,5}))?", text.strip())
        port = int(match[2]) if match and match[2] else None
        if not match or not text.strip() or (port is not None and not 1 <= port <= 65535):
            raise UsageError(f"--listen {text[:60]!r} is not HOST[:PORT]; write 127.0.0.1:8765, or 0.0.0.0 for all")
        return cls(match[1].strip("[]") or HOST, port)

    @property
    def private(self) -> bool:
        """True if only programs of this machine can reach it."""
        ip = _ip(self.host)
        return ip.is_loopback if ip is not None else self.host.lower() == "localhost"

    @property
    def everywhere(self) -> bool:
        """True if it stands for every address of this machine."""
        ip = _ip(self.host)
        return ip is not None and ip.is_unspecified


def url(host: str, port: int) -> str:
    """The page's address for people on this machine."""
    ip = _ip(host)
    if ip is not None and ip.is_unspecified:
        host, ip = HOST, None
    return f"http://{f'[{host}]' if ip is not None and ip.version == 6 else host}:{port}/"


def is_ip(host: str) -> bool:
    """True for `192.0.2.7` and `::1`, False for names."""
    return _ip(host) is not None


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
