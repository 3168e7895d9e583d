"""Follow one node of PipeWire's graph with `pw-dump --monitor`: whether it exists and whether a program reads it."""

from __future__ import annotations

import json
import threading
from typing import Any

from stylecam.utils.process import ChildProcess

PROGRAM = "pw-dump"


class NodeMonitor:
    """Follows the node that has a property `key` with the value `value`.

    `pw-dump` uses no processor time while nothing changes. It prints each change as a JSON list, whose last line is a
    bracket. A node is `running` while a program takes its frames; one that is linked but paused is `idle`.

    Attributes:
        running: False once `pw-dump` has ended, most likely because PipeWire has.
        state: the node's state: `suspended`, `idle` or `running`; None while the node does not exist.
    """

    def __init__(self, key: str, value: str) -> None:
        """Start `pw-dump`.

        Raises:
            OSError: it cannot be started.
        """
        self._key, self._value = key, value
        self._lines: list[str] = []
        self._id: int | None = None
        self.state: str | None = None
        self._answered = False
        self.running = True
        self._changed = threading.Event()
        self._program = ChildProcess([PROGRAM, "--monitor"], self._parse)

    def wait_answered(self, timeout_s: float) -> bool:
        """Wait until PipeWire has answered, `pw-dump` ends or the time is over; return whether it has answered."""
        self._changed.wait(timeout_s)
        return self._answered

    def exit_reason(self) -> str:
        """See `ChildProcess.exit_reason`."""
        return self._program.exit_reason()

    def close(self) -> None:
        """End `pw-dump`."""
        self._program.close()

    def _parse(self, line: str) -> None:
        """Collect lines until a JSON list is complete. Called by the thread that reads the program's output."""
        if not line:
            self.running = False
            self._changed.set()
        if line.startswith("["):
            self._lines.clear()
        self._lines.append(line)
        if not line.startswith("]"):
            return
        try:
            changes = json.loads("".join(self._lines))
        except ValueError:  # a warning among the lines; the next change shows the state again
            return
        finally:
            self._lines.clear()
        for entry in changes:
            self._update(entry)
        self._answered = True
        self._changed.set()

    def _update(self, entry: dict[str, Any]) -> None:
        info = entry.get("info") or {}
        if (info.get("props") or {}).get(self._key) == self._value and "state" in info:
            self._id = entry.get("id")
        if self._id is None or entry.get("id") != self._id:
            return
        if not info:
            self._id = self.state = None
        else:
            self.state = info.get("state", self.state)
