"""The part of libsrt that a sender needs, through ctypes. PyAV's packages come without SRT."""

from __future__ import annotations

import ctypes
import ctypes.util
import shutil
import socket
import struct
import sys
from collections.abc import Callable
from enum import IntEnum
from functools import lru_cache
from typing import Any

from stylecam.errors import SinkUnavailableError

_LEAST_VERSION = 0x010400
"""1.4.0, from which on these numbers hold; Debian 11 has 1.4.2."""
_NAMES = {
    "linux": [f"libsrt{kind}.so.1.{minor}" for minor in (5, 4) for kind in ("", "-gnutls", "-openssl")],
    "darwin": ["libsrt.dylib", "/opt/homebrew/lib/libsrt.dylib", "/usr/local/lib/libsrt.dylib"],
    "win32": ["srt.dll", "libsrt.dll"],
}
_INSTALL = {
    "apt-get": "run: sudo apt install libsrt1.5-openssl",
    "dnf": "run: sudo dnf install srt-libs",
    "pacman": "run: sudo pacman -S srt",
    "brew": "run: brew install srt",
}
_ASYNC_SEND, _ASYNC_RECEIVE = 6001, 6002
"""Errors of a socket that does not block: there is no room, and nobody has called."""
_NO_REASON = 0


class SocketOption(IntEnum):
    """Options of a socket, with libsrt's numbers."""

    SEND_BLOCKS = 1
    RECEIVE_BLOCKS = 2
    LATENCY_MS = 23
    PASSPHRASE = 26
    CONNECT_TIMEOUT_MS = 36
    STREAM_ID = 46


class State(IntEnum):
    """The states of a socket that matter here; those above CONNECTED are its ends."""

    CONNECTING = 4
    CONNECTED = 5


class SrtError(OSError):
    """Something that libsrt refuses. The message is libsrt's own."""


class WouldBlockError(SrtError):
    """There is no room in the socket's buffer."""


class SrtSocket:
    """A socket that sends live MPEG-TS and never blocks. One thread uses it."""

    def __init__(self, number: int | None = None) -> None:
        """Make a new socket, or take the one that libsrt knows as `number`."""
        self._library = load_libsrt()
        self._number: int = self._call("srt_create_socket") if number is None else number
        self.set(SocketOption.SEND_BLOCKS, 0)
        self.set(SocketOption.RECEIVE_BLOCKS, 0)

    def set(self, option: SocketOption, value: int | str) -> None:
        """Set an option."""
        data = value.encode() if isinstance(value, str) else struct.pack("=i", value)
        self._call("srt_setsockflag", self._number, option.value, data, len(data))

    def listen(self, host: str, port: int, waiting: int) -> None:
        """Take calls at an address of this computer; so many may be waiting."""
        address = _resolve(host, port)
        self._call("srt_bind", self._number, address, len(address))
        self._call("srt_listen", self._number, waiting)

    def accept(self) -> SrtSocket | None:
        """Return the socket of the next caller, or None."""
        try:
            return SrtSocket(self._call("srt_accept", self._number, None, None))
        except WouldBlockError:
            return None

    def connect(self, host: str, port: int) -> None:
        """Begin to call; `state` then tells how it went."""
        address = _resolve(host, port)
        self._call("srt_connect", self._number, address, len(address))

    @property
    def state(self) -> int:
        """Its state, see `State`."""
        return int(self._library.srt_getsockstate(self._number))

    @property
    def reject_reason(self) -> str:
        """Why the other end has refused, in libsrt's words; empty if it has not."""
        reason = self._library.srt_getrejectreason(self._number)
        return "" if reason == _NO_REASON else bytes(self._library.srt_rejectreason_str(reason)).decode()

    def send(self, datagram: bytes) -> None:
        """Send one datagram.

        Raises:
            WouldBlockError: the other end takes less than is sent.
            SrtError: the connection is lost.
        """
        self._call("srt_send", self._number, datagram, len(datagram))

    def close(self) -> None:
        """Close it."""
        self._library.srt_close(self._number)

    def _call(self, function: str, *arguments: object) -> int:
        """Call libsrt, and raise its error. The error is kept by thread, so it must be asked for at once."""
        result = int(getattr(self._library, function)(*arguments))
        if result < 0:
            code = self._library.srt_getlasterror(None)
            message = bytes(self._library.srt_getlasterror_str()).decode(errors="replace")
            raise (WouldBlockError if code in (_ASYNC_SEND, _ASYNC_RECEIVE) else SrtError)(message)
        return result


@lru_cache(1)
def load_libsrt() -> Any:
    """Load libsrt once and start it.

    Raises:
        SinkUnavailableError: it is not installed, or is too old; the message says how to install it.
    """
    library = _find()
    if library is None:
        raise SinkUnavailableError(f"SRT needs the library libsrt, not found here; {_install_hint()}")
    version = library.srt_getversion()
    if version < _LEAST_VERSION:
        raise SinkUnavailableError(
            f"libsrt {version >> 16}.{version >> 8 & 255} is too old for SRT; install 1.4 or newer"
        )
    library.srt_getlasterror_str.restype = ctypes.c_char_p
    library.srt_rejectreason_str.restype = ctypes.c_char_p
    library.srt_setloglevel(0)  # only emergencies: what happens is told by the calls
    library.srt_startup()
    return library


def _find() -> Any:
    names: list[str | None] = [*_NAMES.get(sys.platform, ["libsrt.so"])]
    found: Callable[[str], str | None] = ctypes.util.find_library
    for name in [*names, found("srt"), found("srt-gnutls"), found("srt-openssl")]:
        if name is not None:
            try:
                return ctypes.CDLL(name)
            except OSError:
                continue
    return None


def _install_hint() -> str:
    hints = (hint for program, hint in _INSTALL.items() if shutil.which(program) is not None)
    return next(hints, "install libsrt 1.4 or newer") + ". Or use --output udp:HOST:PORT"


def _resolve(host: str, port: int) -> bytes:
    """Return a `sockaddr` of the system."""
    try:
        family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    except socket.gaierror as error:
        raise OSError(f"there is no host {host} ({error.strerror})") from error
    packed = socket.inet_pton(family, str(where[0]).partition("%")[0])
    if family == socket.AF_INET6:
        scope = where[3] if len(where) > 3 else 0
        rest = struct.pack("!HI", port, 0) + packed + struct.pack("=I", scope)
    else:
        rest = struct.pack("!H", port) + packed + bytes(8)
    if sys.platform == "darwin":  # BSD has the length before the family
        return struct.pack("=BB", 2 + len(rest), family) + rest
    return struct.pack("=H", family) + rest
