"""Judge a step up that did not hold, and decide when a step may be tried again.

A step that is left soon after it was taken was a mistake, of one of two kinds. The frames after it tell which:

- **A load came.** With what those frames cost, the control law would have predicted that the step cannot hold. The
  machine has less to give now, and the cost of frames will also show when that is over. Such a mistake only requires a
  longer time without late frames, up to seconds, before any step up.
- **The law is wrong about the step.** With what those frames cost, it would still predict that the step holds, and the
  step has not held before. This step and finer ones are tried less and less often.
"""

from __future__ import annotations

from statistics import median
from typing import Any, Generic, Protocol, TypeVar

CALM_S = 3.0
"""Seconds of calm before a step up, and the least calm that either kind of mistake requires."""
MISTAKE_WINDOW_S = 8.0
"""A step down within this many seconds of a step up, or within the present waits if they are longer, is a mistake."""
FRAMES_TO_JUDGE = 15
"""The number of frames after a mistake by whose cost its kind is judged."""
MAX_RETRY_WAIT_S = 600.0
"""The calm required before a step about which the law is wrong doubles with each mistake, up to this many seconds."""
MAX_WIDE_RETRY_WAIT_S = 60.0
"""The same limit for a step predicted to fit by a wide margin, because the law is hardly ever so wrong."""
MAX_LOAD_WAIT_S = 12.0
"""The time without late frames required before any step up doubles with each load, up to this many seconds."""
LOAD_WAIT_HALVES_AFTER_S = 60.0
"""The time required because of loads is halved after this many seconds without late frames."""


class _Ordered(Protocol):
    def __ge__(self, other: Any, /) -> bool: ...


S = TypeVar("S", bound=_Ordered)


class StepBackoff(Generic[S]):
    """Remembers mistakes and tells when a step may be tried again. Steps are ordered; finer ones are greater.

    Attributes:
        failed: the step about which the law was last found wrong; None if there is none.
        on_trial: the step that was left and is not judged yet; None if there is none.
    """

    def __init__(self) -> None:
        self.failed: S | None = None
        self.on_trial: S | None = None
        self._retry_wait_s = self._load_wait_s = CALM_S
        self._raised_at: float | None = None
        self._held: S | None = None
        self._held_since = 0.0
        self._proven: S | None = None
        self._quiet_since: float | None = None
        self._good_since: float | None = None
        self._shares: list[float] = []

    def stepped_up(self, now: float) -> None:
        """Note that a finer step was taken at `now` (s)."""
        self._raised_at, self.on_trial = now, None

    def stepped_down(self, step: S, now: float) -> None:
        """Note that `step` was left at `now` (s) for a coarser one."""
        soon = self._raised_at is not None and now - self._raised_at <= max(
            MISTAKE_WINDOW_S, self._load_wait_s, self._retry_wait_s
        )
        if soon or self.on_trial is not None:
            self.on_trial, self._raised_at = step, None  # one step up is one mistake, however far it leads down
        self.forget_recent()
        self._quiet_since = self._good_since = self._held = None

    def judge(self, share: float) -> None:
        """Take in a frame after the step down: by its cost the step on trial would need `share` of the budget.

        After `FRAMES_TO_JUDGE` frames the step is judged. If most shares are above 1, a load came.
        """
        self._shares.append(share)
        if len(self._shares) == FRAMES_TO_JUDGE:
            if median(self._shares) > 1:
                self._count_load()
            elif self._proven is not None and self._proven >= self.on_trial:  # a load that has just ended
                self._proven = None  # the next mistake counts as the law's, unless the step has held by then
                self._count_load()
            else:
                self._count_law_error()

    def forget_recent(self) -> None:
        """Forget what frames cost since the step down, because something passing was the cause."""
        self._shares.clear()

    def observe(self, now: float, *, late: bool, fits: bool) -> None:
        """Take in at a frame's end (`now`, in s) whether recent frames were `late` and whether a finer step `fits`."""
        if late or not fits:
            self._quiet_since = None
        elif self._quiet_since is None:
            self._quiet_since = now
        if late:
            self._good_since = None
        elif self._good_since is None:
            self._good_since = now
        elif now - self._good_since >= LOAD_WAIT_HALVES_AFTER_S:
            self._load_wait_s, self._good_since = max(CALM_S, self._load_wait_s / 2), now

    def hold(self, step: S, now: float) -> None:
        """Note that `step` holds at `now` (s). What holds for a while is proven, and no longer counts as failed."""
        mark = self.failed if self.failed is not None and step >= self.failed else step
        if self._held is None or (mark != step and not self._held >= mark):
            self._held, self._held_since = mark, now
        elif now - self._held_since > max(MISTAKE_WINDOW_S, self._retry_wait_s):
            if self._proven is None or self._held >= self._proven:
                self._proven = self._held
            if self.failed is not None and self._held >= self.failed:
                self.failed, self._retry_wait_s = None, CALM_S
            self._held, self._held_since = step, now

    def allows(self, step: S, now: float, calm_s: float, *, wide: bool) -> bool:
        """Tell whether `step` may be tried at `now` (s) after `calm_s` of calm; `wide`: it fits by a wide margin."""
        required_s = CALM_S
        if self.failed is not None and step >= self.failed:
            required_s = min(self._retry_wait_s, MAX_WIDE_RETRY_WAIT_S) if wide else self._retry_wait_s
        quiet_s = 0.0 if self._quiet_since is None else now - self._quiet_since
        return calm_s >= required_s and quiet_s >= self._load_wait_s

    def _count_load(self) -> None:
        self._load_wait_s = min(MAX_LOAD_WAIT_S, self._load_wait_s * 2)
        self._retry_wait_s = max(
            CALM_S, self._retry_wait_s / 2
        )  # such falls may have been taken for the law's mistakes before
        self.on_trial = None

    def _count_law_error(self) -> None:
        self._retry_wait_s = min(MAX_RETRY_WAIT_S, self._retry_wait_s * 2)
        self.failed, self.on_trial = self.on_trial, None
