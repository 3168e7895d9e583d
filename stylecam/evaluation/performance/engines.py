"""How fast each installed engine runs the network, against the classic one, and how near the processor's limit."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from stylecam.engines.base import Engine, InferenceSession
from stylecam.engines.factory import installed, make_engine
from stylecam.engines.names import AUTO, DEVICES_OF, ENGINES
from stylecam.engines.opencv import OpenCVEngine
from stylecam.errors import EngineError, EngineUnavailableError, ModelFormatError, UsageError
from stylecam.evaluation.host import BackgroundLoad
from stylecam.evaluation.johnson import johnson
from stylecam.evaluation.macs import gmac
from stylecam.evaluation.performance.config import BenchConfig, ProgressCallback, subrange
from stylecam.evaluation.performance.peak_flops import bf16_peak, matmul_peak
from stylecam.media.frame import Image, Size
from stylecam.media.transforms import Tensor, to_tensor
from stylecam.models.model import Model
from stylecam.utils.clock import Clock
from stylecam.utils.resources import usable_cores

# ---- bench.ranking
_HALF = "bf16"


@dataclass(slots=True)
class EngineComparison:
    """What was found.

    Attributes:
        times: of each engine at each size, with the classic network's at the smallest.
        gmac: billions of multiply-adds, by network (its key) and size.
        peak: billions of float32 multiply-adds a second in a matrix product, the most that was seen.
        half_peak: the same for bfloat16, where an engine computes with it.
        others_busy: how many cores other programs kept busy meanwhile, at the busiest size.
        problems: engines that were left out, and why.
    """

    times: list[CaseTimings] = field(default_factory=list)
    baseline: Model | None = None
    gmac: dict[tuple[str, Size], float] = field(default_factory=dict)
    peak: float | None = None
    half_peak: float | None = None
    others_busy: float | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One for each engine, network and size, as plain values."""
        return [self._row(times) for times in self.times]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "peak_gmac_per_s": _rounded(self.peak, 1),
            "peak_bf16_gmac_per_s": _rounded(self.half_peak, 1),
            "others_busy": _rounded(self.others_busy, 2),
            "rows": self.rows,
            "problems": self.problems,
        }

    def _row(self, times: CaseTimings) -> dict[str, Any]:
        work, took = self.gmac.get((times.entry.model.key, times.size)), times.network_ms
        rate = None if work is None or not took else work / took * 1000
        base = next((other for other in self.times if other.size == times.size and self._is_baseline(other)), times)
        known = self._is_baseline(base)
        limit = self.peak if times.entry.engine.device.startswith("cpu") else None  # a graphics card has its own
        return {
            **times.as_dict(),
            "baseline": self._is_baseline(times),
            "gmac": _rounded(work, 3),
            "gmac_per_s": _rounded(rate, 1),
            "of_peak": None if rate is None or limit is None else round(rate / limit, 3),
            "picture_times_faster": _ratio(base.paint_ms, times.paint_ms) if known else None,
            "network_times_faster": _ratio(base.network_ms, took) if known else None,
        }

    def _is_baseline(self, times: CaseTimings) -> bool:
        return self.baseline is not None and times.entry.model.key == self.baseline.key


def compare_engines(
    plan: BenchConfig, model: Model, clock: Clock, listener: ProgressCallback, stop: threading.Event
) -> EngineComparison:
    """Measure the engines of `plan` with `model`; the classic network runs on cv2.dnn, at the smallest size.

    Raises:
        EngineUnavailableError, UsageError: an engine or device that was asked for is not there.
    """
    ranking = EngineComparison(baseline=johnson())
    engines = select_engines(plan, ranking.problems)
    with _opencv_on(_threads(plan)):
        _measure(ranking, engines, plan, model, clock, listener, stop)
    ranking.problems += [engine.trouble for engine in engines if engine.trouble is not None]
    return ranking


