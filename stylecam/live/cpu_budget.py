"""The share of the computer's processor time that stylecam may use: the meeting program needs some too."""

from __future__ import annotations

SAVED_S = 0.25
"""The most processor time, as seconds of the whole budget, that is kept for a moment that needs more,"""
OWED_S = 0.25
"""and the most that is paid back after one: loading a network must not stop the picture for long."""


class CpuBudget:
    """An account of processor time: it fills as time passes, and painting draws on it.

    The governor sees to it that painting keeps within the budget by choosing a coarser size. Where even the
    coarsest takes too much, frames are let pass unpainted; this says which.
    """

    def __init__(self, share: float, cores: int) -> None:
        """`share` 0..1 of all `cores`."""
        self.cores_allowed = share * cores
        self._saved_s = 0.0
        self._last: tuple[float, float] | None = None

    def frame_budget_ms(self, fps: float) -> float:
        """Milliseconds of processor time, of all cores together, that a frame may take at `fps`."""
        return self.cores_allowed * 1000 / fps

    def is_exceeded(self, now: float, busy: float) -> bool:
        """Whether to wait with further work. `now` and `busy` (processor time used so far) are in seconds."""
        if self._last is not None:
            earned = (now - self._last[0]) * self.cores_allowed
            saved = self._saved_s + earned - (busy - self._last[1])
            self._saved_s = min(SAVED_S * self.cores_allowed, max(-OWED_S * self.cores_allowed, saved))
        self._last = (now, busy)
        return self._saved_s < 0
