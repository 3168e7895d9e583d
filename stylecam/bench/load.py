"""Other programs that want the processor, for measuring beside them."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from types import TracebackType

_EATER = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.buffer.raw.read(), os._exit(0)), daemon=True).start()
while True:
    pass
"""
"""Keeps a core busy until its input ends: so it does not outlive who started it, however that one ended."""


class Load:
    """A context with `count` busy processes; none at first, and none once it is left."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.set(0)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._processes)

    def set(self, count: int) -> None:
        """Have so many."""
        while len(self._processes) > count:
            process = self._processes.pop()
            process.kill()
            assert process.stdin is not None
            with contextlib.suppress(OSError):
                process.stdin.close()
            process.wait()
        while len(self._processes) < count:
            command = [sys.executable, "-I", "-S", "-c", _EATER]
            self._processes.append(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )
