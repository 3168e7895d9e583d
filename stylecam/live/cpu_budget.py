"""Keep styling within a share of the computer's processor time, so that enough is left for the call."""

from __future__ import annotations

SAVED_S = 0.25
"""The most unused processor time that is saved for later, in seconds of the whole budget."""
OWED_S = 0.25
"""The most overspent time that is paid back, in seconds of the whole budget: loading a network spends much at once."""


class CpuBudget:
    """A token bucket of processor time, for the style thread.

    The governor chooses a rung that fits the budget. Where even the coarsest takes too much, `is_exceeded` says which
    frames are not painted; the picture before them stays.
    """

    def __init__(self, share: float, cores: int) -> None:
        """Allow `share` (0..1) of the processor time of all `cores`."""
        self.cores_allowed = share * cores
        self._saved_s = 0.0
        self._last: tuple[float, float] | None = None

    def frame_budget_ms(self, fps: float) -> float:
        """Return the processor time in ms, of all cores together, that one frame may take at `fps`."""
        return self.cores_allowed * 1000 / fps

    def is_exceeded(self, now: float, busy: float) -> bool:
        """Return whether further work must wait, given the time and the processor time used so far, in seconds."""
        if self._last is not None:
            earned = (now - self._last[0]) * self.cores_allowed
            saved = self._saved_s + earned - (busy - self._last[1])
            self._saved_s = min(SAVED_S * self.cores_allowed, max(-OWED_S * self.cores_allowed, saved))
        self._last = (now, busy)
        return self._saved_s < 0
