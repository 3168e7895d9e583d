"""Do all measurements of a `BenchConfig`, one after the other; when it is stopped, keep those that are done."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from stylecam.errors import StylecamError, UsageError
from stylecam.evaluation.host import HostInfo
from stylecam.evaluation.performance import load_test, soak_test
from stylecam.evaluation.performance.config import MEASUREMENTS, BenchConfig
from stylecam.evaluation.performance.engines import EngineComparison, compare_engines, select_engines
from stylecam.evaluation.performance.live_run import SAMPLE, LiveRunConfig, LiveRunResult, LogEntry, run_live
from stylecam.evaluation.performance.live_worker import TIMESTAMP_STRENGTH
from stylecam.evaluation.progress import ProgressCallback, subrange
from stylecam.models.catalog import Catalog
from stylecam.models.style_mix import StyleMix
from stylecam.models.tier import AUTO
from stylecam.stylize.style_file import resolve_style
from stylecam.utils.clock import SystemClock
from stylecam.utils.resources import usable_cores

MAX_LIVE_RUNS = 100


@dataclass(slots=True)
class BenchReport:
    """What was measured; a measurement that was not reached is None or empty. `failure` is what ended it early."""

    host: HostInfo
    style: str
    engines: EngineComparison | None = None
    stages: LiveRunResult | None = None
    live: list[LiveRunResult] = field(default_factory=list)
    governor: load_test.LoadTestResult | None = None
    latency: list[LiveRunResult] = field(default_factory=list)
    soak: LiveRunResult | None = None
    stopped: bool = False
    failure: StylecamError | None = None

    @property
    def runs(self) -> list[LiveRunResult]:
        """All live runs, of whatever measurement."""
        single = (self.stages, self.governor.run if self.governor else None, self.soak)
        return [*self.live, *self.latency, *(run for run in single if run is not None)]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        values: dict[str, Any] = {"machine": asdict(self.host), "style": self.style, "stopped_early": self.stopped}
        if self.failure is not None:
            values["failure"] = str(self.failure)
        for kind in MEASUREMENTS:
            result = getattr(self, kind)
            if kind == "latency" and result:
                values[kind] = [{**run.as_dict(), "pixels": run.pixels} for run in result]
            elif kind == "soak" and result:
                values[kind] = soak_test.summarize(result)
            elif result:
                values[kind] = [run.as_dict() for run in result] if isinstance(result, list) else result.as_dict()
        return values


class BenchSuite:
    """Does the measurements of `config`. The constructor checks them; `run` does the work.

    Args:
        config: what to measure.
        progress: called from the thread that calls `run`.
        stop: set it to stop soon.

    Raises:
        StylecamError: `config` makes no sense, or names what is not there.
    """

    def __init__(
        self,
        config: BenchConfig,
        progress: ProgressCallback = lambda _, __: None,
        stop: threading.Event | None = None,
    ) -> None:
        config.check()
        self._config, self._progress = config, progress
        self._stop = stop or threading.Event()
        self._clock = SystemClock()
        self._mix = _mix(config)
        if "engines" in config.what:
            select_engines(config, [])
        default = LiveRunConfig.of(config, Path(), "live")
        self._live_runs = [
            {"camera": camera, "engine": engine, "device": device, "scale": scale}
            for camera, (engine, device), scale in product(
                config.cameras, config.named_engines or ((default.engine, default.device),), config.scales
            )
        ]
        if "live" in config.what and len(self._live_runs) > MAX_LIVE_RUNS:
            raise UsageError(
                f"that would be {len(self._live_runs)} live runs; ask for fewer cameras, engines or scales"
            )

    def run(self) -> BenchReport:
        """Do all measurements, or as many as there is time for before `stop` is set.

        When a later measurement fails, the report holds those before it, and the error as its `failure`.

        Raises:
            BenchError: the very first live run could not be opened.
            EngineError: an engine named by the user does not work.
        """
        kinds = [kind for kind in MEASUREMENTS if kind in self._config.what]
        report = BenchReport(HostInfo.collect(), self._mix.label)
        expected = {kind: self._expected_s(kind) for kind in kinds}
        done, total = 0.0, sum(expected.values())
        measure = {
            "engines": self._engines,
            "stages": self._stages,
            "live": self._live,
            "governor": self._governor,
            "latency": self._latency,
            "soak": self._soak,
        }
        for kind in kinds:
            if self._stop.is_set():
                break
            try:
                measure[kind](report, subrange(self._progress, done / total, expected[kind] / total))
            except StylecamError as error:
                if report.engines is None and not report.runs:
                    raise
                report.failure = error
                break
            done += expected[kind]
        report.stopped = self._stop.is_set()
        return report

    def _expected_s(self, kind: str) -> float:
        """About how long a measurement takes, for the progress."""
        runs = {"live": len(self._live_runs), "latency": 2, "engines": len(self._config.engine_sizes)}.get(kind, 1)
        return runs * (self._config.seconds_of(kind) + 3.0)

    def _engines(self, report: BenchReport, progress: ProgressCallback) -> None:
        report.engines = compare_engines(self._config, self._mix.model, self._clock, progress, self._stop)

    def _stages(self, report: BenchReport, progress: ProgressCallback) -> None:
        report.stages = self._run_live("stages", progress, "stages of a frame")

    def _live(self, report: BenchReport, progress: ProgressCallback) -> None:
        share = 1 / len(self._live_runs)
        for number, changes in enumerate(self._live_runs):
            if self._stop.is_set():
                break
            scale = "" if changes["scale"] is None else f" at {changes['scale']:g} of the size"
            what = f"{Path(str(changes['camera'])).name} with {changes['engine']}{scale}"
            report.live.append(self._run_live("live", subrange(progress, number * share, share), what, **changes))

    def _governor(self, report: BenchReport, progress: ProgressCallback) -> None:
        phases = load_test.phases(self._config.seconds_of("governor"), usable_cores())
        script = load_test.script(phases)
        run = self._run_live("governor", progress, "load comes and goes", script=script, every_s=0.25)
        report.governor = load_test.LoadTestResult(run, phases)

    def _latency(self, report: BenchReport, progress: ProgressCallback) -> None:
        pictures: tuple[tuple[str, dict[str, Any]], ...] = (
            ("latency of the plain picture", {"style": "none"}),
            ("latency of the painting", {"strength": TIMESTAMP_STRENGTH, "steadiness": 0.0}),
        )
        for number, (what, changes) in enumerate(pictures):
            if not self._stop.is_set():
                changes = {"camera": "demo:timestamp", "reads_timestamps": True, **changes}
                run = self._run_live("latency", subrange(progress, number / 2, 0.5), what, **changes)
                report.latency.append(run)

    def _soak(self, report: BenchReport, progress: ProgressCallback) -> None:
        script = soak_test.script(self._config.seconds_of("soak"), usable_cores())
        report.soak = self._run_live("soak", progress, "soak", script=script)

    def _run_live(self, kind: str, progress: ProgressCallback, what: str, **changes: Any) -> LiveRunResult:
        """Do one live run in a process of its own."""
        with tempfile.TemporaryDirectory() as folder:
            samples = self._config.samples or Path(folder) / "samples.jsonl"
            config = LiveRunConfig.of(self._config, samples, kind, **changes)

            def show(entry: LogEntry) -> None:
                if entry["kind"] == SAMPLE:
                    rung = "camera picture" if not entry["rung"] else "{}×{}".format(*entry["rung"])
                    state = f"{entry['published_fps']:.1f} fps at {rung}, {entry['rss_mb']:.0f} MB"
                    progress(entry["t"] / config.seconds, f"{what}: {state}")

            progress(0.0, f"{what}: starting")
            return run_live(config, self._clock, self._stop, show)


def _mix(config: BenchConfig) -> StyleMix:
    catalog = Catalog.load(config.folders)
    if config.tier != AUTO:
        catalog.prefer(config.tier)
    if config.style is None and not catalog.cards:
        raise UsageError("there is no style to measure with; name one, or install stylecam again")
    mix = catalog.mix_of(catalog.cards[0]) if config.style is None else resolve_style(config.style, catalog)
    if mix is None:
        raise UsageError("--style none paints nothing; name a style")
    return mix
