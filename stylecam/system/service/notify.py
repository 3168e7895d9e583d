"""What a service tells systemd: that it is ready, that it still works, that it stops. The protocol of sd_notify(3)."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping

FEED_SHARE = 0.25
"""The watchdog is fed this share of its time after the last feeding."""


class Notifier:
    """Sends datagrams to the service manager, if there is one; nothing it does can fail or block."""

    def __init__(self, address: str = "", watchdog_s: float | None = None) -> None:
        """`address` is a socket's path, or its abstract name with @ in front; empty for no manager."""
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog_s = watchdog_s
        self._words = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], pid: int) -> Notifier:
        """As the manager that started process `pid` said it wants to be told."""
        meant = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
        usec = environment.get("WATCHDOG_USEC", "")
        watchdog_s = int(usec) / 1e6 if meant and usec.isdecimal() and int(usec) > 0 else None
        return cls(environment.get("NOTIFY_SOCKET", ""), watchdog_s)

    @property
    def present(self) -> bool:
        """True if a manager has started this and wants to be told."""
        return bool(self._address)

    def ready(self) -> None:
        """Pictures flow."""
        self._send("READY=1")

    def alive(self) -> None:
        """They still do."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """It ends."""
        self._send("STOPPING=1")

    def tell(self, words: str) -> None:
        """One line for whoever asks for the status; told only when it is another."""
        if words != self._words:
            self._words = words
            self._send(f"STATUS={' '.join(words.split())}")

    def _send(self, message: str) -> None:
        if not self._address or not hasattr(socket, "AF_UNIX"):
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)  # a manager that does not read must not hold up the run
            sender.sendto(message.encode(), self._address)


class Watchdog:
    """Feeds the manager's watchdog as long as the publisher works: once it hangs, systemd starts stylecam again."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._beats = -1
        self._fed_at = float("-inf")

    def look(self, beats: int, now: float) -> None:
        """`beats` is how often the publisher has gone round; called several times a second."""
        limit_s = self._notifier.watchdog_s
        if limit_s is None or beats == self._beats:
            return
        self._beats = beats
        if now - self._fed_at >= FEED_SHARE * limit_s:
            self._fed_at = now
            self._notifier.alive()
