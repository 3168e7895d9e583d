"""Report the progress of a long measurement."""

from __future__ import annotations

import threading
from collections.abc import Callable

ProgressCallback = Callable[[float, str], None]
"""Called with the share that is done, 0..1, and a line on the current step."""


class EvaluationStoppedError(Exception):
    """The user asked to stop; what is done so far is kept."""


def subrange(progress: ProgressCallback, start: float, share: float) -> ProgressCallback:
    """Return a callback for a part of the work that starts at `start` of the whole and is `share` of it."""
    return lambda done, what: progress(start + share * min(1.0, done), what)


class ProgressMeter:
    """Adds up work in any unit and stops when asked.

    Args:
        total: all of the work.
        progress: called after each piece, from the calling thread.
        stop: set it to stop after the current piece.
    """

    def __init__(self, total: float, progress: ProgressCallback, stop: threading.Event) -> None:
        self._total, self._progress, self._stop = max(total, 1e-9), progress, stop
        self._done = 0.0

    def add(self, work: float, what: str) -> None:
        """Count `work` as done.

        Raises:
            EvaluationStoppedError: `stop` is set.
        """
        self._done += work
        self._progress(min(1.0, self._done / self._total), what)
        if self._stop.is_set():
            raise EvaluationStoppedError
