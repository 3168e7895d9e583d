"""Streams over SRT: to all who call this computer, or to one server that this computer calls."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from stylecam.errors import SinkUnavailableError
from stylecam.media.streaming.address import StreamAddress
from stylecam.media.streaming.libsrt import SocketOption, SrtError, SrtSocket, State, WouldBlockError, load_libsrt
from stylecam.media.streaming.transport import Transport, datagrams

MAX_CLIENTS = 16
CONNECT_TIMEOUT_S = 5.0
_POLL_S = 0.02


@dataclass(slots=True)
class _Client:
    """One who receives, and whether it must wait for a key frame, because it is new or has missed something."""

    socket: SrtSocket
    waits_for_key: bool = True

    def send(self, pieces: list[bytes], key: bool) -> None:
        """Send a frame unless the client waits for a key frame; what does not fit into its buffer is left out."""
        if self.waits_for_key and not key:
            return
        self.waits_for_key = False
        try:
            for piece in pieces:
                self.socket.send(piece)
        except WouldBlockError:
            self.waits_for_key = True


class SrtListener(Transport):
    """Sends to everybody who calls, at most `MAX_CLIENTS` at a time. A slow client misses frames and delays nobody."""

    def __init__(self, address: StreamAddress) -> None:
        super().__init__(address)
        self._socket: SrtSocket | None = None
        self._clients: list[_Client] = []

    def open(self) -> None:
        """See `Transport.open`."""
        load_libsrt()
        self._socket = SrtSocket()
        try:
            _set_options(self._socket, self.address)
            self._socket.listen(self.address.host, self.address.port, MAX_CLIENTS)
        except OSError as error:
            self._socket.close()
            self._socket = None
            raise SinkUnavailableError(
                f"{self.address.name} cannot be opened: {error}; is the port in use? Choose another one"
            ) from error

    def connect(self, header: bytes, stopping: threading.Event) -> None:
        """See `Transport.connect`; there is nobody to reach."""

    def poll(self) -> None:
        """See `Transport.poll`."""
        assert self._socket is not None
        for client in [client for client in self._clients if client.socket.state != State.CONNECTED]:
            self._remove(client)
        while (caller := self._socket.accept()) is not None:
            if len(self._clients) < MAX_CLIENTS:
                self._clients.append(_Client(caller))
            else:
                caller.close()
        self.receivers = len(self._clients)
        self.needs_key = any(client.waits_for_key for client in self._clients)

    def send(self, data: bytes, key: bool) -> None:
        """See `Transport.send`."""
        pieces = datagrams(data)
        for client in list(self._clients):
            try:
                client.send(pieces, key)
            except SrtError:  # it has gone
                self._remove(client)
        self.receivers = len(self._clients)
        self.needs_key = any(client.waits_for_key for client in self._clients)

    def disconnect(self) -> None:
        """See `Transport.disconnect`."""
        for client in list(self._clients):
            self._remove(client)
        self.receivers = 0

    def close(self) -> None:
        """See `Transport.close`."""
        self.disconnect()
        listening, self._socket = self._socket, None
        if listening is not None:
            listening.close()

    def _remove(self, client: _Client) -> None:
        self._clients.remove(client)
        client.socket.close()


class SrtCaller(Transport):
    """Sends to one server, which it calls."""

    def __init__(self, address: StreamAddress) -> None:
        super().__init__(address)
        self._server: _Client | None = None

    def open(self) -> None:
        """See `Transport.open`."""
        load_libsrt()

    def connect(self, header: bytes, stopping: threading.Event) -> None:
        """See `Transport.connect`."""
        calling = SrtSocket()
        try:
            _set_options(calling, self.address)
            calling.set(SocketOption.CONNECT_TIMEOUT_MS, round(CONNECT_TIMEOUT_S * 1000))
            calling.connect(self.address.host, self.address.port)
            while (state := calling.state) <= State.CONNECTING:
                if stopping.wait(_POLL_S):
                    raise OSError("stopping")
            if state != State.CONNECTED:
                raise OSError(calling.reject_reason or f"no answer within {CONNECT_TIMEOUT_S:g} s")
        except BaseException:
            calling.close()
            raise
        self._server, self.receivers, self.needs_key = _Client(calling), 1, True

    def poll(self) -> None:
        """See `Transport.poll`."""
        assert self._server is not None
        if self._server.socket.state != State.CONNECTED:
            raise OSError("the server has closed the connection")

    def send(self, data: bytes, key: bool) -> None:
        """See `Transport.send`."""
        assert self._server is not None
        self._server.send(datagrams(data), key)
        self.needs_key = self._server.waits_for_key

    def disconnect(self) -> None:
        """See `Transport.disconnect`."""
        server, self._server, self.receivers = self._server, None, 0
        if server is not None:
            server.socket.close()


def _set_options(socket: SrtSocket, address: StreamAddress) -> None:
    socket.set(SocketOption.LATENCY_MS, address.latency_ms)
    if address.passphrase:
        socket.set(SocketOption.PASSPHRASE, address.passphrase)
    if address.stream_id:
        socket.set(SocketOption.STREAM_ID, address.stream_id)
