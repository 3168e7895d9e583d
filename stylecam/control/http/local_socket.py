"""The Unix socket of a server: only programs of the same user reach it, whatever strangers do at the port.

It lies in the private runtime folder, and the system says whose program is at the other end, so no token is needed.
Windows has none, as Python cannot use them there; the port and the token serve instead.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_CONNECTIONS = 32
"""Programs of the user that are connected at once, such as `stylecam ctl`."""
BACKLOG = 128
_MAX_PATH_BYTES = 100
"""The longest address of a socket is 103 bytes on macOS, 107 on Linux."""
_LOCAL_PEERCRED, _XUCRED = 1, struct.Struct("=II")
"""macOS: the option that asks for the other end's user, and the start of its answer: version and user."""


def is_available() -> bool:
    """Return True if this system has Unix sockets that Python can use."""
    return sys.platform != "win32" and hasattr(socket, "AF_UNIX")


def listen(path: Path) -> socket.socket:
    """Return a listening socket at `path`, in a private folder; what an ended process has left there is replaced.

    Raises:
        OSError: it cannot be made there.
    """
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        with address(path) as short:
            listening.bind(short)
        path.chmod(0o600)
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def connect(path: Path, timeout_s: float) -> socket.socket:
    """Return a socket connected to the one at `path`.

    Raises:
        OSError: nobody listens there.
    """
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connected.settimeout(timeout_s)
    try:
        with address(path) as short:
            connected.connect(short)
    except OSError:
        connected.close()
        raise
    return connected


def is_local(connected: object) -> bool:
    """Return True if a transport's socket is a Unix socket."""
    return is_available() and getattr(connected, "family", None) == socket.AF_UNIX


def peer_is_user(connected: socket.socket) -> bool:
    """Return True if the program at the other end belongs to this user or to root, or the system does not tell."""
    try:
        if sys.platform == "linux":
            _, user, _ = struct.unpack("3i", connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        elif sys.platform == "darwin":
            _, user = _XUCRED.unpack(connected.getsockopt(0, _LOCAL_PEERCRED, _XUCRED.size))
        else:
            return True  # the folder's permissions have to do
    except OSError:
        return False
    return user in (0, os.getuid())


@contextlib.contextmanager
def address(path: Path) -> Iterator[str]:
    """Yield an address for `path` that is not too long for a socket, valid during the block.

    Raises:
        OSError: the system has no other name for it.
    """
    if len(os.fsencode(path)) <= _MAX_PATH_BYTES:
        yield str(path)
        return
    if sys.platform != "linux":
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), str(path))
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


class LocalConnection(http.client.HTTPConnection):
    """HTTP over the Unix socket at a path."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path, self._timeout_s = path, timeout_s

    def connect(self) -> None:
        """Connect; called by the first request."""
        self.sock = connect(self._path, self._timeout_s)
