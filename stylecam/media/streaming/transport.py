"""How the bytes of a stream reach their receivers: the contract, and UDP."""

from __future__ import annotations

import socket
import threading
from abc import ABC, abstractmethod
from typing import Any

from stylecam.media.streaming.address import StreamAddress
from stylecam.media.streaming.muxer import Container

DATAGRAM_BYTES = 1316
"""Seven packets of MPEG-TS, the most that fits into a datagram of every network."""
_BURST_DATAGRAMS = 16
_BURST_PAUSE_S = 0.001
"""After each burst, so that a key frame does not overflow the receiver's buffer: about 160 Mbit/s."""


class Transport(ABC):
    """Carries one stream to its receivers.

    The thread of the sink calls everything but `open`, `interrupt` and `receivers`. After `disconnect` it may connect
    again. Every `OSError` has a message for people, without secrets.

    Attributes:
        address: where it goes.
        container: what the receivers understand.
        receivers: how many receive now; None where that cannot be found out.
        needs_key: a receiver waits for a key frame; it gets nothing before.
        starts_with_frame: it can connect only when the first frame is there, which is then a part of the header.
    """

    container: Container = "mpegts"
    receivers: int | None = 0
    needs_key: bool = False
    starts_with_frame: bool = False

    def __init__(self, address: StreamAddress) -> None:
        self.address = address

    def open(self) -> None:  # noqa: B027 - most have nothing to do
        """Check what must be there before anything is sent, and start to listen. It does not wait for anyone.

        Raises:
            SinkUnavailableError: a library or program is missing, or the port cannot be used.
        """

    @abstractmethod
    def connect(self, header: bytes, stopping: threading.Event) -> None:
        """Reach the receiver, or find out where it is. `header` are the first bytes of the stream.

        Raises:
            OSError: it cannot be reached. Also when `stopping` was set meanwhile.
        """

    def poll(self) -> None:  # noqa: B027 - as above
        """Take note of receivers that have come or gone; called at least 20 times a second.

        Raises:
            OSError: the connection is lost.
        """

    @abstractmethod
    def send(self, data: bytes, key: bool) -> None:
        """Send the bytes of one frame; `key` tells that it is a key frame.

        Raises:
            OSError: the connection is lost.
        """

    @abstractmethod
    def disconnect(self) -> None:
        """Let all receivers go. It does not block."""

    def interrupt(self) -> None:  # noqa: B027 - as above
        """Make a call that hangs in another thread fail. Any thread may call it."""

    def close(self) -> None:
        """Release what `open` has taken."""
        self.disconnect()


class UdpTransport(Transport):
    """Sends datagrams to an address, which may be a multicast group. Whether anybody receives them is unknown."""

    receivers = None

    def __init__(self, address: StreamAddress) -> None:
        super().__init__(address)
        self._socket: socket.socket | None = None
        self._target: Any = None
        self._pause = threading.Event()

    def connect(self, header: bytes, stopping: threading.Event) -> None:
        """See `Transport.connect`; it looks the name up."""
        try:
            found = socket.getaddrinfo(self.address.host, self.address.port, type=socket.SOCK_DGRAM)
        except socket.gaierror as error:
            raise OSError(f"there is no host {self.address.host} ({error.strerror})") from error
        family, self._target = found[0][0], found[0][4]
        self._socket = socket.socket(family, socket.SOCK_DGRAM)

    def send(self, data: bytes, key: bool) -> None:
        """See `Transport.send`."""
        assert self._socket is not None
        for number, datagram in enumerate(datagrams(data), start=1):
            self._socket.sendto(datagram, self._target)
            if number % _BURST_DATAGRAMS == 0:
                self._pause.wait(_BURST_PAUSE_S)

    def disconnect(self) -> None:
        """See `Transport.disconnect`."""
        opened, self._socket = self._socket, None
        if opened is not None:
            opened.close()


def datagrams(data: bytes) -> list[bytes]:
    """Return MPEG-TS in pieces of at most `DATAGRAM_BYTES`."""
    return [data[at : at + DATAGRAM_BYTES] for at in range(0, len(data), DATAGRAM_BYTES)]
