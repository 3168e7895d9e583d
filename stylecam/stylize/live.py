"""The stylist: a camera frame in, a painted frame of the output's size out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stylecam.errors import EngineError, EngineRunError
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.transforms import pad_by_reflection
from stylecam.models.catalog import StyleMix
from stylecam.models.model import Model
from stylecam.stylize.governor import Decision, Governor, Rung, ladder
from stylecam.stylize.look import Look
from stylecam.stylize.postprocess.chain import FrameView, Postprocessor
from stylecam.stylize.postprocess.change_detection import ChangeDetector
from stylecam.stylize.postprocess.transition import Transition, TransitionStep
from stylecam.stylize.session_pool import SessionPool, WarmSession
from stylecam.utils.clock import Clock
from stylecam.utils.metrics import StageTimes

PADDING = 8
"""Pixels of reflected picture around a network's input: what networks paint at their border is cropped away."""
PREFETCHED_NETWORKS = 4
"""For how many other networks a session is kept warm, so that a switch to them does not wait;"""
ADJACENT_NETWORKS = 2
"""for so many also where they leave no room for other things: the next and the previous one."""
PREFETCH_EVERY_S = 0.5
MAX_FAILURES = 3
"""Failed runs in a row after which a network is not tried again."""

FaultReport = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class StylizeResult:
    """What the stylist did last, for the statistics.

    Attributes:
        stylized: a painting was shown, not the camera picture.
        reused: it was the one before, for nothing had moved.
        rung: the size it was painted at.
        detail: the camera's detail was added at full size.
        decision: what the governor wants next.
    """

    stylized: bool
    rung: Rung | None = None
    decision: Decision | None = None
    reused: bool = False
    detail: bool = False


@dataclass(frozen=True, slots=True)
class _Recipe:
    """All that a picture depends on beside what the camera sees."""

    state: Look
    step: TransitionStep
    network: str
    rung: Rung
    detail: bool


