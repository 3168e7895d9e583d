"""Test doubles that the tests of several packages share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from stylecam.control.state import LiveState
from stylecam.engines.base import Engine, InferenceSession, Mask, StyleInput
from stylecam.errors import EngineError, EngineRunError
from stylecam.live.viewers import Viewers
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.sinks.base import Sink
from stylecam.media.testing import CollectingSink, gray_image
from stylecam.media.transforms import Tensor
from stylecam.models.model import Model
from stylecam.stylize.governor import Rung
from stylecam.stylize.session_pool import CAPACITY_MEGAPIXELS, SessionPool
from stylecam.utils.clock import ManualClock


def frame(index: int = 0, captured_at: float = 0.0, image: Image | None = None) -> Frame:
    """Return a frame, plain grey unless an image is given."""
    return Frame(gray_image() if image is None else image, index, captured_at)


class WatchableSink(CollectingSink):
    """A sink whose answer to whether it has viewers is set by the test: True, False, or None for unknown."""

    def __init__(self, taken: bool | None = True) -> None:
        super().__init__()
        self.taken = taken

    def _has_viewers(self) -> bool | None:
        return self.taken


def watchable_sink(taken: bool | None = True) -> WatchableSink:
    """Return an open `WatchableSink`."""
    sink = WatchableSink(taken)
    sink.open(Size(128, 96), 30)
    return sink


def viewers(*sinks: Sink, state: LiveState | None = None, now: float = 1000.0) -> Viewers:
    """Return a `Viewers` of `sinks`; without any sink, a viewer is always present."""
    current = state or LiveState()
    return Viewers(sinks or [watchable_sink()], lambda: current, now)


def model(name: str = "plain", styles: int = 1) -> Model:
    """Return a model whose file does not exist, for engines that do not read it."""
    return Model(Path(f"{name}.onnx"), name.encode(), styles, styles > 1, {}, name)


def until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Wait until another thread has made `condition` true; return False after `seconds`."""
    pause = threading.Event()
    for _ in range(round(seconds / 0.002)):
        if condition():
            return True
        pause.wait(0.002)
    return condition()


class TintSession(InferenceSession):
    """Fills the image with one grey level per style; a blend has the weighted mean of the levels.

    Of two styles, the room has its own where the mask is below 255.
    """

    def __init__(self, engine: TintEngine, model: Model, width: int, height: int) -> None:
        self._engine, self._model, self._shape = engine, model, (1, 3, height, width)

    def run(
        self, image: Tensor, style: StyleInput, origin: tuple[int, int] = (0, 0), mask: Mask | None = None
    ) -> Tensor:
        assert image.shape == self._shape
        weights = tuple(np.asarray(style).tolist())
        self._engine.runs.append((self._model.key, weights))
        if self._model.key in self._engine.failing:
            raise EngineRunError(f"{self._model.key} does not run")
        self._engine.on_run()
        if self._engine.clock is not None:
            self._engine.clock.advance(self._engine.cost_ms(self._shape[2] * self._shape[3] / 1e6) / 1000)
        count = len(weights) // 2 if self._model.takes_mask else len(weights)
        levels = self._engine.levels.get(self._model.base.key, tuple(0.2 * (i + 1) for i in range(count)))
        person, room = (
            sum(w * v for w, v in zip(half, levels, strict=True)) for half in (weights[:count], weights[-count:])
        )
        painted = np.full(self._shape, person, np.float32)
        if mask is not None:
            painted[:, :, mask < 255] = room
        return painted + self._engine.glass * (image - painted)


class TintEngine(Engine):
    """Makes `TintSession`s; each run calls `on_run` and advances `clock` by `cost_ms(megapixels)`.

    Through its paintings the picture shows by the share `glass`.
    """

    name, device, version = "tint", "cpu", "1"

    def __init__(self, clock: ManualClock | None = None, cost_ms: Callable[[float], float] = lambda _: 5.0) -> None:
        self.clock = clock
        self.cost_ms = cost_ms
        self.on_run: Callable[[], None] = lambda: None
        self.glass = 0.0
        self.levels: dict[str, tuple[float, ...]] = {}
        self.failing: set[str] = set()
        self.unloadable: set[str] = set()
        self.loaded: list[tuple[str, int, int]] = []
        self.runs: list[tuple[str, tuple[float, ...]]] = []

    def session(self, model: Model, width: int, height: int) -> InferenceSession:
        if model.key in self.unloadable:
            raise EngineRunError(f"{model.key} cannot be loaded")
        self.loaded.append((model.key, width, height))
        return TintSession(self, model, width, height)


class ManualSessionPool(SessionPool):
    """A pool without a warm-up thread: requested sessions are built when the test calls `build_requested`."""

    def __init__(self, engine: Engine, padding: int = 0, capacity_megapixels: float = CAPACITY_MEGAPIXELS) -> None:
        super().__init__(lambda _: engine, padding, capacity_megapixels)
        self.requested: list[tuple[Model, Rung]] = []

    def prefetch(self, model: Model, rung: Rung) -> None:
        key = (model.key, rung)
        if key not in self._ready and key not in self._failed and key not in [(m.key, r) for m, r in self.requested]:
            self.requested.append((model, rung))

    def build_requested(self) -> None:
        while self.requested:
            model, rung = self.requested.pop(0)
            try:
                self.build(model, rung)
            except EngineError as error:
                self._failed[model.key, rung] = error
