"""All that was asked for, measured one after the other; what is known so far where it is stopped."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from stylecam.errors import StylecamError, UsageError
from stylecam.evaluation.host import HostInfo
from stylecam.evaluation.performance import load_test as burden
from stylecam.evaluation.performance import soak_test as endurance
from stylecam.evaluation.performance.config import MEASUREMENTS, BenchConfig, ProgressCallback, subrange
from stylecam.evaluation.performance.engines import EngineComparison, compare_engines, select_engines
from stylecam.evaluation.performance.live_run import SAMPLE, Entry, LiveRunConfig, LiveRunResult, Run, run_live
from stylecam.evaluation.performance.live_worker import STRENGTH
from stylecam.evaluation.performance.load_test import LoadTestResult
from stylecam.evaluation.performance.soak_test import SoakTestResult
from stylecam.models.catalog import Catalog, StyleMix
from stylecam.utils.clock import Clock, SystemClock
from stylecam.utils.resources import usable_cores

ENOUGH_RUNS = 100


@dataclass(slots=True)
class BenchReport:
    """What was found; kinds that were not reached are None or empty, because of `failure` or since it was `stopped`."""

    host: HostInfo
    style: str
    kinds: tuple[str, ...]
    engines: EngineComparison | None = None
    stages: Run | None = None
    live: list[Run] = field(default_factory=list)
    governor: LoadTestResult | None = None
    latency: list[Run] = field(default_factory=list)
    soak: SoakTestResult | None = None
    stopped: bool = False
    failure: StylecamError | None = None

    @property
    def runs(self) -> list[Run]:
        """All live runs, of whatever kind."""
        others = [kind.run for kind in (self.governor, self.soak) if kind is not None]
        return [*([self.stages] if self.stages is not None else []), *self.live, *self.latency, *others]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        found: dict[str, Any] = {"machine": self.host.as_dict(), "style": self.style, "stopped_early": self.stopped}
        if self.failure is not None:
            found["failure"] = str(self.failure)
        if self.engines is not None:
            found["engines"] = self.engines.as_dict()
        if self.stages is not None:
            found["stages"] = self.stages.as_dict()
        if self.live:
            found["live"] = [run.as_dict() for run in self.live]
        if self.governor is not None:
            found["governor"] = self.governor.as_dict()
        if self.latency:
            found["latency"] = [{**run.as_dict(), "pixels": run.outcome.pixels} for run in self.latency]
        if self.soak is not None:
            found["soak"] = self.soak.as_dict()
        return found


class BenchSuite:
    """Measures what a plan asks for. Making one checks the plan; `run` does the work.

    Raises:
        StylecamError: what was asked for cannot be meant, or is not there.
    """

    def __init__(
        self, plan: BenchConfig, listener: ProgressCallback = lambda _, __: None, stop: threading.Event | None = None,
        clock: Clock | None = None,
    ) -> None:  # fmt: skip
        """`listener` is told of the progress, from the calling thread; set `stop` to end soon."""
        plan.check()
        self._plan, self._listener = plan, listener
        self._stop = stop or threading.Event()
        self._clock: Clock = clock or SystemClock()
        self._mix = _mix(plan)
        if "engines" in plan.what:
            select_engines(plan, [])
        usual = LiveRunConfig.of(plan, Path(), "live")
        self._runs = [
            {"camera": camera, "engine": engine, "device": device, "scale": scale}
            for camera, (engine, device), scale in product(
                plan.cameras, plan.named_engines or ((usual.engine, usual.device),), plan.scales
            )
        ]
        if "live" in plan.what and len(self._runs) > ENOUGH_RUNS:
            raise UsageError(f"that would be {len(self._runs)} live runs; ask for fewer cameras, engines or scales")

    def run(self) -> BenchReport:
        """Do it all, or as much as there is time for before `stop` is set.

        What is found is not lost when something later fails: that ends it, and is the report's `failure`.

        Raises:
            BenchError: the very first live run could not be opened.
            EngineError: an engine that was asked for by name does not work.
        """
        kinds = [kind for kind in MEASUREMENTS if kind in self._plan.what]
        report = BenchReport(HostInfo.here(), self._mix.label, tuple(kinds))
        expected = {kind: self._expected_s(kind) for kind in kinds}
        done, total = 0.0, sum(expected.values())
        for kind in kinds:
            if self._stop.is_set():
                break
            try:
                _DO[kind](self, report, subrange(self._listener, done / total, expected[kind] / total))
            except StylecamError as error:
                if report.engines is None and not report.runs:
                    raise
                report.failure = error
                break
            done += expected[kind]
        report.stopped = self._stop.is_set()
        return report

    def _expected_s(self, kind: str) -> float:
        """About how long it takes, for the progress."""
        runs = {"live": len(self._runs), "latency": 2, "engines": len(self._plan.engine_sizes)}.get(kind, 1)
        return runs * (self._plan.seconds_of(kind) + 3.0)

    def _engines(self, report: BenchReport, listener: ProgressCallback) -> None:
        report.engines = compare_engines(self._plan, self._mix.model, self._clock, listener, self._stop)

    def _stages(self, report: BenchReport, listener: ProgressCallback) -> None:
        report.stages = self._measured("stages", listener, "stages of a frame")

    def _live(self, report: BenchReport, listener: ProgressCallback) -> None:
        share = 1 / len(self._runs)
        for number, given in enumerate(self._runs):
            if self._stop.is_set():
                break
            scale = "" if given["scale"] is None else f" at {given['scale']:g} of the size"
            what = f"{Path(str(given['camera'])).name} with {given['engine']}{scale}"
            report.live.append(self._measured("live", subrange(listener, number * share, share), what, **given))

    def _governor(self, report: BenchReport, listener: ProgressCallback) -> None:
        parts = burden.phases(self._plan.seconds_of("governor"), usable_cores())
        run = self._measured("governor", listener, "load comes and goes", script=burden.script(parts), every_s=0.25)
        report.governor = LoadTestResult(run, parts)

    def _latency(self, report: BenchReport, listener: ProgressCallback) -> None:
        pictures: tuple[tuple[str, dict[str, Any]], ...] = (
            ("latency of the plain picture", {"style": "none"}),
            ("latency of the painting", {"strength": STRENGTH, "steadiness": 0.0}),
        )
        for number, (what, given) in enumerate(pictures):
            if not self._stop.is_set():
                listen = subrange(listener, number / 2, 0.5)
                report.latency.append(
                    self._measured("latency", listen, what, camera="demo:timestamp", reads=True, **given)
                )

    def _soak(self, report: BenchReport, listener: ProgressCallback) -> None:
        script = endurance.script(self._plan.seconds_of("soak"), usable_cores())
        report.soak = SoakTestResult(self._measured("soak", listener, "soak", script=script))

    def _measured(self, kind: str, listener: ProgressCallback, what: str, **given: Any) -> Run:
        """One live run in a process of its own."""
        with tempfile.TemporaryDirectory() as folder:
            samples = self._plan.samples or Path(folder) / "samples.jsonl"
            job = LiveRunConfig.of(self._plan, samples, kind, **given)

            def look(entry: Entry) -> None:
                if entry["kind"] == SAMPLE:
                    listener(entry["t"] / job.seconds, f"{what}: {_told(entry)}")

            listener(0.0, f"{what}: starting")
            outcome: LiveRunResult = run_live(job, self._clock, self._stop, look)
        return Run(job, outcome)


_DO: dict[str, Callable[[BenchSuite, BenchReport, ProgressCallback], None]] = {
    "engines": BenchSuite._engines,
    "stages": BenchSuite._stages,
    "live": BenchSuite._live,
    "governor": BenchSuite._governor,
    "latency": BenchSuite._latency,
    "soak": BenchSuite._soak,
}


def _told(entry: Entry) -> str:
    rung = "camera picture" if not entry["rung"] else "{}×{}".format(*entry["rung"])
    return f"{entry['published_fps']:.1f} fps at {rung}, {entry['rss_mb']:.0f} MB"


def _mix(plan: BenchConfig) -> StyleMix:
    catalog = Catalog.load(plan.folders)
    if plan.style is None and not catalog.cards:
        raise UsageError("there is no style to measure with; name one, or install stylecam again")
    mix = catalog.mix_of(catalog.cards[0]) if plan.style is None else catalog.parse(plan.style)
    if mix is None:
        raise UsageError("--style none paints nothing; name a style")
    return mix
