"""Other programs that want the processor, for measuring beside them."""

from __future__ import annotations

import subprocess
import sys
from types import TracebackType

_EATER = """
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(100_000):
        pass
"""
"""Keeps a core busy until it is ended, or its parent is gone."""


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
            process.wait()
        while len(self._processes) < count:
            self._processes.append(subprocess.Popen([sys.executable, "-I", "-S", "-c", _EATER]))
