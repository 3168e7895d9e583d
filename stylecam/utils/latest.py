"""Newest-only hand-over between two threads."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """Holds at most one item: the newest.

    One thread puts, one takes. Nothing ever queues up, so a slow taker sees fresh items late rather than old ones.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._item: T | None = None
        self._closed = self._woken = False

    def put(self, item: T) -> bool:
        """Leave `item` for the taker; True if an item nobody took was replaced (a drop)."""
        with self._condition:
            replaced = self._item is not None
            self._item = item
            self._condition.notify()
        return replaced

    def take(self, timeout: float = 0.0) -> T | None:
        """Take the newest item, waiting up to `timeout` seconds; None if there is none, or the taker was woken."""
        with self._condition:
            if self._item is None and timeout > 0 and not self._closed and not self._woken:
                self._condition.wait(timeout)
            self._woken = False
            item, self._item = self._item, None
            return item

    def wake(self) -> None:
        """Have the taker return, with or without an item: at once if it waits, else from its next wait."""
        with self._condition:
            self._woken = True
            self._condition.notify_all()

    def close(self) -> None:
        """Wake whoever waits; later takes return at once."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
