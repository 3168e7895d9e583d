"""Time each installed engine with the network, beside Johnson's network and the processor's own limit."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from stylecam.engines.base import Engine, InferenceSession
from stylecam.engines.factory import installed, make_engine
from stylecam.engines.names import AUTO, DEVICES_OF, ENGINES
from stylecam.engines.opencv import OpenCVEngine
from stylecam.errors import BenchError, EngineError, EngineUnavailableError, ModelFormatError, UsageError
from stylecam.evaluation.host import BackgroundLoad
from stylecam.evaluation.johnson import johnson
from stylecam.evaluation.macs import gmac
from stylecam.evaluation.performance.config import BenchConfig
from stylecam.evaluation.performance.peak_flops import bf16_peak, matmul_peak
from stylecam.evaluation.progress import ProgressCallback, subrange
from stylecam.media.frame import Size
from stylecam.media.transforms import to_tensor
from stylecam.models.model import Model
from stylecam.utils.clock import Clock
from stylecam.utils.resources import usable_cores

MIN_ROUNDS = 3
REST_S = 0.03
"""Pause between two turns: the threads of an engine may spin for a while, waiting for more work."""
TURN_MS = 60.0
"""About how long the runs of one turn take together."""
MAX_RUNS = 5
"""The most runs of one turn. A further run before them is not counted, because it meets another program's caches."""
_BFLOAT16 = "bf16"


@dataclass(frozen=True, slots=True)
class BenchCase:
    """One network on one engine."""

    engine: Engine
    model: Model

    @property
    def label(self) -> str:
        """Name the engine and its device, for people and plots."""
        return f"{self.engine.name} {self.engine.device}"


@dataclass(slots=True)
class CaseTimings:
    """How long the runs of a case took at one size, in milliseconds.

    Attributes:
        paint: runs with uint8 BGR in and out, as live frames are painted.
        run: runs of the network alone, float32 in and out.
        problem: why it could not be measured, or not to the end.
    """

    case: BenchCase
    size: Size
    paint: list[float] = field(default_factory=list)
    run: list[float] = field(default_factory=list)
    problem: str | None = None

    @property
    def paint_ms(self) -> float | None:
        """The median of `paint`; None when nothing was measured."""
        return float(np.median(self.paint)) if self.paint else None

    @property
    def network_ms(self) -> float | None:
        """The smaller median of both kinds of run, because some engines take a shorter way for uint8 pictures."""
        return min((float(np.median(times)) for times in (self.paint, self.run) if times), default=None)


