"""The resolution ladder and its control law.

Style networks cost close to linear in pixels, so one running estimate of milliseconds per megapixel (and one of the
work that does not depend on the rung) predicts every rung. Stepping down is immediate; stepping up waits for a calm
spell and a margin, and waits longer each time it turns out to have been a mistake, so the rung never hunts (see
`stylecam.stylize.step_backoff`).

Two things may run out: the time between two frames, and the share of the processor the user allows, which other
programs need as well. A step must fit both. Below the coarsest rung with detail (see
`stylecam.stylize.postprocess.guided_upsample`) lies one more step: the same without.

Pure arithmetic on observed times: no threads, no clock, no frames.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf

from stylecam.media.frame import Size
from stylecam.stylize.step_backoff import StepBackoff

HEADROOM = 0.85
"""Share of the frame period that styling may use; the rest is for capture, publishing and the user's call."""
STEP_UP_MARGIN = 0.95
"""A finer rung must be predicted within this share of the budget."""
START_MARGIN = 0.4
"""The same for the first rung: a warm-up runs alone, and what frames need beside the network is not known yet."""
JUMP_MARGIN = 0.8
"""After a calm spell the finest rung within this share is taken, or the next, whichever is finer."""
WIDE_MARGIN = 0.5
"""A finer rung within this share fits by a wide margin."""
FIRST_CALM_S = 1.0
"""Calm to wait for before the first change: where it began was chosen with care."""
LATE_WINDOW = 12
"""How many recent frames the lateness test looks at,"""
LATE_TO_STEP_DOWN = 5
"""and how many of them must be late to step down."""
LATE_TO_END_CALM = 2
"""Late frames among the recent ones that end a calm spell; a single one happens on every desktop."""
OVER_TO_STEP_DOWN = 30
"""Frames in a row that used more processor time than allowed, on the average, to step down."""
FIRST_MAX_WIDTH = 512
"""The rung the first warm-up is measured at is at most this wide, so that it is quick on any machine."""
SHOW_CHANGE_S = 3.0
"""For this long the reason for a change is told; then what holds the rung."""
DETAIL_FADE = 0.005
"""Share of detail's estimate that is forgotten with each frame without: half of it in five seconds.

What is not done is not measured; a time taken under load would otherwise hold detail back for ever.
"""
FRACTIONS = (0.08, 0.1, 0.125, 0.16, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 1.0)
COARSEST_FRACTION = 0.25
"""The share of the picture's size the ladder goes down to,"""
COARSEST_SIDE = 320
"""or, for large pictures, the longer side in pixels: 4K must be held by a small machine too."""


@dataclass(frozen=True, slots=True, order=True)
class Rung:
    """One processing size of the ladder, in pixels; both multiples of 8."""

    width: int
    height: int

    @property
    def megapixels(self) -> float:
        """Area in millions of pixels."""
        return self.width * self.height / 1e6

    @property
    def size(self) -> Size:
        """The rung as a picture size."""
        return Size(self.width, self.height)

    @classmethod
    def at(cls, size: Size, fraction: float) -> Rung:
        """The rung nearest to `fraction` of `size`, at least 64 pixels a side."""
        return cls(*(max(64, round(side * fraction / 8) * 8) for side in size))


def ladder(size: Size) -> tuple[Rung, ...]:
    """All rungs for an output of `size`, coarsest first, from a quarter of it (less for large ones) to the whole."""
    coarsest = min(COARSEST_FRACTION, COARSEST_SIDE / max(size))
    return tuple(sorted({Rung.at(size, fraction) for fraction in FRACTIONS if fraction >= coarsest}))


@dataclass(frozen=True, slots=True)
class Decision:
    """Which rung to use, what a frame is predicted to take there, why, and whether to add detail at full size."""

    rung: Rung
    predicted_ms: float | None
    reason: str
    detail: bool = True


@dataclass(frozen=True, slots=True, order=True)
class _Step:
    """A rung, with detail or without."""

    rung: Rung
    detail: bool


class _Estimate:
    """Exponential average; a sample far above it counts as little above it, for most are hiccups."""

    def __init__(self, weight: float = 0.12) -> None:
        self._weight = weight
        self.value: float | None = None

    def add(self, sample: float) -> None:
        if self.value is None:
            self.value = sample
        else:
            self.value += self._weight * (min(sample, 1.4 * self.value + 0.5) - self.value)

    def fade(self, share: float) -> None:
        if self.value is not None:
            self.value *= 1 - share


