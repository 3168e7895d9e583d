"""Choose the processing resolution (rung) of each frame.

The control law: style networks cost close to linear in pixels. So one running estimate of milliseconds per megapixel,
and one of the work that does not depend on the rung, predict the time of every rung. The governor takes the finest rung
that fits the budget. It steps down at once after a few late frames. It steps up only after a calm spell and with a
margin, and waits longer each time a step up turns out to have been a mistake, so the rung never hunts (see
`stylecam.stylize.step_backoff`).

Two things may run out: the time between two frames, and the share of the processor that the user allows, because other
programs need it as well. A step must fit both.

Detail (see `stylecam.stylize.postprocess.guided_upsample`) may cost as much as several rungs. A painting that is
enlarged more than `MAX_DETAIL_GROWTH` times gains more from a finer rung, so detail is added from there on: first
without and then with it.

Pure arithmetic on observed times: no threads, no clock, no frames.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf

from stylecam.media.frame import Size
from stylecam.stylize.step_backoff import StepBackoff

HEADROOM = 0.85
"""The share of the frame period that styling may use. The rest is for capture, publishing and the user's call."""
STEP_UP_MARGIN = 0.95
"""A finer step must be predicted to need no more than this share of the budget."""
START_MARGIN = 0.4
"""The first rung after a warm-up must be predicted to need no more than this share of the budget.

A warm-up runs alone, and what frames need beside the network is not known yet.
"""
JUMP_MARGIN = 0.8
"""After a calm spell the governor jumps to the finest step within this share of the budget, or takes the next finer."""
WIDE_MARGIN = 0.5
"""A finer step predicted within this share of the budget fits by a wide margin."""
FIRST_CALM_S = 1.0
"""Seconds of calm before the first change. It is short because the first rung was chosen with care."""
LATE_WINDOW = 12
"""The number of recent frames in which late ones are counted."""
LATE_TO_STEP_DOWN = 5
"""The number of late frames within `LATE_WINDOW` that makes the governor step down."""
LATE_TO_END_CALM = 2
"""The number of late frames within `LATE_WINDOW` that ends a calm spell. A single one happens on every desktop."""
OVER_TO_STEP_DOWN = 30
"""The number of frames in a row over the allowed processor time, on the average, that makes the governor step down."""
FIRST_MAX_WIDTH = 512
"""The rung of the first warm-up is at most this wide, in pixels, so that it is quick on any machine."""
SHOW_CHANGE_S = 3.0
"""For this many seconds `Decision.reason` tells why the rung changed, and after that what holds it."""
MAX_DETAIL_GROWTH = 3.5
"""Detail is added to a painting that is enlarged at most so many times to the output's sides."""
DETAIL_FADE = 0.005
"""With each frame without detail, its estimate comes by this share nearer to its least; halfway in five seconds.

What is not done is not measured. Without this, a time taken under load would hold detail back for ever.
"""
FRACTIONS = (0.08, 0.1, 0.125, 0.16, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 1.0)
"""The rungs of the ladder as shares of the output's sides."""
_ESTIMATE_WEIGHT = 0.12
"""The weight of one sample in the running estimates."""
COARSEST_FRACTION = 0.25
"""The ladder goes down to this share of the output's sides, or to `COARSEST_SIDE` if that is coarser."""
COARSEST_SIDE = 320
"""The longer side, in pixels, that the ladder of a large output goes down to, so that a small machine can hold 4K."""


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
        """Return the rung nearest to `fraction` of `size`, at least 64 pixels a side."""
        return cls(*(max(64, round(side * fraction / 8) * 8) for side in size))


def ladder(size: Size) -> tuple[Rung, ...]:
    """Return all rungs for an output of `size`, coarsest first, from a quarter (less for large ones) to the whole."""
    coarsest = min(COARSEST_FRACTION, COARSEST_SIDE / max(size))
    return tuple(sorted({Rung.at(size, fraction) for fraction in FRACTIONS if fraction >= coarsest}))


