"""Stylize the frames of a camera: a frame of any size in, a styled frame of the output's size out.

The life of a frame in `FrameStylizer.stylize`:

1. It is cropped to the output's shape and mirrored on request (`FrameView`).
2. Now and then the sessions that may be needed soon are requested from the pool, which builds them on its own thread.
3. The governor chooses the rung, and the pool's warm session for it is taken. While that one is being built, the frame
   goes to the session in use.
4. If the picture at the rung's size has not changed and nothing else has, the last styled picture is shown again.
5. The network stylizes the picture at the rung's size, padded by reflection.
6. The result is steadied, enlarged with detail, coloured and blended (`Postprocessor`).
7. The times of all this go to the governor, which chooses the rung of the next frame.
"""

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
from stylecam.stylize.governor import Governor, Rung, ladder
from stylecam.stylize.look import Content, Look
from stylecam.stylize.postprocess.chain import FrameView, Postprocessor
from stylecam.stylize.postprocess.change_detection import ChangeDetector
from stylecam.stylize.postprocess.transition import Transition, TransitionStep
from stylecam.stylize.session_pool import SessionPool, WarmSession
from stylecam.stylize.styled_frame import StyledFrame, StylizeResult
from stylecam.utils.clock import Clock
from stylecam.utils.metrics import StageTimes

PADDING = 8
"""Pixels of reflected picture around a network's input, cropped away because networks leave a frame at their border."""
PREFETCHED_NETWORKS = 4
"""The number of other networks for which a session is kept warm, so that a switch to them does not wait."""
ADJACENT_NETWORKS = 2
"""The number of networks kept warm even beyond the pool's capacity: the next and the previous one."""
PREFETCH_EVERY_S = 0.5
"""Seconds between two requests for the sessions that may be needed soon."""
MAX_FAILURES = 3
"""The number of failed runs in a row after which a network is not tried again."""

FaultReport = Callable[[str, str], None]
"""Called with a kind of fault (`engine`) and a message of one line."""


@dataclass(frozen=True, slots=True)
class _FrameInputs:
    """All that a styled picture depends on besides what the camera sees."""

    look: Look
    step: TransitionStep
    network: str
    rung: Rung
    detail: bool


