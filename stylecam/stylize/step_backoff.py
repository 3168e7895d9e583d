"""What to make of a finer step that was dared and did not hold: it was too fine, or another program came.

A step that is left soon after it was taken was a mistake. Whose, the frames after it tell: where the law, with what
they cost, would have foreseen that the step cannot hold, the machine has less to give now, and what they cost will also
tell when that is over. Such unrest only asks for a longer quiet, up to seconds, before anything is dared again. Where
the law would still promise that it holds, and it has not held before, the law is wrong about this step, and it is dared
less and less often.

Pure arithmetic on observed times: no threads, no clock, no frames.
"""

from __future__ import annotations

from statistics import median
from typing import Any, Generic, Protocol, TypeVar

CALM_S = 3.0
MISTAKE_WINDOW_S = 8.0
"""A step down this soon after a step up (or within the calm asked for, if that is longer) was a mistake,"""
FRAMES_TO_JUDGE = 15
"""which so many frames after it are asked about."""
MAX_RETRY_WAIT_S = 600.0
"""Each mistake of the law's doubles the calm asked for before that step and finer ones, up to this,"""
MAX_WIDE_RETRY_WAIT_S = 60.0
"""or this, where the step is predicted to fit with a wide margin: so wrong the law hardly is."""
MAX_LOAD_WAIT_S = 12.0
"""Each mistake that another program caused doubles the quiet asked for before all steps, up to this;"""
LOAD_WAIT_HALVES_AFTER_S = 60.0
"""so long without late frames halves it."""


class _Ordered(Protocol):
    def __ge__(self, other: Any, /) -> bool: ...


S = TypeVar("S", bound=_Ordered)


class StepBackoff(Generic[S]):
    """Remembers mistakes, and says when a step may be dared again; steps are ordered, finer ones are greater.

    Attributes:
        failed: the step about which the law was last found wrong; None while it is not.
        on_trial: the step that was left and is not judged yet.
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

    def raised(self, now: float) -> None:
        """A finer step was taken at `now` (s)."""
        self._raised_at, self.on_trial = now, None

    def fell(self, step: S, now: float) -> None:
        """`step` was left at `now` (s) for a coarser one."""
        soon = self._raised_at is not None and now - self._raised_at <= max(
            MISTAKE_WINDOW_S, self._load_wait_s, self._retry_wait_s
        )
        if soon or self.on_trial is not None:
            self.on_trial, self._raised_at = step, None  # one step up is one mistake, however far it leads down
        self.forget_recent()
        self._quiet_since = self._good_since = self._held = None

    def judge(self, share: float) -> None:
        """A frame since the fall: by its cost the step on trial would need `share` of what it may.

        Once there are enough to judge by, it is judged: more than 1, and the law would have foreseen the fall.
        """
        self._shares.append(share)
        if len(self._shares) == FRAMES_TO_JUDGE:
            if median(self._shares) > 1:
                self._unrest()
            elif self._proven is not None and self._proven >= self.on_trial:  # a load that has just gone again
                self._proven = None  # next time it is believed to be too fine, unless it has held by then
                self._unrest()
            else:
                self._doubt()

    def forget_recent(self) -> None:
        """Forget what frames cost since the fall: something known and passing was the cause."""
        self._shares.clear()

    def look(self, now: float, *, late: bool, fits: bool) -> None:
        """At a frame's end (`now`, in s): whether frames are `late` these days, and a finer step `fits`."""
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
        """`step` is held at `now` (s): what has held for a while is proven, and forgiven if it failed before."""
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
        """Whether `step` may be dared at `now` (s), after `calm_s` here; `wide` where it fits by a wide margin."""
        asked_s = CALM_S
        if self.failed is not None and step >= self.failed:
            asked_s = min(self._retry_wait_s, MAX_WIDE_RETRY_WAIT_S) if wide else self._retry_wait_s
        quiet_s = 0.0 if self._quiet_since is None else now - self._quiet_since
        return calm_s >= asked_s and quiet_s >= self._load_wait_s

    def _unrest(self) -> None:
        self._load_wait_s = min(MAX_LOAD_WAIT_S, self._load_wait_s * 2)
        self._retry_wait_s = max(
            CALM_S, self._retry_wait_s / 2
        )  # such falls may have been taken for the law's mistakes before
        self.on_trial = None

    def _doubt(self) -> None:
        self._retry_wait_s = min(MAX_RETRY_WAIT_S, self._retry_wait_s * 2)
        self.failed, self.on_trial = self.on_trial, None
