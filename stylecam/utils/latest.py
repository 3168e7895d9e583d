"""Hand the newest item from one thread to another, without a queue."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """Holds at most one item: the newest.

    One thread puts, another takes. Nothing queues up, so a slow taker gets the newest item rather than old ones.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._item: T | None = None
        self._closed = self._woken = False

    def put(self, item: T) -> bool:
        """Store `item`; return True if it replaced an item that was never taken (a drop)."""
        with self._condition:
            replaced = self._item is not None
            self._item = item
            self._condition.notify()
        return replaced

    def take(self, timeout: float = 0.0) -> T | None:
        """Take the newest item; wait up to `timeout` seconds for one. Returns None without an item, or after `wake`."""
        with self._condition:
            if self._item is None and timeout > 0 and not self._closed and not self._woken:
                self._condition.wait(timeout)
            self._woken = False
            item, self._item = self._item, None
            return item

    def wake(self) -> None:
        """Make the taker return with or without an item: at once if it is waiting, else from its next wait."""
        with self._condition:
            self._woken = True
            self._condition.notify_all()

    def close(self) -> None:
        """Wake the taker; later calls of `take` do not wait."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
