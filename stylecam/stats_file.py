"""The statistics file that a run writes while it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stylecam.files import write_json
from stylecam.news import Say


class StatsFile:
    """Holds the newest figures; where it cannot be written any more, that is said once and the run goes on."""

    def __init__(self, path: Path | None, say: Say, every_s: float = 1.0) -> None:
        """`path` None for no file; `every_s` is how far apart two writings are."""
        self._path = path
        self._say = say
        self._every_s = every_s
        self._written_at = float("-inf")
        self._failing = False

    def due(self, now: float) -> bool:
        """Whether it is time to write, at `now` (s)."""
        return self._path is not None and now - self._written_at >= self._every_s

    def write(self, report: dict[str, Any], now: float) -> None:
        """Write `report`, whole or not at all."""
        self._written_at = now
        if self._path is None:
            return
        try:
            write_json(self._path, report)
            self._failing = False
        except OSError as error:
            if not self._failing:
                self._say(f"--stats {self._path} cannot be written any more: {error.strerror or error}")
            self._failing = True
