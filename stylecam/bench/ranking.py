"""How fast each installed engine runs the network, against the classic one, and how near the processor's limit."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2

from stylecam.bench.arithmetic import gmac
from stylecam.bench.baseline import johnson
from stylecam.bench.contest import Entry, Times, compete
from stylecam.bench.host import Others
from stylecam.bench.peak import bf16_peak, matmul_peak
from stylecam.bench.plan import Listener, Plan, part
from stylecam.clock import Clock
from stylecam.engines.base import Engine
from stylecam.engines.names import AUTO, DEVICES_OF, ENGINES
from stylecam.engines.opencv import OpenCVEngine
from stylecam.engines.select import installed, make_engine
from stylecam.errors import EngineUnavailableError, ModelFormatError, UsageError
from stylecam.frame import Size
from stylecam.processor import usable_cores
from stylecam.styles.model import Model

_HALF = "bf16"


@dataclass(slots=True)
class Ranking:
    """What was found.

    Attributes:
        times: of each engine at each size, with the classic network's at the smallest.
        gmac: billions of multiply-adds, by network (its key) and size.
        peak: billions of float32 multiply-adds a second in a matrix product, the most that was seen.
        half_peak: the same for bfloat16, where an engine computes with it.
        others_busy: how many cores other programs kept busy meanwhile, at the busiest size.
        problems: engines that were left out, and why.
    """

    times: list[Times] = field(default_factory=list)
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

    def _row(self, times: Times) -> dict[str, Any]:
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

    def _is_baseline(self, times: Times) -> bool:
        return self.baseline is not None and times.entry.model.key == self.baseline.key


def rank(plan: Plan, model: Model, clock: Clock, listener: Listener, stop: threading.Event) -> Ranking:
    """Measure the engines of `plan` with `model`; the classic network runs on cv2.dnn, at the smallest size.

    Raises:
        EngineUnavailableError, UsageError: an engine or device that was asked for is not there.
    """
    ranking = Ranking(baseline=johnson())
    engines = engines_of(plan, ranking.problems)
    with _opencv_on(_threads(plan)):
        _measure(ranking, engines, plan, model, clock, listener, stop)
    ranking.problems += [engine.trouble for engine in engines if engine.trouble is not None]
    return ranking


def _measure(
    ranking: Ranking, engines: Sequence[Engine], plan: Plan, model: Model, clock: Clock, listener: Listener,
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
        others = Others(clock)
        ranking.times += compete(entries, size, seconds, clock, part(listener, number * share, share), stop)
        ranking.others_busy = _higher(ranking.others_busy, others.cores())
        if stop.is_set():
            break
    if not stop.is_set():
        listener(0.9, "the processor's matrix product")
        ranking.peak = _higher(ranking.peak, matmul_peak(threads))
        if any(_HALF in engine.device for engine in engines):
            ranking.half_peak = bf16_peak(threads)


def engines_of(plan: Plan, problems: list[str]) -> list[Engine]:
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


def _threads(plan: Plan) -> int | None:
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