def _measure(
    ranking: EngineComparison, engines: Sequence[Engine], plan: BenchConfig, model: Model, clock: Clock,
    listener: ProgressCallback,
    stop: threading.Event,
) -> None:  # fmt: skip
    sizes, seconds, threads = plan.engine_sizes, plan.seconds_of("engines"), _threads(plan) or usable_cores()
    share = 0.9 / len(sizes)
    for number, size in enumerate(sizes):
        listener(number * share, "the processor's matrix product")
        ranking.peak = _higher(ranking.peak, matmul_peak(threads))
        entries = [Entry(engine, model) for engine in engines]
        if number == 0 and ranking.baseline is not None:
            entries.append(Entry(OpenCVEngine("cpu"), ranking.baseline))
        for entry in entries:
            with contextlib.suppress(ModelFormatError):  # told as unknown
                ranking.gmac[entry.model.key, size] = gmac(entry.model, size)
        others = BackgroundLoad(clock)
        ranking.times += time_interleaved(
            entries, size, seconds, clock, subrange(listener, number * share, share), stop
        )
        ranking.others_busy = _higher(ranking.others_busy, others.cores())
        if stop.is_set():
            break
    if not stop.is_set():
        listener(0.9, "the processor's matrix product")
        ranking.peak = _higher(ranking.peak, matmul_peak(threads))
        if any(_HALF in engine.device for engine in engines):
            ranking.half_peak = bf16_peak(threads)


def select_engines(plan: BenchConfig, problems: list[str]) -> list[Engine]:
    """The engines to measure; of those not asked for by name, broken ones go to `problems`.

    Without a device, each runs on the processor, in half precision too where that is a device, and on a graphics card
    where it finds one.

    Raises:
        EngineUnavailableError, UsageError: an engine or device that was asked for is not there.
    """
    asked = [(name, device) for name, device in plan.named_engines if name != AUTO]
    found: list[Engine] = []
    for name, device in asked or [(name, plan.device) for name in installed()]:
        if name not in ENGINES:
            raise UsageError(f"there is no engine {name!r}; choose {', '.join(ENGINES)}")
        for number, tried in enumerate(_devices(name) if device == AUTO else [device]):
            try:
                found.append(make_engine(name, tried, _threads(plan)))
            except (EngineUnavailableError, UsageError) as error:
                if asked and number == 0:
                    raise
                if number == 0 and device == AUTO:
                    problems.append(f"{name}: {error}")
    if not found:
        raise UsageError(f"no installed engine has a device {plan.device!r}; choose another, or auto")
    return found


def _threads(plan: BenchConfig) -> int | None:
    """Those asked for, but no more than there are cores, as for `stylecam run`; None for all."""
    return None if plan.threads is None else min(plan.threads, usable_cores())


@contextlib.contextmanager
def _opencv_on(threads: int | None) -> Iterator[None]:
    """Give OpenCV so many threads inside: they are the whole process's, so its engine cannot be told."""
    before = cv2.getNumThreads()
    if threads is not None:
        cv2.setNumThreads(threads)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _devices(engine: str) -> Sequence[str]:
    """All devices to try, the processor first."""
    return [device for device in DEVICES_OF[engine] if device != AUTO]


def _higher(one: float | None, other: float | None) -> float | None:
    return max((rate for rate in (one, other) if rate is not None), default=None)


def _ratio(base: float | None, own: float | None) -> float | None:
    return None if base is None or not own else round(base / own, 1)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


# ---- bench.contest
LEAST_ROUNDS = 3
REST_S = 0.03
"""Between two turns: threads of an engine may spin for a while, in wait of more work."""
TURN_MS = 60.0
"""Runs of one turn take about so long together,"""
MOST_RUNS = 5
"""but are never more. One before them is not counted: caches and branch predictors know another program yet."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One network on one engine."""

    engine: Engine
    model: Model

    @property
    def label(self) -> str:
        """For people and plots: what runs it, and on what."""
        return f"{self.engine.name} {self.engine.device}"


