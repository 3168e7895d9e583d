"""Read plain keys from the terminal that stylecam runs in."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator

from stylecam.control.command import Command
from stylecam.control.keyboard.bindings import HELP_KEYS, command_for_key

POLL_S = 0.2
_ESCAPES = re.compile(r"\x1b\[200~.*?\x1b\[201~|\x1b(?:\[[0-9;?]*[ -/]*[@-~]|O.|.)?", re.DOTALL)
"""The escape sequences of arrow keys, function keys, Alt with a letter and pasted text, which are ignored."""


class TerminalKeys:
    """Reads single keys from standard input on a thread of its own, if standard input is a terminal."""

    def __init__(self, submit: Callable[[Command], None], show_keys: Callable[[], None]) -> None:
        """Hand commands to `submit`, and call `show_keys` for `HELP_KEYS`; both on the thread that reads."""
        self._submit, self._show_keys = submit, show_keys
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> bool:
        """Start reading; return False if standard input is not a terminal in the foreground."""
        if not sys.stdin or not sys.stdin.isatty() or not _in_foreground():
            return False
        self._thread = threading.Thread(target=self._read_all, name="stylecam-keys", daemon=True)
        self._thread.start()
        return True

    def stop(self) -> None:
        """Stop reading and restore the terminal's settings."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(1.0)

    def _read_all(self) -> None:
        with contextlib.suppress(EOFError, OSError), _single_keys() as read:  # the terminal was closed
            while not self._stop.is_set():
                for key in _ESCAPES.sub("", read()):
                    command = command_for_key(key)
                    if command is not None:
                        self._submit(command)
                    elif key in HELP_KEYS:
                        self._show_keys()
                if sys.platform == "win32" or not _in_foreground():  # read() returns at once in both cases
                    self._stop.wait(POLL_S / 4)


def _in_foreground() -> bool:
    """Return False for a background job (`stylecam &`), which the system stops if it touches the terminal."""
    if sys.platform == "win32":
        return True
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:  # it is not our controlling terminal, so reading it does not stop us
        return True


@contextlib.contextmanager
def _single_keys() -> Iterator[Callable[[], str]]:
    """Yield a function that returns the keys typed so far, without waiting for Enter."""
    if sys.platform == "win32":
        import msvcrt

        yield lambda: msvcrt.getwch() if msvcrt.kbhit() else ""
        return

    import select
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    original = termios.tcgetattr(descriptor)

    def read_posix() -> str:
        if not _in_foreground():  # the shell has put us there while we ran
            return ""
        try:
            if termios.tcgetattr(descriptor)[3] & termios.ICANON:  # the shell has reset it (Ctrl-Z, then fg)
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
        with contextlib.suppress(termios.error):  # it was closed meanwhile
            termios.tcsetattr(descriptor, termios.TCSADRAIN, original)