class FrameStylizer:
    """Paints frames with the style of a `Look`, as finely as the governor allows.

    Used by one thread. It never waits for a session: until one is warm it goes on with the one it has, and before the
    first it shows the camera picture. While nothing moves and nothing is changed, the last painting stays.
    """

    def __init__(
        self,
        pool: SessionPool,
        size: Size,
        fps: float,
        clock: Clock,
        report: FaultReport,
        models: Sequence[Model] = (),
        *,
        busy_budget_ms: float = math.inf,
    ) -> None:
        """`size` is the output's; `fps` the rate to hold; `models` are kept warm as far as `PREFETCHED_NETWORKS` goes.

        `report(kind, message)` is told once of each network that cannot be run. `busy_budget_ms` is the processor time,
        of all cores together, that a frame may take.
        """
        self._pool = pool
        self._size = size
        self._fps = fps
        self._clock = clock
        self._report = report
        self._models = list(models)
        self._busy_budget_ms = busy_budget_ms
        self._governors: dict[tuple[str, float | None], Governor] = {}
        self._active: dict[str, WarmSession] = {}
        self._failures: dict[str, int] = {}
        self.stages = StageTimes(clock)
        self._morph = Transition(1 / fps)
        self._stillness = ChangeDetector()
        self._postprocessor = Postprocessor(size, self.stages)
        self._current: StyleMix | None = None
        self._last: Image | None = None
        self._made_with: _Recipe | None = None
        self._busy_at: float | None = None
        self._tended_at = float("-inf")
        self.result = StylizeResult(False)

    def prepare(self, state: Look) -> None:
        """Warm the first session, in the calling thread, so that painting starts with the first frame.

        Raises:
            EngineError: the first style's network cannot be run.
        """
        if state.mix is None:
            return
        model, now = state.mix.model, self._clock.now()
        governor = self._governor(model, state.scale)
        first = governor.choose(now).rung
        self._active[model.key] = warm = self._pool.build(model, first)
        governor.start(first, warm.milliseconds)
        if governor.choose(now).rung == first:
            return
        try:
            self._active[model.key] = self._pool.build(model, governor.choose(now).rung)
        except EngineError as error:
            governor.exclude(governor.choose(now).rung)
            self._report("engine", str(error))

    def stylize(self, frame: Frame, state: Look) -> Frame:
        """Paint `frame` (any size) for `state`; the result has the output's size and the frame's index and times.

        Where no network can be run, it is the camera picture, and `report` was told why.
        """
        started = self._clock.now()
        view = FrameView(frame.image, self._size, state.mirror)
        self._tend(started, state)
        mix, warm = self._mix_and_session(state, started) if state.paints else (None, None)
        shown = None
        if mix is not None and warm is not None:
            shown = self._painting(mix, warm, view, frame, state, started)
        if shown is None:
            self._morph.reset()
            self._postprocessor.reset()
            self._current = self._made_with = self._busy_at = None
            self.result = StylizeResult(False)
            shown = np.ascontiguousarray(view.at(self._size))
        self._last = shown
        return Frame(shown, frame.index, frame.captured_at)

    def _painting(
        self, mix: StyleMix, warm: WarmSession, view: FrameView, frame: Frame, state: Look, started: float
    ) -> Image | None:
        """The picture to show: a new painting, or the last one while nothing moves; None if the network failed."""
        governor = self._governor(mix.model, state.scale)
        step = self._morph.toward(mix, frame.captured_at)
        recipe = _Recipe(state, step, mix.model.key, warm.rung, governor.choose(started).detail)
        with self.stages.time("fit"):
            small = view.at(warm.rung.size)
            unmoved = self._stillness.unchanged(small)
        if unmoved and recipe == self._made_with and self._last is not None:
            self._busy_at = None
            self.result = replace(self.result, decision=governor.choose(started), reused=True)
            return self._last
        busy = self._clock.process_time()
        try:
            with self.stages.time("network") as network:
                painted = warm.session.stylize(pad_by_reflection(small, PADDING), step.weights)
        except EngineRunError as error:
            self._failed(mix.model, warm, error)
            return None
        busy_in_network = self._clock.process_time() - busy
        self._failures.pop(mix.model.key, None)
        finished = self._postprocessor.apply(
            painted[PADDING:-PADDING, PADDING:-PADDING],
            view,
            step,
            self._last,
            look=state,
            detail=recipe.detail,
        )
        now = self._clock.now()
        fixed_ms = (now - started) * 1000 - network.milliseconds - (finished.detail_ms or 0.0)
        governor.observe(
            warm.rung,
            network.milliseconds,
            fixed_ms,
            now,
            detail_ms=finished.detail_ms,
            busy_ms=self._busy_ms(busy_in_network),
        )
        if self._pool.building:
            governor.forget_recent()
        self._made_with = recipe
        self.result = StylizeResult(True, warm.rung, governor.choose(now), detail=finished.detail_ms is not None)
        return finished.image

    def _busy_ms(self, in_network: float) -> tuple[float, float] | None:
        """Processor time in the network, and otherwise since the painting before; None where there was none before.

        A warm-up beside it says nothing about frames.
        """
        before, self._busy_at = self._busy_at, self._clock.process_time()
        if before is None or self._pool.building:
            return None
        return in_network * 1000, max(0.0, self._busy_at - before - in_network) * 1000

    def _failed(self, model: Model, warm: WarmSession, error: EngineRunError) -> None:
        """Count a failed run; after a few in a row this network is not tried again."""
        self._report("engine", str(error))
        self._failures[model.key] = self._failures.get(model.key, 0) + 1
        if self._failures[model.key] == MAX_FAILURES:
            self._active.pop(model.key, None)
            self._report(
                "engine", f"{model.path.name} has failed {MAX_FAILURES} times; showing the camera picture instead"
            )

    def _mix_and_session(self, state: Look, now: float) -> tuple[StyleMix, WarmSession | None]:
        """What to paint with: the mix wanted, or the one before it while the wanted one's network is not ready."""
        assert state.mix is not None
        warm = self._session(state.mix.model, state.scale, now)
        given_up = self._failures.get(state.mix.model.key, 0) >= MAX_FAILURES
        if warm is not None or given_up or self._current is None:
            if self._current is not None and self._current.model.key != state.mix.model.key:
                self._governor(state.mix.model, state.scale).forget_recent()
            self._current = state.mix
            return state.mix, warm
        return self._current, self._session(self._current.model, state.scale, now)

    def _session(self, model: Model, scale: float | None, now: float) -> WarmSession | None:
        if self._failures.get(model.key, 0) >= MAX_FAILURES:
            return None
        governor = self._governor(model, scale)
        wanted = governor.choose(now).rung
        active = self._active.get(model.key)
        if active is not None and active.rung == wanted:
            return active
        try:
            warm = self._pool.get(model, wanted)
        except EngineError as error:
            governor.exclude(wanted)
            if governor.choose(now).rung == wanted:  # the coarsest: nothing is left to try
                self._failures[model.key] = MAX_FAILURES
            self._report("engine", str(error))
            return active
        if warm is None and active is not None and wanted < active.rung:
            # Too slow now: any coarser one helps at once, one no finer than wanted helps enough.
            warm = self._pool.ready_below(model, wanted) or self._pool.ready_below(model, active.rung)
        if warm is None:
            return active
        if governor.predict(wanted) is None:
            governor.start(wanted, warm.milliseconds)
        self._active[model.key] = warm
        return warm

    def _governor(self, model: Model, scale: float | None) -> Governor:
        key = (model.key, scale)
        if key not in self._governors:
            rungs = ladder(self._size) if scale is None else (Rung.at(self._size, scale),)
            self._governors[key] = Governor(rungs, self._fps, self._busy_budget_ms)
        return self._governors[key]

    def _tend(self, now: float, state: Look) -> None:
        """Now and then: have the sessions built that may be wanted next, also while nothing is painted."""
        if now - self._tended_at < PREFETCH_EVERY_S:
            return
        self._tended_at = now
        current = state.mix.model if state.mix is not None else None
        shown = self._current.model if self._current is not None else None
        wanted: list[tuple[Model, Rung]] = []
        if current is not None:
            wanted += self._needed(current, state.scale, now)
        if shown is not None and shown is not current:
            wanted += self._needed(shown, state.scale, now)[:1]
        for number, model in enumerate(self._foreseen(current)):
            needed = self._needed(model, state.scale, now)[:1]
            if (
                number >= ADJACENT_NETWORKS
                and sum(rung.megapixels for _, rung in (*wanted, *needed)) > self._pool.capacity_megapixels
            ):
                break
            self._session(model, state.scale, now)
            wanted += needed
        self._pool.keep_warm(wanted)
        kept = {model.key for model, _ in wanted}
        self._active = {key: warm for key, warm in self._active.items() if key in kept}

    def _needed(self, model: Model, scale: float | None, now: float) -> list[tuple[Model, Rung]]:
        """The sessions of `model` to have at hand: the present one, the next coarser one, and the coarsest.

        A finer one is built when it is wanted; until then the present one does well.
        """
        if self._failures.get(model.key, 0) >= MAX_FAILURES:
            return []
        active = self._active.get(model.key)
        at = self._governor(model, scale).choose(now).rung if active is None else active.rung
        if scale is not None:
            return [(model, at)]
        rungs = ladder(self._size)
        below = [rung for rung in rungs if rung < at]
        return [(model, rung) for rung in dict.fromkeys((at, *below[-1:], rungs[0]))]

    def _foreseen(self, current: Model | None) -> list[Model]:
        """The networks a few presses of next or previous away, nearest first."""
        keys = [model.key for model in self._models]
        at = keys.index(current.key) if current is not None and current.key in keys else -1
        count = max(1, len(keys))
        distance = {key: min((i - at) % count, (at - i) % count) for i, key in enumerate(keys)}
        others = [model for model in self._models if current is None or model.key != current.key]
        return sorted(others, key=lambda model: distance[model.key])[:PREFETCHED_NETWORKS]
