"""Count what each stage of a live frame reads and writes, in OpenCV's functions and numpy's larger ones.

    python -m benchmarks.copies                        # 1280×720 and 1920×1080, a few seconds
    python -m benchmarks.copies --size 3840x2160 --scale 0.1

Frames of the demo are stylized as in a live run, with a network that does nothing, so only the work beside the network
is counted: for each frame the megabytes that went into and came out of functions, the calls, and how many arrays as
large as the published picture were made. What is worked through in strips stays in the processor's cache between two
functions, so this is not what memory has to carry. Operators on arrays (`+`, `*`) are not seen; they are used at a
quarter of the processing size only.
"""

from __future__ import annotations

import argparse
import contextlib
import types
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np

from stylecam.engines.base import Engine, InferenceSession, Mask, StyleInput
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.sinks.mjpeg import MjpegSink, encode_jpeg
from stylecam.media.sources.demo import DemoSource
from stylecam.media.transforms import Tensor
from stylecam.models.catalog import shipped_models
from stylecam.models.model import Model
from stylecam.models.style_mix import StyleMix
from stylecam.stylize.frame_stylizer import PADDING, FrameStylizer
from stylecam.stylize.look import Look
from stylecam.stylize.session_pool import SessionPool
from stylecam.utils.clock import ManualClock
from stylecam.utils.metrics import StageTimer, StageTimes

FRAMES = 12
"""Frames that are counted, after as many that are not."""
NUMPY = ("copyto", "subtract", "multiply", "divide", "ascontiguousarray")
USUAL = ((Size(1280, 720), 0.4), (Size(1920, 1080), 0.2))


class CountingStages(StageTimes):
    """Counts what functions read and write by the stage in which they are called."""

    def __init__(self) -> None:
        super().__init__(ManualClock())
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self._stage = "other"

    @contextlib.contextmanager
    def time(self, stage: str) -> Iterator[StageTimer]:
        """See `StageTimes.time`."""
        before, self._stage = self._stage, stage
        yield StageTimer()
        self._stage = before

    def count(self, given: list[Any], results: list[Any], picture: int) -> None:
        """Count one call, with what it was given and what it returned; a `picture` has so many bytes."""
        arrays, made = ([each for each in some if isinstance(each, np.ndarray)] for some in (given, results))
        counts = self.counts[self._stage]
        counts["calls"] += 1
        counts["read"] += sum(each.nbytes for each in arrays if all(each is not other for other in made))
        counts["written"] += sum(each.nbytes for each in made)
        new = (each for each in made if not any(np.may_share_memory(each, other) for other in arrays))
        counts["pictures"] += sum(each.nbytes >= picture for each in new)


class _Counted:
    """A function that counts its calls; its attributes are the function's own."""

    def __init__(self, function: Callable[..., Any], stages: CountingStages, picture: int) -> None:
        self._function, self._stages, self._picture = function, stages, picture

    def __getattr__(self, name: str) -> Any:
        return getattr(self._function, name)

    def __call__(self, *args: Any, **named: Any) -> Any:
        made = self._function(*args, **named)
        results = list(made) if isinstance(made, tuple | list) else [made]
        self._stages.count([*args, *named.values()], results, self._picture)
        return made


class _Negative(InferenceSession):
    def run(
        self, image: Tensor, style: StyleInput, origin: tuple[int, int] = (0, 0), mask: Mask | None = None
    ) -> Tensor:
        return image

    def stylize(
        self, image: Image, style: StyleInput, origin: tuple[int, int] = (0, 0), mask: Mask | None = None
    ) -> Image:
        return ~image


class _NegativeEngine(Engine):
    name, device, version = "negative", "cpu", "negative"

    def session(self, model: Model, width: int, height: int) -> InferenceSession:
        return _Negative()


def main() -> None:
    """Print a table for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=Size.parse)
    parser.add_argument("--scale", type=float, default=0.2)
    options = parser.parse_args()
    for size, scale in USUAL if options.size is None else ((options.size, options.scale),):
        print(f"{size}, painted at {scale:g} of it, for each frame\n")
        print("| stage | MB read | MB written | calls | pictures made |\n| --- | --- | --- | --- | --- |")
        for stage, counts in count(size, scale).items():
            read, written = (counts[each] / FRAMES / 1e6 for each in ("read", "written"))
            calls, pictures = (counts[each] / FRAMES for each in ("calls", "pictures"))
            print(f"| {stage} | {read:.1f} | {written:.1f} | {calls:.0f} | {pictures:.0f} |")


def count(size: Size, scale: float) -> dict[str, Counter[str]]:
    """Return the counts of each stage over `FRAMES` frames of `size` painted at `scale` of it."""
    clock, stages = ManualClock(), CountingStages()
    source = DemoSource(clock)
    source.open(size, 30)
    bank = Model.read(min(shipped_models().glob("*.onnx"), key=lambda path: path.stat().st_size))
    look = Look(mix=StyleMix(bank, bank.one_hot(), "demo"), scale=scale)
    pool = SessionPool(lambda _: _NegativeEngine(), PADDING)
    stylizer = FrameStylizer(pool, size, 30, clock, lambda kind, text: print(kind, text), stages=stages)
    stylizer.prepare(look)
    page = MjpegSink()
    page.open(size, 30)
    with page.broadcast.viewer(), _counting(stages, size):
        for number in range(2 * FRAMES):
            if number == FRAMES:
                stages.counts.clear()
            with stages.time("capture"):
                frame = source.read()
            assert frame is not None
            styled = stylizer.stylize(frame, look)
            assert styled is not None
            with stages.time("page"):
                page.write(Frame(styled.frame.image, number, 0.0))
                encode_jpeg(styled.frame.image)
    return dict(stages.counts)


@contextlib.contextmanager
def _counting(stages: CountingStages, size: Size) -> Iterator[None]:
    """Let the functions of OpenCV, and some of numpy, count for the duration of the block."""
    picture = size.width * size.height * 3
    wrapped = [(cv2, name) for name, function in vars(cv2).items() if isinstance(function, types.BuiltinFunctionType)]
    wrapped += [(np, name) for name in NUMPY]
    before = [(module, name, getattr(module, name)) for module, name in wrapped]
    for module, name, function in before:
        setattr(module, name, _Counted(function, stages, picture))
    try:
        yield
    finally:
        for module, name, function in before:
            setattr(module, name, function)


if __name__ == "__main__":
    main()
