"""Tells systemd that the service is ready, still works, or stops. The protocol is that of sd_notify(3)."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping

FEED_SHARE = 0.25
"""Share of the watchdog's time limit between two reports."""


class Notifier:
    """Sends datagrams to the service manager, if there is one. No method fails or blocks."""

    def __init__(self, address: str = "", watchdog_s: float | None = None) -> None:
        """`address` is a socket's path, or its abstract name after an @; empty for no manager.

        `watchdog_s` is the watchdog's time limit in seconds; None for no watchdog.
        """
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog_s = watchdog_s
        self._status = ""
        self._cycles = -1
        self._fed_at = float("-inf")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], pid: int) -> Notifier:
        """Return the notifier that the manager which started process `pid` asks for."""
        for_this_process = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
        usec = environment.get("WATCHDOG_USEC", "")
        watchdog_s = int(usec) / 1e6 if for_this_process and usec.isdecimal() and int(usec) > 0 else None
        return cls(environment.get("NOTIFY_SOCKET", ""), watchdog_s)

    @property
    def connected(self) -> bool:
        """True if a manager started this program and listens."""
        return bool(self._address)

    def ready(self) -> None:
        """Report that frames are published."""
        self._send("READY=1")

    def feed_watchdog(self, cycles: int, now: float) -> None:
        """Report that the publisher works, if it does and a report is due; if it hangs, systemd restarts stylecam.

        `cycles` counts the publisher's rounds, `now` is in seconds. Called several times a second.
        """
        if self.watchdog_s is None or cycles == self._cycles:
            return
        self._cycles = cycles
        if now - self._fed_at >= FEED_SHARE * self.watchdog_s:
            self._fed_at = now
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Report that the program ends."""
        self._send("STOPPING=1")

    def set_status(self, text: str) -> None:
        """Set the line that `systemctl status` shows. The same text is sent only once."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={' '.join(text.split())}")

    def _send(self, message: str) -> None:
        if not self._address or not hasattr(socket, "AF_UNIX"):
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)  # a manager that does not read must not block the camera
            sender.sendto(message.encode(), self._address)
