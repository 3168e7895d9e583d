"""What the user should know of a run: said once when it begins, and once when it is over."""

from __future__ import annotations

import queue
from collections.abc import Mapping
from concurrent.futures import Future

from stylecam.control.commands import CommandResult
from stylecam.utils.text import Say


class Notifications:
    """Says troubles as they come and go, and refusals of keys; `say` is called on the thread that calls `tell`.

    Attributes:
        notice: the trouble of this moment, or None.
    """

    def __init__(self, say: Say) -> None:
        self.notice: str | None = None
        self._say = say
        self._told: dict[str, str] = {}
        self._once: set[str] = set()
        self._waiting: queue.SimpleQueue[str] = queue.SimpleQueue()

    def note_refusal(self, ended: Future[CommandResult]) -> None:
        """Remember why an order was refused, to be told; from any thread."""
        if (error := ended.exception()) is not None:
            self._waiting.put(str(error) or type(error).__name__)

    def enqueue(self, message: str) -> None:
        """Remember `message`, to be told; from any thread."""
        self._waiting.put(message)

    def notify_once(self, message: str) -> bool:
        """Say `message`, unless it has been said before; True if it was said."""
        if message in self._once:
            return False
        self._once.add(message)
        self._say(message)
        return True

    def update(self, troubles: Mapping[str, str]) -> bool:
        """Say what is new in `troubles` (by whom they concern) and who is well again; True if anything changed."""
        while not self._waiting.empty():
            self._say(self._waiting.get())
        if troubles == self._told:
            return False
        for name, trouble in troubles.items():
            if name not in self._told:
                self._say(trouble)
        for name in self._told.keys() - troubles.keys():
            self._say(f"{name} is back")
        self._told = dict(troubles)
        self.notice = next(iter(troubles.values()), None)
        return True
