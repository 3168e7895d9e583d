"""A pipeline whose network, source and sink fail on request, and a measure of how much camera picture is published."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.control.command import Command
from stylecam.control.command_queue import CommandQueue
from stylecam.control.state import LiveState
from stylecam.engines.base import Engine, InferenceSession, Mask, StyleInput
from stylecam.errors import SinkError, SinkLostError
from stylecam.live.context import PipelineContext
from stylecam.live.cpu_budget import CpuBudget
from stylecam.live.pipeline import Pipeline
from stylecam.live.stats import Stats
from stylecam.live.viewers import Viewers
from stylecam.media.frame import Image, Size
from stylecam.media.overlays import panic_cover
from stylecam.media.testing import CollectingSink, ScriptedSource, ScriptEvent
from stylecam.media.transforms import Tensor, to_tensor
from stylecam.models.catalog import Catalog
from stylecam.models.model import Model
from stylecam.models.style_mix import StyleMix
from stylecam.stylize.frame_stylizer import PADDING, FrameStylizer
from stylecam.stylize.look import Look
from stylecam.utils.clock import ManualClock
from tests.doubles import ManualSessionPool, TintEngine, TintSession, model
from tests.live.fixtures import FPS, SIZE

RAW_LIMIT = 0.1
"""The largest share of the camera picture that a painting or a card of these tests may show; a raw frame shows 1."""

RunFault = Callable[[Image, tuple[int, ...]], Tensor | None]
"""What a broken network makes of a picture, given the shape of a good result; None where it works for once."""


def camera_picture(number: int, size: Size = SIZE) -> Image:
    """Return one of four pictures of grey blocks, which no painting and no card of these tests resembles."""
    blocks = np.random.default_rng(number % 4).integers(0, 256, (12, 16), np.uint8)
    grey = cv2.resize(blocks, size, interpolation=cv2.INTER_NEAREST)
    return np.ascontiguousarray(np.repeat(grey[:, :, None], 3, axis=2))


def _deviation(image: Image) -> npt.NDArray[np.float32]:
    grey = image.mean(axis=2, dtype=np.float32).ravel()
    return np.asarray(grey - grey.mean(), np.float32)


def _slopes() -> npt.NDArray[np.float32]:
    """Return one row for each camera picture and its mirror image; its product with a deviation is the slope."""
    views = [_deviation(view) for n in range(4) for view in (camera_picture(n), camera_picture(n)[:, ::-1])]
    return np.stack([view / (view @ view) for view in views])


_SLOPES = _slopes()


def camera_share(published: Image) -> float:
    """Return how much of a camera picture shows in `published`: 1 for the camera picture, about 0 for anything else.

    It is the slope of the regression on each of the camera pictures, also mirrored; so a blend gives its opacity.
    """
    return float(np.abs(_SLOPES @ _deviation(published)).max())


class FaultySession(TintSession):
    """Asks the engine for the fault of the day before each run."""

    def __init__(self, engine: FaultyEngine, network: Model, width: int, height: int) -> None:
        super().__init__(engine, network, width, height)
        self._faulty = engine

    def stylize(
        self, image: Image, style: StyleInput, origin: tuple[int, int] = (0, 0), mask: Mask | None = None
    ) -> Image:
        self._image = image
        return super().stylize(image, style, origin, mask)

    def run(
        self, image: Tensor, style: StyleInput, origin: tuple[int, int] = (0, 0), mask: Mask | None = None
    ) -> Tensor:
        fault = self._faulty.run_faults.get(self._model.key)
        broken = None if fault is None else fault(self._image, self._shape)
        return super().run(image, style, origin, mask) if broken is None else broken


class FaultyEngine(TintEngine):
    """A `TintEngine` whose networks fail on request.

    Attributes:
        run_faults: by the key of a network, what happens at each of its runs, also those of warming up.
        load_faults: by the key of a network, an exception to raise where it is loaded.
    """

    def __init__(self, clock: ManualClock | None = None) -> None:
        super().__init__(clock, lambda _: 1.0)
        self.run_faults: dict[str, RunFault] = {}
        self.load_faults: dict[str, Exception] = {}

    def session(self, model: Model, width: int, height: int) -> InferenceSession:
        if model.key in self.load_faults:
            raise self.load_faults[model.key]
        self.loaded.append((model.key, width, height))
        return FaultySession(self, model, width, height)

    def heal(self) -> None:
        """Let everything work again."""
        self.run_faults.clear()
        self.load_faults.clear()


def is_warming_up(image: Image) -> bool:
    """Return whether a network is run on the even picture of a warm-up, not on a frame."""
    return bool((image == 128).all())


class FaultyPipeline:
    """A pipeline on a manual clock, with two networks, stepped by hand; each step checks what is published.

    Attributes:
        leaks: the shares of camera picture in frames that should have none, by the number of the frame.
    """

    def __init__(
        self, *, prepared: bool = True, share: float = 1.0, style: str = "a", fallback: Engine | None = None
    ) -> None:
        self.clock = ManualClock()
        self.models = [model("a"), model("b")]
        self.engine = FaultyEngine(self.clock)
        self.pool = ManualSessionPool(self.engine, PADDING)
        self.pool.fallback = fallback
        self.sink_broken = False
        self.sink = CollectingSink(keep=3, failing=self._sink_fault)
        catalog = Catalog(self.models)
        mix = catalog.parse(style)
        self.control = CommandQueue(catalog, LiveState(Look(mix)))
        viewers = Viewers([self.sink], lambda: self.control.state, self.clock.now(), always_on=True)
        budget = CpuBudget(share, 1)
        self.context = PipelineContext(SIZE, FPS, self.clock, Stats(), viewers, budget)
        self.stylizer = FrameStylizer(self.pool, SIZE, FPS, self.clock, self.context.stats.count_fault, self.models)
        if prepared:
            self.stylizer.prepare(Look(mix))
        self.source = ScriptedSource([], self.clock, fps=60)
        self.play([camera_picture(number) for number in range(4)])
        self.source.open(SIZE, FPS)
        self.sink.open(SIZE, FPS)
        self.pipeline = Pipeline(self.source, [self.sink], self.stylizer, self.control, self.context, panic_cover(SIZE))
        self.leaks: list[tuple[int, float]] = []
        self.published = 0
        self.limit = RAW_LIMIT

    def play(self, events: Sequence[ScriptEvent]) -> None:
        """Let the source do these things next, then go on with moving pictures for very long."""
        rest = [camera_picture(number) for number in range(4)]
        self.source._events, self.source._at = [*events, *rest * 2000], 0

    def step(self, count: int = 1, *, build: bool = True) -> None:
        """Take `count` frames through the work of all threads."""
        for _ in range(count):
            self.pipeline.capture.step()
            self.pipeline.style_step()
            if build:
                self.pool.build_requested()
            self.publish()

    def pass_time(self, seconds: float) -> None:
        """Let time pass without frames, and then a few frames."""
        self.clock.advance(seconds)
        self.step(12)

    def publish(self) -> None:
        """Let the publisher make a step, and check what it has published."""
        before = self.sink.frames
        self.pipeline.publisher.step()
        if self.sink.frames is before:  # nothing was written: the last frame is what an earlier look asked for
            return
        self.published += 1
        share = camera_share(self.sink.frames[-1].image)
        if share > self.limit and self.control.state.visible_look.paints:
            self.leaks.append((self.published, share))

    def press(self, *commands: str) -> None:
        for command in commands:
            self.control.submit(Command.parse(command))

    @property
    def level(self) -> int:
        """The grey level in the middle of the picture published last."""
        return int(self.sink.frames[-1].image[SIZE.height // 2, SIZE.width // 2, 0])

    @property
    def publishing(self) -> str:
        return self.pipeline.publisher.shown.content.value

    @property
    def notice(self) -> str | None:
        return self.pipeline.troubles().get("the painting")

    def _sink_fault(self, during: str) -> SinkError | None:
        return SinkLostError("the sink has gone") if self.sink_broken and during == "write" else None


def broken_result(value: float) -> RunFault:
    """Return a fault that fills a spot of the result with `value`."""

    def run(_: Image, shape: tuple[int, ...]) -> Tensor:
        result = np.full(shape, 0.2, np.float32)
        result[0, :, 3:5, 3:5] = value
        return result

    return run


def wrong_shape(image: Image, shape: tuple[int, ...]) -> Tensor:
    """Return the picture itself, at half the size."""
    return np.ascontiguousarray(to_tensor(image)[:, :, ::2, ::2])


def mix_of(network: Model) -> StyleMix:
    return StyleMix(network, network.one_hot(), network.key)
