"""Call functions one after the other on a thread that the end of the process does not wait for."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any


class Worker:
    """A daemon thread with a queue; `concurrent.futures` would keep the process from ending while a call hangs.

    The thread starts with the first call.

    The functions handle their own errors. Any thread may call the methods.
    """

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[Callable[[], Any] | None] = queue.SimpleQueue()
        self._name = name
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def submit(self, function: Callable[[], Any]) -> None:
        """Have `function` called when those before it have returned; after `close` it is not called."""
        self._calls.put(function)
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def close(self, timeout_s: float) -> bool:
        """Let the calls end that were submitted before; return whether they have within `timeout_s`."""
        self._calls.put(None)
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (function := self._calls.get()) is not None:
            function()