@dataclass(frozen=True, slots=True)
class Decision:
    """What the governor wants for the next frame.

    Attributes:
        rung: the processing size.
        predicted_ms: what a frame is predicted to take there, in milliseconds; None before anything was observed.
        reason: why, in one line.
        detail: whether to add the camera's detail at full size.
    """

    rung: Rung
    predicted_ms: float | None
    reason: str
    detail: bool = True


@dataclass(frozen=True, slots=True, order=True)
class _LadderStep:
    """A rung with or without detail; finer steps are greater."""

    rung: Rung
    detail: bool


class _Estimate:
    """An exponential average. A sample far above it counts as a little above it, because most of those are hiccups."""

    def __init__(self) -> None:
        self.value: float | None = None
        self._least = inf

    def add(self, sample: float) -> None:
        if self.value is None:
            self.value = sample
        else:
            self.value += _ESTIMATE_WEIGHT * (min(sample, 1.4 * self.value + 0.5) - self.value)
        self._least = min(self._least, self.value)

    def fade(self, share: float) -> None:
        """Bring the estimate by `share` nearer to the least that it has been."""
        if self.value is not None:
            self.value += share * (self._least - self.value)


class Governor:
    """Chooses the finest rung whose predicted time fits the frame budget, for one network on one engine.

    Call `observe` after each styled frame and `choose` before the next. While the session of the chosen rung is being
    built, frames of the old rung only update the estimates.
    """

    def __init__(
        self,
        rungs: tuple[Rung, ...],
        fps: float,
        busy_budget_ms: float = inf,
        held: Rung | None = None,
        *,
        output: Size | None = None,
    ) -> None:
        """Start with a rung that is quick to warm up.

        Args:
            rungs: the ladder, coarsest first, never empty. With a single rung only its detail is chosen.
            fps: the rate to hold.
            busy_budget_ms: how much processor time, of all cores together, a frame may take, in milliseconds.
            held: a rung that held before in the same conditions, of this ladder or another; None if none is known.
            output: the size to which paintings are enlarged; None for the finest rung's.
        """
        self._held = held
        coarsest = (output or rungs[-1].size).width / MAX_DETAIL_GROWTH
        detailed = tuple(rung for rung in rungs if rung.width >= coarsest) or rungs[-1:]
        plain = (rung for rung in rungs if rung <= detailed[0])
        self._steps = (*(_LadderStep(rung, False) for rung in plain), *(_LadderStep(rung, True) for rung in detailed))
        self._fixed_rung = len(rungs) == 1
        self._period_ms = 1000.0 / fps
        self._budget_ms = self._period_ms * HEADROOM
        self._busy_budget_ms = busy_budget_ms
        self._per_megapixel, self._fixed, self._detail = _Estimate(), _Estimate(), _Estimate()
        self._busy_per_megapixel, self._busy_fixed = _Estimate(), _Estimate()
        self._late: deque[bool] = deque(maxlen=LATE_WINDOW)
        self._over = 0
        self._calm_since: float | None = None
        self._backoff: StepBackoff[_LadderStep] = StepBackoff()
        first = max((rung for rung in rungs if rung.width <= FIRST_MAX_WIDTH), default=rungs[0])
        self._target = max(step for step in self._steps if step.rung == first)
        self._changed = False
        self._changed_at: float | None = None
        self._reason = "fixed" if self._fixed_rung else "starting"

    @property
    def budget_ms(self) -> float:
        """How long a frame may take to style, in milliseconds."""
        return self._budget_ms

    def predict(self, rung: Rung, detail: bool = True) -> float | None:
        """Predict the milliseconds of a frame at `rung`; None before anything was observed."""
        if self._per_megapixel.value is None:
            return None
        return self._predict_fixed(detail) + self._per_megapixel.value * rung.megapixels

    def predict_busy(self, rung: Rung, detail: bool = True) -> float:
        """Predict the milliseconds of processor time, of all cores together; 0 before anything was observed."""
        return self._predict_busy_fixed(detail) + (self._busy_per_megapixel.value or 0.0) * rung.megapixels

    def start(self, rung: Rung, network_ms: float) -> None:
        """Start from a warm-up at `rung` that took `network_ms`.

        The rung that held before is chosen at once if the warm-up does not rule it out, or else the finest that is
        predicted to fit with a wide margin.
        """
        self._per_megapixel.add(network_ms / rung.megapixels)
        held = self._held_step()
        if held is not None and self._share(held) <= 1:
            self._target = held
            self._explain("starting: where it held last time")
        else:
            self._target = self._finest_within(START_MARGIN)
            self._explain("starting: from the warm-up's time")

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
        """Take in one styled frame.

        Args:
            rung: the rung it was styled at.
            network_ms: time in the network, in milliseconds.
            fixed_ms: time in all other work except detail, in milliseconds.
            now: the time at its end, in seconds.
            detail_ms: time that adding detail took, in milliseconds; None if none was added.
            busy_ms: processor time of the whole program, in milliseconds: during the network, and otherwise since the
                frame before; None where it is not known.
        """
        self._per_megapixel.add(network_ms / rung.megapixels)
        self._fixed.add(fixed_ms)
        if detail_ms is None:
            self._detail.fade(DETAIL_FADE)
        elif fixed_ms > 0:
            self._detail.add(detail_ms / fixed_ms)
        if busy_ms is not None:
            self._busy_per_megapixel.add(busy_ms[0] / rung.megapixels)
            self._busy_fixed.add(max(0.0, busy_ms[1] - (detail_ms or 0.0)))
        if rung != self._target.rung:
            self._settle()  # this frame says nothing about the rung that is being built
            return
        self._late.append(network_ms + fixed_ms + (detail_ms or 0.0) > self._period_ms)
        self._over = self._over + 1 if self._busy_share(self._target) > 1 else 0
        self._look_back(network_ms / rung.megapixels, 0.0 if busy_ms is None else busy_ms[0] / rung.megapixels)
        finer, late_now = self._next_finer(), sum(self._late) >= LATE_TO_END_CALM
        fits = finer is not None and self._share(finer) <= STEP_UP_MARGIN
        self._backoff.observe(now, late=late_now, fits=fits)
        if late_now or not fits:
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = now

    def exclude(self, rung: Rung) -> None:
        """Never choose `rung` or a finer one again, because it cannot be built. The coarsest one always stays."""
        coarsest = self._steps[0].rung
        self._steps = tuple(step for step in self._steps if step.rung < rung or step.rung == coarsest)
        self._target = min(self._target, self._steps[-1])
        self._reason = f"{rung.width}x{rung.height} cannot be built"
        self._settle()

    def forget_recent(self) -> None:
        """Forget recent lateness and calm, because something passing caused them, for example a switch of networks."""
        self._settle()
        self._backoff.forget_recent()

    def choose(self, now: float) -> Decision:
        """Return the rung for a frame at time `now` (s)."""
        self._update(now)
        target = self._target
        return Decision(target.rung, self.predict(target.rung, target.detail), self._reason, target.detail)

    def _update(self, now: float) -> None:
        late = sum(self._late)
        if self._target == self._steps[0]:
            late = self._over = 0
        if late >= LATE_TO_STEP_DOWN:
            self._lower(now, f"{late} of the last {len(self._late)} frames were late")
        elif self._over >= OVER_TO_STEP_DOWN:
            share = self._busy_share(self._target)
            self._lower(now, f"{share:.0%} of the processor time allowed were used")
        elif (finer := self._next_finer()) is not None and self._may_raise(finer, now):
            self._raise(finer, now)
        else:
            self._hold(now)

    def _look_back(self, per_megapixel: float, busy_per_megapixel: float) -> None:
        """After a step down, judge the step that did not hold by what it would need if it cost what this frame did."""
        step = self._backoff.on_trial
        if step is None:
            return
        time = self._predict_fixed(step.detail) + per_megapixel * step.rung.megapixels
        busy = self._predict_busy_fixed(step.detail) + busy_per_megapixel * step.rung.megapixels
        self._backoff.judge(max(time / self._budget_ms, busy / self._busy_budget_ms))

    def _lower(self, now: float, why: str) -> None:
        self._backoff.stepped_down(self._target, now)
        below = [step for step in self._steps if step < self._target]
        self._target = min(below[-1], self._finest_within(1.0))
        self._changed, self._changed_at = True, now
        self._explain(f"down: {why}")
        self._settle()

    def _may_raise(self, finer: _LadderStep, now: float) -> bool:
        if self._calm_since is None:
            return False
        calm_s = now - self._calm_since
        if not self._changed:
            return calm_s >= FIRST_CALM_S
        return self._backoff.allows(finer, now, calm_s, wide=self._share(finer) <= WIDE_MARGIN)

    def _raise(self, finer: _LadderStep, now: float) -> None:
        """Step up to `finer`, the next, or jump further, but not to what failed lately."""
        failed = self._backoff.failed
        reachable = [step for step in self._steps if failed is None or step < failed]
        self._target = finer = max(finer, min(reachable[-1], self._finest_within(JUMP_MARGIN)) if reachable else finer)
        self._backoff.stepped_up(now)
        self._changed, self._changed_at = True, now
        self._explain(f"up: calm, predicted {self._needs(finer)}")
        self._settle()

    def _hold(self, now: float) -> None:
        """Keep the rung, and tell what holds it."""
        self._backoff.hold(self._target, now)
        if self._changed_at is None:
            self._changed_at = now
        if now - self._changed_at > SHOW_CHANGE_S:
            self._explain(self._what_holds(self._next_finer()))

    def _explain(self, reason: str) -> None:
        if not self._fixed_rung:
            self._reason = reason

    def _what_holds(self, finer: _LadderStep | None) -> str:
        if finer is None:
            return "holding: the finest"
        more = "detail" if finer.rung == self._target.rung else f"{finer.rung.width}x{finer.rung.height}"
        return f"holding: {more} would take {self._needs(finer)}"

    def _needs(self, step: _LadderStep) -> str:
        """Return how much `step` needs of what is scarcer: time or processor."""
        if self._busy_share(step) > self._time_share(step):
            return f"{self._busy_share(step):.0%} of the processor time allowed"
        return f"{self.predict(step.rung, step.detail) or 0.0:.1f} of {self._budget_ms:.1f} ms"

    def _settle(self) -> None:
        self._late.clear()
        self._over = 0
        self._calm_since = None

    def _next_finer(self) -> _LadderStep | None:
        return next((step for step in self._steps if step > self._target), None)

    def _held_step(self) -> _LadderStep | None:
        """Return the step no finer than the rung that held before, maybe without detail; None if none is known."""
        if self._held is None:
            return None
        area = self._held.megapixels
        finest = max((step.rung for step in self._steps if step.rung.megapixels <= area), default=None)
        return next((step for step in self._steps if step.rung == finest), None)

    def _finest_within(self, share: float) -> _LadderStep:
        """Return the finest step predicted to need no more than `share` of the budget, or the coarsest."""
        fitting = [step for step in self._steps if self._share(step) <= share]
        return fitting[-1] if fitting else self._steps[0]

    def _predict_fixed(self, detail: bool) -> float:
        return (self._fixed.value or 0.0) + self._predict_detail() * detail

    def _predict_busy_fixed(self, detail: bool) -> float:
        return (self._busy_fixed.value or 0.0) + self._predict_detail() * detail

    def _predict_detail(self) -> float:
        """Predict the milliseconds that adding detail takes.

        Another program's load slows it as it slows all other work on pictures of the full size, so it is known as a
        multiple of that, and taken for as much until it was measured.
        """
        return (self._fixed.value or 0.0) * (1.0 if self._detail.value is None else self._detail.value)

    def _share(self, step: _LadderStep) -> float:
        return max(self._time_share(step), self._busy_share(step))

    def _time_share(self, step: _LadderStep) -> float:
        return (self.predict(step.rung, step.detail) or 0.0) / self._budget_ms

    def _busy_share(self, step: _LadderStep) -> float:
        return self.predict_busy(step.rung, step.detail) / self._busy_budget_ms
