"""The stylist: a camera frame in, a painted frame of the output's size out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import cv2

from stylecam.clock import Clock
from stylecam.control.state import LiveState
from stylecam.engines.pool import SessionPool, WarmSession
from stylecam.errors import EngineError
from stylecam.finish.blend import blend
from stylecam.finish.morph import Morph, Step
from stylecam.frame import Frame, Image, Size
from stylecam.governor import Decision, Governor, Rung, ladder
from stylecam.styles.catalogue import Mix
from stylecam.styles.model import Model
from stylecam.tensor import crop, resize, to_image, to_tensor

RIM = 8
"""Pixels of reflected picture around a network's input: what networks paint at their border is cropped away."""
FORESEEN = 4
"""For how many other networks a session is kept warm, so that a switch to them does not wait."""
TEND_S = 0.5

FaultReport = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Work:
    """What the stylist did last, for the statistics."""

    painted: bool
    rung: Rung | None
    decision: Decision | None


class Stylist:
    """Paints frames with the style of a `LiveState`, as finely as the governor allows.

    Used by one thread. It never waits for a session: until one is warm it goes on with the one it has, and before the
    first it shows the camera picture.
    """

    def __init__(
        self, pool: SessionPool, size: Size, fps: float, clock: Clock, report: FaultReport, models: Sequence[Model] = ()
    ) -> None:
        """`size` is the output's; `fps` the rate to hold; `models` are kept warm as far as `FORESEEN` goes.

        `report(kind, message)` is told once of each network that cannot be run.
        """
        self._pool = pool
        self._size = size
        self._fps = fps
        self._clock = clock
        self._report = report
        self._models = list(models)
        self._governors: dict[tuple[str, float | None], Governor] = {}
        self._active: dict[str, WarmSession] = {}
        self._broken: set[tuple[str, Rung]] = set()
        self._morph = Morph(1 / fps)
        self._current: Mix | None = None
        self._last: Image | None = None
        self._tended_at = float("-inf")
        self.work = Work(False, None, None)

    def prepare(self, state: LiveState) -> None:
        """Warm the first session, in the calling thread, so that painting starts with the first frame.

        Raises:
            EngineError: the first style's network cannot be run.
        """
        if state.mix is None:
            return
        governor = self._governor(state.mix.model, state.scale)
        first = governor.choose(self._clock.now()).rung
        warm = self._pool.build(state.mix.model, first)
        governor.start(first, warm.milliseconds)
        wanted = governor.choose(self._clock.now()).rung
        self._active[state.mix.model.key] = self._pool.build(state.mix.model, wanted)

    def style(self, frame: Frame, state: LiveState) -> Frame:
        """Paint `frame` (any size) for `state`; the result has the output's size and the frame's index and times.

        Raises:
            EngineRunError: the network failed on this frame.
        """
        started = self._clock.now()
        view = crop(frame.image, self._size)
        if not state.paints:
            self._morph.reset()
            self.work = Work(False, None, None)
            return self._finish(frame, self._plain(view, state))
        assert state.mix is not None
        self._tend(started, state)
        mix, warm = self._mix_and_session(state, started)
        if warm is None:
            self.work = Work(False, None, None)
            return self._finish(frame, self._plain(view, state))
        governor = self._governor(mix.model, state.scale)
        step = self._morph.toward(mix, frame.captured_at)

        tensor = to_tensor(_mirrored(resize(view, warm.rung.size), state.mirror), RIM)
        before = self._clock.now()
        styled = warm.session.run(tensor, step.weights)
        after = self._clock.now()
        image = self._compose(to_image(styled, RIM), view, state, step)

        network_ms = (after - before) * 1000
        fixed_ms = (self._clock.now() - started) * 1000 - network_ms
        governor.observe(warm.rung, network_ms, fixed_ms, after)
        if self._pool.building:
            governor.disturb()
        self.work = Work(True, warm.rung, governor.choose(after))
        return self._finish(frame, image)

    def _compose(self, small: Image, view: Image, state: LiveState, step: Step) -> Image:
        image = resize(small, self._size)
        if state.strength < 1:
            image = blend(self._plain(view, state), image, state.strength)
        if step.fading > 0 and self._last is not None:
            image = blend(image, self._last, step.fading)
        return image

    def _plain(self, view: Image, state: LiveState) -> Image:
        return _mirrored(resize(view, self._size), state.mirror)

    def _finish(self, frame: Frame, image: Image) -> Frame:
        self._last = image
        return Frame(image, frame.index, frame.captured_at)

    def _mix_and_session(self, state: LiveState, now: float) -> tuple[Mix, WarmSession | None]:
        """What to paint with: the mix wanted, or the one before it while the wanted one's network is not ready."""
        assert state.mix is not None
        warm = self._session(state.mix.model, state.scale, now)
        if warm is not None or self._current is None:
            if self._current is not None and self._current.model.key != state.mix.model.key:
                self._governor(state.mix.model, state.scale).disturb()
            self._current = state.mix
            return state.mix, warm
        return self._current, self._session(self._current.model, state.scale, now)

    def _session(self, model: Model, scale: float | None, now: float) -> WarmSession | None:
        governor = self._governor(model, scale)
        wanted = governor.choose(now).rung
        active = self._active.get(model.key)
        if active is not None and active.rung == wanted:
            return active
        try:
            warm = self._pool.get(model, wanted)
        except EngineError as error:
            if (model.key, wanted) not in self._broken:
                self._broken.add((model.key, wanted))
                self._report("engine", str(error))
            return active
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
            self._governors[key] = Governor(rungs, self._fps)
        return self._governors[key]

    def _tend(self, now: float, state: LiveState) -> None:
        """Now and then: have the sessions built that may be wanted next."""
        if now - self._tended_at < TEND_S:
            return
        self._tended_at = now
        assert state.mix is not None
        active = self._active.get(state.mix.model.key)
        if active is not None and state.scale is None:
            rungs = ladder(self._size)
            at = rungs.index(active.rung) if active.rung in rungs else 0
            for neighbour in rungs[max(0, at - 1) : at + 2]:
                if neighbour != active.rung:
                    self._pool.prefetch(state.mix.model, neighbour)
        others = [model for model in self._models if model.key != state.mix.model.key][:FORESEEN]
        for model in others:
            self._session(model, state.scale, now)
        kept = {model.key for model in others} | {state.mix.model.key}
        kept |= {self._current.model.key} if self._current is not None else set()
        self._active = {key: warm for key, warm in self._active.items() if key in kept}


def _mirrored(image: Image, mirror: bool) -> Image:
    return cast(Image, cv2.flip(image, 1)) if mirror else image
