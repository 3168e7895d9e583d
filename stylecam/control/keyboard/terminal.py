"""Plain keys typed into the terminal stylecam runs in."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator

from stylecam.control.actions import ACTIONS, Command

POLL_S = 0.2
_ESCAPES = re.compile(r"\x1b\[200~.*?\x1b\[201~|\x1b(?:\[[0-9;?]*[ -/]*[@-~]|O.|.)?", re.DOTALL)
"""Arrow and function keys, Alt with a letter, pasted text: none of them is meant for us."""


def command_for_key(key: str) -> Command | None:
    """What a plain key stands for, in the terminal and in the preview window; `=` is an unshifted plus."""
    if len(key) == 1 and key in "123456789":
        return Command.from_json("select", {"style": key})
    key = {"=": "+", "_": "-"}.get(key, key.lower())
    return next((Command(action.name) for action in ACTIONS.values() if action.key == key), None)


class TerminalKeys:
    """Reads single keys from standard input while it is a terminal, on a thread of its own."""

    def __init__(self, submit: Callable[[Command], None]) -> None:
        self._submit = submit
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> bool:
        """Start reading; False where standard input is no terminal."""
        if not sys.stdin or not sys.stdin.isatty() or not _in_foreground():
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
        with contextlib.suppress(EOFError, OSError), _single_keys() as read:  # until the terminal is hung up
            while not self._stop.is_set():
                for key in _ESCAPES.sub("", read()):
                    order = command_for_key(key)
                    if order is not None:
                        self._submit(order)
                if sys.platform == "win32" or not _in_foreground():  # neither can be waited on
                    self._stop.wait(POLL_S / 4)


def _in_foreground() -> bool:
    """False for a job in the background (`stylecam &`), which the system stops if it touches the terminal."""
    if sys.platform == "win32":
        return True
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:  # not our controlling terminal, so nobody minds
        return True


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
        if not _in_foreground():  # put there by the shell while running; the terminal is not ours now
            return ""
        try:
            if termios.tcgetattr(descriptor)[3] & termios.ICANON:  # the shell took it back for a while (Ctrl-Z, fg)
                tty.setcbreak(descriptor)
        except termios.error as error:
            raise EOFError from error
        ready, _, _ = select.select([descriptor], [], [], POLL_S)
        if not ready:
            return ""
        data = os.read(descriptor, 64)
        if not data:
            raise EOFError
        return data.decode("utf-8", "ignore")

    try:
        tty.setcbreak(descriptor)
        yield read_posix
    finally:
        with contextlib.suppress(termios.error):  # hung up meanwhile
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
