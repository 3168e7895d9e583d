"""Plain keys typed into the terminal stylecam runs in."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator

from stylecam.control.actions import ACTIONS, Order

POLL_S = 0.2


def order_for(key: str) -> Order | None:
    """What a plain key stands for, in the terminal and in the preview window; `=` is an unshifted plus."""
    if key.isdigit() and key != "0":
        return Order("select", key)
    key = {"=": "+", "_": "-"}.get(key, key.lower())
    return next((Order(action.name) for action in ACTIONS.values() if action.key == key), None)


class TerminalKeys:
    """Reads single keys from standard input while it is a terminal, on a thread of its own."""

    def __init__(self, submit: Callable[[Order], None]) -> None:
        self._submit = submit
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> bool:
        """Start reading; False where standard input is no terminal."""
        if not sys.stdin or not sys.stdin.isatty():
            return False
        self._thread = threading.Thread(target=self._read_all, name="stylecam-keys", daemon=True)
        self._thread.start()
        return True

    def stop(self) -> None:
        """Stop reading and give the terminal back as it was."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(1.0)

    def _read_all(self) -> None:
        with _single_keys() as read:
            while not self._stop.is_set():
                for key in read():
                    order = order_for(key)
                    if order is not None:
                        self._submit(order)
                if sys.platform == "win32":  # its console cannot be waited on
                    self._stop.wait(POLL_S / 4)


@contextlib.contextmanager
def _single_keys() -> Iterator[Callable[[], str]]:
    """Give keys without waiting for Enter; the terminal is restored afterwards."""
    if sys.platform == "win32":
        import msvcrt

        yield lambda: msvcrt.getwch() if msvcrt.kbhit() else ""
        return

    import select
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)

    def read_posix() -> str:
        ready, _, _ = select.select([descriptor], [], [], POLL_S)
        return os.read(descriptor, 64).decode("utf-8", "ignore") if ready else ""

    try:
        tty.setcbreak(descriptor)
        yield read_posix
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
