"""Keep findings of one run for the next, each with all that it depends on. A file that is damaged costs nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylecam.utils.files import write_json

MAX_ENTRIES = 24
"""The number of findings kept in a file."""

Key = Mapping[str, Any]
"""All that a finding depends on, as JSON holds it."""


@dataclass(frozen=True, slots=True)
class HintFile:
    """The findings in the JSON file `path`, the newest first."""

    path: Path

    def find(self, key: Key) -> Iterator[dict[str, Any]]:
        """Yield what was kept for `key`; nothing where the file is absent or damaged. Its values are not checked."""
        yield from (entry for entry in self._entries() if entry.get("for") == key)

    def keep(self, key: Key, finding: Mapping[str, Any]) -> None:
        """Write `finding` in place of an older one for `key`. Where that fails, the next run has to do without it."""
        others = [entry for entry in self._entries() if entry.get("for") != key]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.path, [{"for": key, **finding}, *others][:MAX_ENTRIES])
        except OSError:
            return

    def _entries(self) -> list[dict[str, Any]]:
        try:
            entries = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):  # ValueError: no JSON, or no text
            return []
        return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
