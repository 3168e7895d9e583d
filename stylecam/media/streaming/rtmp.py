"""Streams to an RTMP server, through a process of its own.

PyAV holds Python's global lock while it connects, so a server that does not answer would stop every thread.
"""

from __future__ import annotations

import os
import sys
import threading

from stylecam.media.streaming.address import StreamAddress
from stylecam.media.streaming.muxer import Container
from stylecam.media.streaming.rtmp_process import CONNECTED
from stylecam.media.streaming.transport import Transport
from stylecam.utils.process import ChildProcess

CONNECT_TIMEOUT_S = 10.0
"""How long the process may take to start and to reach the server."""
_REASON = "ERROR: "
"""Begins the line in which the process says why it ends."""


class RtmpTransport(Transport):
    """Sends FLV to one server."""

    container: Container = "flv"
    starts_with_frame = True

    def __init__(self, address: StreamAddress) -> None:
        super().__init__(address)
        self._lock = threading.Lock()
        self._process: ChildProcess | None = None
        self._answered, self._connected = threading.Event(), False

    def connect(self, header: bytes, stopping: threading.Event) -> None:
        """See `Transport.connect`."""
        self._answered.clear()
        self._connected = False
        command = [sys.executable, "-m", "stylecam.media.streaming.rtmp_process"]
        with self._lock:
            if stopping.is_set():
                raise OSError("stopping")
            self._process = ChildProcess(command, self._on_line, with_input=True)
        # The address goes through the pipe: a command line can be read by every user of the computer.
        self._write(self.address.url.encode() + b"\n" + header)
        if not self._answered.wait(CONNECT_TIMEOUT_S):
            raise OSError(f"no answer within {CONNECT_TIMEOUT_S:g} s")
        if not self._connected:
            raise self._lost()
        self.receivers, self.needs_key = 1, True

    def poll(self) -> None:
        """See `Transport.poll`."""
        if self._process is None or not self._process.running:
            raise self._lost()

    def send(self, data: bytes, key: bool) -> None:
        """See `Transport.send`."""
        self.needs_key = False
        self._write(data)

    def disconnect(self) -> None:
        """See `Transport.disconnect`."""
        self.receivers = 0
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.close()

    def interrupt(self) -> None:
        """See `Transport.interrupt`."""
        with self._lock:
            if self._process is not None:
                self._process.kill()
        self._answered.set()

    def close(self) -> None:
        """See `Transport.close`."""
        self.disconnect()

    def _on_line(self, line: str) -> None:
        """Take note of the process's first answer, or of its end. Called by the thread that reads its output."""
        self._connected = self._connected or line.strip() == CONNECTED
        if self._connected or not line:
            self._answered.set()

    def _write(self, data: bytes) -> None:
        assert self._process is not None
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._process.input.fileno(), rest) :]
        except (OSError, ValueError) as error:
            raise self._lost() from error

    def _lost(self) -> OSError:
        reason = "" if self._process is None else self._process.exit_reason()
        if not reason.startswith(_REASON):  # it was ended by its alarm, or by `interrupt`
            return OSError("the server does not answer")
        return OSError(self.address.redact(reason.removeprefix(_REASON)))
