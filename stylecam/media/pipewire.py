"""One node of PipeWire's graph, followed through `pw-dump --monitor`: is it there, and does anybody read it."""

from __future__ import annotations

import json
import threading
from typing import Any

from stylecam.utils.process import ChildProcess

PROGRAM = "pw-dump"


class NodeMonitor:
    """Follows the node that carries the property `key` with `value`.

    `pw-dump` costs nothing while nothing changes, and prints each change as a JSON list whose last line is a bracket.
    A node is `running` while somebody takes its frames; one that is only linked, and paused, is `idle`.
    """

    def __init__(self, key: str, value: str) -> None:
        """Raises OSError if `pw-dump` cannot be started."""
        self._key, self._value = key, value
        self._lines: list[str] = []
        self._id: int | None = None
        self._state: str | None = None
        self._told = self._ended = False
        self._news = threading.Event()
        self._program = ChildProcess([PROGRAM, "--monitor"], self._hear)

    @property
    def running(self) -> bool:
        """False once `pw-dump` has ended: PipeWire has gone, most likely."""
        return not self._ended

    @property
    def state(self) -> str | None:
        """What the node does: suspended, idle, running; None while there is no such node."""
        return self._state

    def answered(self, seconds: float) -> bool:
        """Whether PipeWire has told what there is; waits for it up to `seconds`, or until `pw-dump` ends."""
        self._news.wait(seconds)
        return self._told

    def exit_reason(self) -> str:
        """See `ChildProcess.exit_reason`."""
        return self._program.exit_reason()

    def close(self) -> None:
        """Follow it no longer."""
        self._program.close()

    def _hear(self, line: str) -> None:
        """In the thread that listens."""
        if not line:
            self._ended = True
            self._news.set()
        if line.startswith("["):
            self._lines.clear()
        self._lines.append(line)
        if not line.startswith("]"):
            return
        try:
            changed = json.loads("".join(self._lines))
        except ValueError:  # a word of warning between the lines: the next change tells again
            return
        finally:
            self._lines.clear()
        for entry in changed:
            self._note(entry)
        self._told = True
        self._news.set()

    def _note(self, entry: dict[str, Any]) -> None:
        info = entry.get("info") or {}
        if (info.get("props") or {}).get(self._key) == self._value and "state" in info:
            self._id = entry.get("id")
        if self._id is None or entry.get("id") != self._id:
            return
        if not info:
            self._id = self._state = None
        else:
            self._state = info.get("state", self._state)