class Governor:
    """Chooses the finest rung whose predicted time fits the frame budget, for one network on one engine.

    Call `observe` after each styled frame and `choose` before the next. `choose` names the rung wanted; until its
    session is warm the caller goes on with the old one, and the governor, seeing frames of the old rung, waits.
    """

    def __init__(self, rungs: tuple[Rung, ...], fps: float, busy_budget_ms: float = inf) -> None:
        """`rungs` coarsest first, never empty; `fps` is the rate to hold.

        `busy_budget_ms` is how much processor time, of all cores together, a frame may take.
        """
        self._steps = (_Step(rungs[0], False), *(_Step(rung, True) for rung in rungs))
        self._fixed_rung = len(rungs) == 1
        self._period_ms = 1000.0 / fps
        self._budget_ms = self._period_ms * HEADROOM
        self._busy_budget_ms = busy_budget_ms
        self._per_megapixel, self._fixed, self._detail = _Estimate(), _Estimate(), _Estimate()
        self._busy_per_megapixel, self._busy_fixed = _Estimate(), _Estimate()
        self._late: deque[bool] = deque(maxlen=LATE_WINDOW)
        self._over = 0
        self._calm_since: float | None = None
        self._regret: StepBackoff[_Step] = StepBackoff()
        first = max((rung for rung in rungs if rung.width <= FIRST_MAX_WIDTH), default=rungs[0])
        self._wanted = _Step(first, True)
        self._changed = False
        self._changed_at: float | None = None
        self._reason = "fixed" if self._fixed_rung else "starting"

    @property
    def budget_ms(self) -> float:
        """Milliseconds a frame may take to style."""
        return self._budget_ms

    def predict(self, rung: Rung, detail: bool = True) -> float | None:
        """Predicted milliseconds for a frame at `rung`; None before anything was observed."""
        if self._per_megapixel.value is None:
            return None
        return self._finish(detail) + self._per_megapixel.value * rung.megapixels

    def predict_busy(self, rung: Rung, detail: bool = True) -> float:
        """Predicted milliseconds of processor time, of all cores together; 0 before anything was observed."""
        return self._busy_finish(detail) + (self._busy_per_megapixel.value or 0.0) * rung.megapixels

    def start(self, rung: Rung, network_ms: float) -> None:
        """Begin from a warm-up's measurement: the finest rung predicted to fit is wanted at once."""
        self._per_megapixel.add(network_ms / rung.megapixels)
        self._wanted = self._finest_within(START_MARGIN)
        if not self._fixed_rung:
            self._reason = "starting: from the warm-up's time"

    def observe(
        self,
        rung: Rung,
        network_ms: float,
        fixed_ms: float,
        now: float,
        *,
        detail_ms: float | None = None,
        busy_ms: tuple[float, float] | None = None,
    ) -> None:
        """Take in one frame: time in the network and in all else the stylist did, both in ms; `now` in s.

        `detail_ms` is what adding detail took, not counted in `fixed_ms`; None if none was added. `busy_ms` is the
        processor time used by the whole program, during the network and otherwise since the frame before; None where
        it is not known.
        """
        self._per_megapixel.add(network_ms / rung.megapixels)
        self._fixed.add(fixed_ms)
        if detail_ms is not None:
            self._detail.add(detail_ms)
        else:
            self._detail.fade(DETAIL_FADE)
        if busy_ms is not None:
            self._busy_per_megapixel.add(busy_ms[0] / rung.megapixels)
            self._busy_fixed.add(busy_ms[1])
        if rung != self._wanted.rung:
            self._settle()  # says nothing about the rung we are waiting for
            return
        self._late.append(network_ms + fixed_ms + (detail_ms or 0.0) > self._period_ms)
        self._over = self._over + 1 if self._busy_share(self._wanted) > 1 else 0
        self._look_back(network_ms / rung.megapixels, 0.0 if busy_ms is None else busy_ms[0] / rung.megapixels)
        finer, uneasy = self._next_finer(), sum(self._late) >= LATE_TO_END_CALM
        fits = finer is not None and self._share(finer) <= STEP_UP_MARGIN
        self._regret.look(now, late=uneasy, fits=fits)
        if uneasy or not fits:
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = now

    def exclude(self, rung: Rung) -> None:
        """Never want `rung` or a finer one again: it cannot be built. The coarsest one always stays."""
        self._steps = tuple(step for step in self._steps if step.rung < rung) or self._steps[:2]
        self._wanted = min(self._wanted, self._steps[-1])
        self._reason = f"{rung.width}x{rung.height} cannot be built"
        self._settle()

    def forget_recent(self) -> None:
        """Forget recent lateness and calm: they were another time's, or something known and passing caused them."""
        self._settle()
        self._regret.forget_recent()

    def choose(self, now: float) -> Decision:
        """The rung wanted at time `now` (s)."""
        self._step(now)
        wanted = self._wanted
        return Decision(wanted.rung, self.predict(wanted.rung, wanted.detail), self._reason, wanted.detail)

    def _step(self, now: float) -> None:
        late = sum(self._late)
        if self._wanted == self._steps[0]:
            late = self._over = 0
        if late >= LATE_TO_STEP_DOWN:
            self._lower(now, f"{late} of the last {len(self._late)} frames were late")
        elif self._over >= OVER_TO_STEP_DOWN:
            share = self._busy_share(self._wanted)
            self._lower(now, f"{share:.0%} of the processor time allowed were used")
        elif (finer := self._next_finer()) is not None and self._may_raise(finer, now):
            self._raise(finer, now)
        else:
            self._hold(now)

    def _look_back(self, per_megapixel: float, busy_per_megapixel: float) -> None:
        """After a step down: what the step that did not hold would need if all frames cost what this one did."""
        step = self._regret.on_trial
        if step is None:
            return
        time = self._finish(step.detail) + per_megapixel * step.rung.megapixels
        busy = self._busy_finish(step.detail) + busy_per_megapixel * step.rung.megapixels
        self._regret.judge(max(time / self._budget_ms, busy / self._busy_budget_ms))

    def _lower(self, now: float, why: str) -> None:
        self._regret.fell(self._wanted, now)
        below = [step for step in self._steps if step < self._wanted]
        self._wanted = min(below[-1], self._finest_within(1.0))
        self._changed, self._changed_at = True, now
        self._tell(f"down: {why}")
        self._settle()

    def _may_raise(self, finer: _Step, now: float) -> bool:
        if self._calm_since is None:
            return False
        calm_s = now - self._calm_since
        if not self._changed:
            return calm_s >= FIRST_CALM_S
        return self._regret.allows(finer, now, calm_s, wide=self._share(finer) <= WIDE_MARGIN)

    def _raise(self, finer: _Step, now: float) -> None:
        """To `finer`, the next, or as far beyond as it may leap: not to what failed lately."""
        failed = self._regret.failed
        leap = [step for step in self._steps if failed is None or step < failed]
        self._wanted = finer = max(finer, min(leap[-1], self._finest_within(JUMP_MARGIN)) if leap else finer)
        self._regret.raised(now)
        self._changed, self._changed_at = True, now
        self._tell(f"up: calm, predicted {self._needs(finer)}")
        self._settle()

    def _hold(self, now: float) -> None:
        """Nothing to change: say what holds this rung."""
        self._regret.hold(self._wanted, now)
        if self._changed_at is None:
            self._changed_at = now
        if now - self._changed_at > SHOW_CHANGE_S:
            self._tell(self._what_holds(self._next_finer()))

    def _tell(self, reason: str) -> None:
        if not self._fixed_rung:
            self._reason = reason

    def _what_holds(self, finer: _Step | None) -> str:
        if finer is None:
            return "holding: the finest"
        more = "detail" if not self._wanted.detail else f"{finer.rung.width}x{finer.rung.height}"
        return f"holding: {more} would take {self._needs(finer)}"

    def _needs(self, step: _Step) -> str:
        """What there is too little of for `step`, or nearly, and how much it needs."""
        if self._busy_share(step) > self._time_share(step):
            return f"{self._busy_share(step):.0%} of the processor time allowed"
        return f"{self.predict(step.rung, step.detail) or 0.0:.1f} of {self._budget_ms:.1f} ms"

    def _settle(self) -> None:
        self._late.clear()
        self._over = 0
        self._calm_since = None

    def _next_finer(self) -> _Step | None:
        return next((step for step in self._steps if step > self._wanted), None)

    def _finest_within(self, share: float) -> _Step:
        """The finest step that is predicted to need no more than `share` of what it may; else the coarsest."""
        fitting = [step for step in self._steps if self._share(step) <= share]
        return fitting[-1] if fitting else self._steps[0]

    def _finish(self, detail: bool) -> float:
        return (self._fixed.value or 0.0) + (self._detail.value or 0.0) * detail

    def _busy_finish(self, detail: bool) -> float:
        saved = 0.0 if detail else self._detail.value or 0.0  # its own thread's part, at the least
        return max(0.0, (self._busy_fixed.value or 0.0) - saved)

    def _share(self, step: _Step) -> float:
        return max(self._time_share(step), self._busy_share(step))

    def _time_share(self, step: _Step) -> float:
        return (self.predict(step.rung, step.detail) or 0.0) / self._budget_ms

    def _busy_share(self, step: _Step) -> float:
        return self.predict_busy(step.rung, step.detail) / self._busy_budget_ms