class FrameStylizer:
    """Stylizes frames with a `Look`, as finely as the governor allows.

    Used by one thread. It never waits for a session: until one is warm it goes on with the one it has, and before the
    first it shows the camera picture. While nothing moves and nothing is changed, the last styled picture stays.

    Attributes:
        result: how the last frame was made.
        stages: the time that each stage of a frame takes.
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
        """Prepare to stylize; no session is built yet.

        Args:
            pool: builds and keeps the sessions.
            size: the output's.
            fps: the rate to hold.
            clock: tells the time and the processor time of the process.
            report: called with each failure to load or run a network.
            models: the networks that the user may switch to; `PREFETCHED_NETWORKS` of them are kept warm.
            busy_budget_ms: the processor time, of all cores together, that a frame may take, in milliseconds.
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
        self._transition = Transition(1 / fps)
        self._change_detector = ChangeDetector()
        self._postprocessor = Postprocessor(size, self.stages)
        self._current: StyleMix | None = None
        self._last: Image | None = None
        self._last_inputs: _FrameInputs | None = None
        self._busy_at: float | None = None
        self._prefetched_at = float("-inf")
        self.result = StylizeResult(False)

    def prepare(self, look: Look) -> None:
        """Warm the first session in the calling thread, so that the first frame is styled.

        Raises:
            EngineError: the first style's network cannot be run.
        """
        if look.mix is None:
            return
        model, now = look.mix.model, self._clock.now()
        governor = self._governor(model, look.scale)
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

    def stylize(self, frame: Frame, look: Look) -> StyledFrame | None:
        """Stylize `frame` (any size) with `look`.

        Returns:
            A frame of the output's size with the same index and time. It is the camera picture only where the look
            asks for it. None where the look asks for a painting and there is none; `report` was called if a network
            failed.
        """
        started = self._clock.now()
        view = FrameView(frame.image, self._size, look.mirror)
        self._prefetch(started, look)
        if not look.paints:
            self._reset()
            return self._tagged(np.ascontiguousarray(view.at(self._size)), frame, Content.RAW)
        mix, warm = self._mix_and_session(look, started)
        painted = None if warm is None else self._stylize(mix, warm, view, frame, look, started)
        if painted is None:
            self.result = StylizeResult(False)
            return None
        self._last = painted
        return self._tagged(painted, frame, Content.PAINTED)

    def _reset(self) -> None:
        """Forget the paintings before: the next one must not fade in over a camera picture."""
        self._transition.reset()
        self._postprocessor.reset()
        self._current = self._last = self._last_inputs = self._busy_at = None
        self.result = StylizeResult(False)

    def _tagged(self, image: Image, frame: Frame, content: Content) -> StyledFrame:
        return StyledFrame(Frame(image, frame.index, frame.captured_at), content, self._clock.now())

    def _stylize(
        self, mix: StyleMix, warm: WarmSession, view: FrameView, frame: Frame, look: Look, started: float
    ) -> Image | None:
        """Return a new styled picture, or the last one while nothing moves; None if the network failed."""
        governor = self._governor(mix.model, look.scale)
        step = self._transition.toward(mix, frame.captured_at)
        inputs = _FrameInputs(look, step, mix.model.key, warm.rung, governor.choose(started).detail)
        with self.stages.time("fit"):
            small = view.at(warm.rung.size)
            unmoved = self._change_detector.unchanged(small)
        if unmoved and inputs == self._last_inputs and self._last is not None:
            self._busy_at = None
            self.result = replace(self.result, decision=governor.choose(started), reused=True)
            return self._last
        busy = self._clock.process_time()
        try:
            with self.stages.time("network") as network:
                styled = warm.session.stylize(pad_by_reflection(small, PADDING), step.weights)
        except EngineRunError as error:
            self._failed(mix.model, warm, error)
            return None
        busy_in_network = self._clock.process_time() - busy
        self._failures.pop(mix.model.key, None)
        finished = self._postprocessor.apply(
            styled[PADDING:-PADDING, PADDING:-PADDING],
            view,
            step,
            self._last,
            look=look,
            detail=inputs.detail,
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
        self._last_inputs = inputs
        self.result = StylizeResult(True, warm.rung, governor.choose(now), detail=finished.detail_ms is not None)
        return finished.image

    def _busy_ms(self, in_network: float) -> tuple[float, float] | None:
        """Return the processor time in the network and otherwise since the frame before, in milliseconds.

        None if there was no frame before, or while a session is being built, which takes processor time of its own.
        """
        before, self._busy_at = self._busy_at, self._clock.process_time()
        if before is None or self._pool.building:
            return None
        return in_network * 1000, max(0.0, self._busy_at - before - in_network) * 1000

    def _failed(self, model: Model, warm: WarmSession, error: EngineRunError) -> None:
        """Count a failed run; after `MAX_FAILURES` in a row the network is not tried again."""
        self._report("engine", str(error))
        self._failures[model.key] = self._failures.get(model.key, 0) + 1
        if self._failures[model.key] == MAX_FAILURES:
            self._active.pop(model.key, None)
            self._report(
                "engine", f"{model.path.name} has failed {MAX_FAILURES} times; showing the camera picture instead"
            )

    def _mix_and_session(self, look: Look, now: float) -> tuple[StyleMix, WarmSession | None]:
        """Return the requested mix, or the one in use while the network of the requested one is not ready."""
        assert look.mix is not None
        warm = self._session(look.mix.model, look.scale, now)
        given_up = self._failures.get(look.mix.model.key, 0) >= MAX_FAILURES
        if warm is not None or given_up or self._current is None:
            if self._current is not None and self._current.model.key != look.mix.model.key:
                self._governor(look.mix.model, look.scale).forget_recent()
            self._current = look.mix
            return look.mix, warm
        return self._current, self._session(self._current.model, look.scale, now)

    def _session(self, model: Model, scale: float | None, now: float) -> WarmSession | None:
        if self._failures.get(model.key, 0) >= MAX_FAILURES:
            return None
        governor = self._governor(model, scale)
        chosen = governor.choose(now).rung
        active = self._active.get(model.key)
        if active is not None and active.rung == chosen:
            return active
        try:
            warm = self._pool.get(model, chosen)
        except EngineError as error:
            governor.exclude(chosen)
            if governor.choose(now).rung == chosen:  # the coarsest: nothing is left to try
                self._failures[model.key] = MAX_FAILURES
            self._report("engine", str(error))
            return active
        if warm is None and active is not None and chosen < active.rung:
            # Too slow now: any coarser one helps at once, one no finer than the chosen one helps enough.
            warm = self._pool.ready_below(model, chosen) or self._pool.ready_below(model, active.rung)
        if warm is None:
            return active
        if governor.predict(chosen) is None:
            governor.start(chosen, warm.milliseconds)
        self._active[model.key] = warm
        return warm

    def _governor(self, model: Model, scale: float | None) -> Governor:
        key = (model.key, scale)
        if key not in self._governors:
            rungs = ladder(self._size) if scale is None else (Rung.at(self._size, scale),)
            self._governors[key] = Governor(rungs, self._fps, self._busy_budget_ms)
        return self._governors[key]

    def _prefetch(self, now: float, look: Look) -> None:
        """Now and then request the sessions that may be needed next, also while nothing is styled."""
        if now - self._prefetched_at < PREFETCH_EVERY_S:
            return
        self._prefetched_at = now
        current = look.mix.model if look.mix is not None else None
        shown = self._current.model if self._current is not None else None
        requested: list[tuple[Model, Rung]] = []
        if current is not None:
            requested += self._needed(current, look.scale, now)
        if shown is not None and shown is not current:
            requested += self._needed(shown, look.scale, now)[:1]
        for number, model in enumerate(self._neighbours(current)):
            needed = self._needed(model, look.scale, now)[:1]
            if (
                number >= ADJACENT_NETWORKS
                and sum(rung.megapixels for _, rung in (*requested, *needed)) > self._pool.capacity_megapixels
            ):
                break
            self._session(model, look.scale, now)
            requested += needed
        self._pool.keep_warm(requested)
        kept = {model.key for model, _ in requested}
        self._active = {key: warm for key, warm in self._active.items() if key in kept}

    def _needed(self, model: Model, scale: float | None, now: float) -> list[tuple[Model, Rung]]:
        """Return the sessions of `model` to keep warm: the present one, the next coarser one, and the coarsest.

        A finer one is built when it is chosen; until then the present one is good enough.
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

    def _neighbours(self, current: Model | None) -> list[Model]:
        """Return the networks a few presses of next or previous away, nearest first."""
        keys = [model.key for model in self._models]
        at = keys.index(current.key) if current is not None and current.key in keys else -1
        count = max(1, len(keys))
        distance = {key: min((i - at) % count, (at - i) % count) for i, key in enumerate(keys)}
        others = [model for model in self._models if current is None or model.key != current.key]
        return sorted(others, key=lambda model: distance[model.key])[:PREFETCHED_NETWORKS]