@dataclass(slots=True)
class EngineComparison:
    """The timings of all engines, and what they are compared with.

    Attributes:
        timings: of each engine at each size, and of Johnson's network at the first size.
        baseline: Johnson's network; None without the package onnx.
        gmac: billions of multiply-adds, by the network's key and the size.
        peak: the highest rate of float32 multiply-adds seen in a matrix product, in billions a second.
        bf16_peak: the same for bfloat16, when an engine computes with it.
        others_busy: how many cores other programs kept busy meanwhile, at the busiest size.
        problems: what was left out, and why.
    """

    timings: list[CaseTimings] = field(default_factory=list)
    baseline: Model | None = None
    gmac: dict[tuple[str, Size], float] = field(default_factory=dict)
    peak: float | None = None
    bf16_peak: float | None = None
    others_busy: float | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row of plain values for each engine, network and size."""
        return [self._row(timings) for timings in self.timings]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "peak_gmac_per_s": _rounded(self.peak, 1),
            "peak_bf16_gmac_per_s": _rounded(self.bf16_peak, 1),
            "others_busy": _rounded(self.others_busy, 2),
            "rows": self.rows,
            "problems": self.problems,
        }

    def count_gmac(self, model: Model, size: Size) -> None:
        """Count the multiply-adds of `model` at `size`; when that is impossible, note the reason once."""
        try:
            self.gmac[model.key, size] = gmac(model, size)
        except (BenchError, ModelFormatError) as error:
            if (problem := f"GMAC: {error}") not in self.problems:
                self.problems.append(problem)

    def _row(self, timings: CaseTimings) -> dict[str, Any]:
        work, network_ms = self.gmac.get((timings.case.model.key, timings.size)), timings.network_ms
        rate = None if work is None or not network_ms else work / network_ms * 1000
        engine = timings.case.engine
        on_cpu = engine.device.startswith("cpu")  # a graphics card has a limit of its own
        baselines = (other for other in self.timings if other.size == timings.size and self._is_baseline(other))
        baseline = next(baselines, None)
        return {
            "model": timings.case.model.path.stem,
            "engine": engine.name,
            "device": engine.device,
            "version": engine.version,
            "size": list(timings.size),
            "paint_ms": _percentiles(timings.paint),
            "run_ms": _percentiles(timings.run),
            "problem": timings.problem,
            "baseline": self._is_baseline(timings),
            "gmac": _rounded(work, 3),
            "gmac_per_s": _rounded(rate, 1),
            "of_peak": None if rate is None or self.peak is None or not on_cpu else round(rate / self.peak, 3),
            "picture_times_faster": _ratio(baseline.paint_ms if baseline else None, timings.paint_ms),
            "network_times_faster": _ratio(baseline.network_ms if baseline else None, network_ms),
        }

    def _is_baseline(self, timings: CaseTimings) -> bool:
        return self.baseline is not None and timings.case.model.key == self.baseline.key


def compare_engines(
    config: BenchConfig, model: Model, clock: Clock, progress: ProgressCallback, stop: threading.Event
) -> EngineComparison:
    """Time the engines of `config` with `model`, and Johnson's network on cv2.dnn at the first size.

    Raises:
        EngineUnavailableError, UsageError: an engine or device named by the user is not there.
    """
    comparison = EngineComparison()
    try:
        comparison.baseline = johnson()
    except BenchError as error:  # onnx is missing
        comparison.problems.append(str(error))
    engines = select_engines(config, comparison.problems)
    sizes, threads = config.engine_sizes, _threads(config) or usable_cores()
    share = 0.9 / len(sizes)
    with _opencv_threads(_threads(config)):
        for number, size in enumerate(sizes):
            progress(number * share, "the processor's matrix product")
            comparison.peak = _higher(comparison.peak, matmul_peak(threads))
            cases = [BenchCase(engine, model) for engine in engines]
            if number == 0 and comparison.baseline is not None:
                cases.append(BenchCase(OpenCVEngine("cpu"), comparison.baseline))
            for case in cases:
                comparison.count_gmac(case.model, size)
            background = BackgroundLoad(clock)
            comparison.timings += time_interleaved(
                cases, size, config.seconds_of("engines"), clock, subrange(progress, number * share, share), stop
            )
            comparison.others_busy = _higher(comparison.others_busy, background.cores())
            if stop.is_set():
                break
        else:
            progress(0.9, "the processor's matrix product")
            comparison.peak = _higher(comparison.peak, matmul_peak(threads))
            if any(_BFLOAT16 in engine.device for engine in engines):
                comparison.bf16_peak = bf16_peak(threads)
    comparison.problems += [engine.trouble for engine in engines if engine.trouble is not None]
    return comparison


def select_engines(config: BenchConfig, problems: list[str]) -> list[Engine]:
    """Create the engines to measure; an engine that the user did not name and that is broken goes to `problems`.

    Without a device, each engine is created on every device it finds: the processor, in bfloat16 too where that is a
    device of its own, and a graphics card.

    Raises:
        EngineUnavailableError, UsageError: an engine or device named by the user is not there.
    """
    requested = [(name, device) for name, device in config.named_engines if name != AUTO]
    engines: list[Engine] = []
    for name, device in requested or [(name, config.device) for name in installed()]:
        if name not in ENGINES:
            raise UsageError(f"there is no engine {name!r}; choose {', '.join(ENGINES)}")
        devices = [other for other in DEVICES_OF[name] if other != AUTO] if device == AUTO else [device]
        for number, one in enumerate(devices):
            try:
                engines.append(make_engine(name, one, _threads(config)))
            except (EngineUnavailableError, UsageError) as error:
                if requested and number == 0:
                    raise
                if number == 0 and device == AUTO:
                    problems.append(f"{name}: {error}")
    if not engines:
        raise UsageError(f"no installed engine has a device {config.device!r}; choose another, or auto")
    return engines


def time_interleaved(
    cases: Sequence[BenchCase], size: Size, seconds: float, clock: Clock, progress: ProgressCallback,
    stop: threading.Event,
) -> list[CaseTimings]:  # fmt: skip
    """Time all `cases` at `size` in turns for about `seconds`, with at least `MIN_ROUNDS` turns each.

    A case whose engine fails is left out of further turns, with its reason. `stop` ends it after the current turn.
    """
    image = np.random.default_rng(0).integers(0, 256, (size.height, size.width, 3), np.uint8)
    timers = [_CaseTimer(CaseTimings(case, size), image, clock) for case in cases]
    for timer in timers:
        if not stop.is_set():
            progress(0.0, f"{timer.timings.case.label} at {size}: loading")
            timer.warm_up()
    started_at, rounds = clock.now(), 0
    while (clock.now() - started_at < seconds or rounds < MIN_ROUNDS) and not stop.is_set():
        for number, timer in enumerate(timers):
            spent = (clock.now() - started_at) / seconds
            turns = (rounds + number / len(timers)) / MIN_ROUNDS
            progress(min(spent, turns, 1.0), f"{timer.timings.case.label} at {size}")
            timer.turn()
            clock.wait_until(clock.now() + REST_S)
            if stop.is_set():
                break
        rounds += 1
        if all(timer.timings.problem for timer in timers):
            break
    return [timer.timings for timer in timers]


class _CaseTimer:
    """Runs one case and adds to its timings; after an engine's error it does nothing more."""

    def __init__(self, timings: CaseTimings, image: np.ndarray[Any, Any], clock: Clock) -> None:
        self.timings = timings
        self._clock = clock
        self._session: InferenceSession | None = None
        weights = timings.case.model.rows(timings.case.model.one_hot(), min(image.shape[:2]))
        tensor = to_tensor(image)
        self._paint: Callable[[InferenceSession], object] = lambda session: session.stylize(image, weights)
        self._run: Callable[[InferenceSession], object] = lambda session: session.run(tensor, weights)

    def warm_up(self) -> None:
        """Load the network and run it twice."""
        with self._noting_errors():
            self._session = session = self.timings.case.engine.session(self.timings.case.model, *self.timings.size)
            for _ in range(2):
                self._paint(session)
                self._run(session)

    def turn(self) -> None:
        """Time some runs with pictures, then some of the network alone."""
        with self._noting_errors():
            for times, work in ((self.timings.paint, self._paint), (self.timings.run, self._run)):
                if self._session is not None:
                    self._time(self._session, times, work)

    @contextlib.contextmanager
    def _noting_errors(self) -> Iterator[None]:
        try:
            yield
        except EngineError as error:
            self.timings.problem = str(error)
            self._session = None

    def _time(self, session: InferenceSession, times: list[float], work: Callable[[InferenceSession], object]) -> None:
        uncounted = self._once(session, work)
        if uncounted > 2 * TURN_MS:  # so long that the state of the caches does not show
            times.append(uncounted)
            return
        runs = max(1, min(MAX_RUNS, round(TURN_MS / max(uncounted, 1e-3))))
        times += [self._once(session, work) for _ in range(runs)]

    def _once(self, session: InferenceSession, work: Callable[[InferenceSession], object]) -> float:
        started_at = self._clock.now()
        work(session)
        return (self._clock.now() - started_at) * 1000


def _threads(config: BenchConfig) -> int | None:
    """Limit the requested threads to the usable cores, as `stylecam run` does; None for all."""
    return None if config.threads is None else min(config.threads, usable_cores())


@contextlib.contextmanager
def _opencv_threads(threads: int | None) -> Iterator[None]:
    """Set OpenCV's threads inside the block: they belong to the whole process, not to one engine."""
    before = cv2.getNumThreads()
    if threads is not None:
        cv2.setNumThreads(threads)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _higher(one: float | None, other: float | None) -> float | None:
    return max((rate for rate in (one, other) if rate is not None), default=None)


def _ratio(baseline: float | None, own: float | None) -> float | None:
    return None if baseline is None or not own else round(baseline / own, 1)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _percentiles(times: Sequence[float]) -> dict[str, float | int] | None:
    if not times:
        return None
    p50, p95 = np.percentile(times, (50, 95))
    return {"best": round(min(times), 3), "p50": round(float(p50), 3), "p95": round(float(p95), 3), "runs": len(times)}
