"""How far a long piece of work has come."""

from __future__ import annotations

import threading
from collections.abc import Callable

ProgressCallback = Callable[[float, str], None]
"""Told of the share that is done, 0 to 1, and of what is being done."""


class EvaluationStoppedError(Exception):
    """The user wants no more; what is done so far is still good."""


class ProgressMeter:
    """Adds up work in any unit, and stops it where wanted.

    Args:
        total: all of the work.
        listener: told after each piece, from the calling thread.
        stop: set it to end after the current piece.
    """

    def __init__(self, total: float, listener: ProgressCallback, stop: threading.Event) -> None:
        self._total, self._listener, self._stop = max(total, 1e-9), listener, stop
        self._done = 0.0

    def add(self, work: float, what: str) -> None:
        """So much more is done.

        Raises:
            EvaluationStoppedError: nothing further is wanted.
        """
        self._done += work
        self._listener(min(1.0, self._done / self._total), what)
        if self._stop.is_set():
            raise EvaluationStoppedError