@dataclass(slots=True)
class CaseTimings:
    """What runs of an entry took at one size, in milliseconds.

    Attributes:
        paint: pictures in and out, uint8 BGR, as live frames are painted.
        run: the network alone, float32 in and out.
        problem: why it was not measured.
    """

    entry: Entry
    size: Size
    paint: list[float] = field(default_factory=list)
    run: list[float] = field(default_factory=list)
    problem: str | None = None

    @property
    def paint_ms(self) -> float | None:
        """The median of `paint`; None where nothing was measured."""
        return float(np.median(self.paint)) if self.paint else None

    @property
    def network_ms(self) -> float | None:
        """What the network takes at most: the smaller median, for some engines have a shorter way for pictures."""
        known = [float(np.median(took)) for took in (self.paint, self.run) if took]
        return min(known, default=None)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        engine = self.entry.engine
        return {
            "model": self.entry.model.path.stem,
            "engine": engine.name,
            "device": engine.device,
            "version": engine.version,
            "size": list(self.size),
            "paint_ms": _spread(self.paint),
            "run_ms": _spread(self.run),
            "problem": self.problem,
        }


def time_interleaved(
    entries: Sequence[Entry],
    size: Size,
    seconds: float,
    clock: Clock,
    listener: ProgressCallback,
    stop: threading.Event,
) -> list[CaseTimings]:
    """Measure all `entries` at `size` for about `seconds`, at least `LEAST_ROUNDS` turns each.

    One whose engine fails is left out of further turns, with its reason. `stop` ends it after the turn at hand.
    """
    image = np.random.default_rng(0).integers(0, 256, (size.height, size.width, 3), np.uint8)
    players = [_CaseTimer(CaseTimings(entry, size), image, clock) for entry in entries]
    for player in players:
        if not stop.is_set():
            listener(0.0, f"{player.times.entry.label} at {size}: loading")
            player.warm_up()
    began, rounds = clock.now(), 0
    while (clock.now() - began < seconds or rounds < LEAST_ROUNDS) and not stop.is_set():
        for number, player in enumerate(players):
            spent = (clock.now() - began) / seconds
            turns = (rounds + number / len(players)) / LEAST_ROUNDS
            listener(min(spent, turns, 1.0), f"{player.times.entry.label} at {size}")
            player.turn()
            clock.wait_until(clock.now() + REST_S)
            if stop.is_set():
                break
        rounds += 1
        if all(player.times.problem for player in players):
            break
    return [player.times for player in players]


class _CaseTimer:
    """An entry with its session."""

    def __init__(self, times: CaseTimings, image: Image, clock: Clock) -> None:
        self.times = times
        self._clock = clock
        self._image = image
        self._tensor: Tensor = to_tensor(image)
        self._weights = times.entry.model.one_hot()
        self._session: InferenceSession | None = None

    def warm_up(self) -> None:
        """Load and run it: what is slow only once."""
        entry = self.times.entry
        try:
            self._session = entry.engine.session(entry.model, *self.times.size)
            for _ in range(2):
                self._session.stylize(self._image, self._weights)
                self._session.run(self._tensor, self._weights)
        except EngineError as error:
            self.times.problem = str(error)
            self._session = None

    def turn(self) -> None:
        """Some runs, of pictures and of the network alone."""
        if self._session is None:
            return
        try:
            self._several(self.times.paint, lambda session: session.stylize(self._image, self._weights))
            self._several(self.times.run, lambda session: session.run(self._tensor, self._weights))
        except EngineError as error:
            self.times.problem = str(error)
            self._session = None

    def _several(self, kept: list[float], once: Any) -> None:
        uncounted = self._timed(once)
        if uncounted > 2 * TURN_MS:  # so long that what came before it does not show
            kept.append(uncounted)
            return
        kept += [self._timed(once) for _ in range(max(1, min(MOST_RUNS, round(TURN_MS / max(uncounted, 1e-3)))))]

    def _timed(self, once: Any) -> float:
        began = self._clock.now()
        once(self._session)
        return (self._clock.now() - began) * 1000


def _spread(took: Sequence[float]) -> dict[str, float | int] | None:
    if not took:
        return None
    p50, p95 = np.percentile(took, (50, 95))
    return {"best": round(min(took), 3), "p50": round(float(p50), 3), "p95": round(float(p95), 3), "runs": len(took)}
