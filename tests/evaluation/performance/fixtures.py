"""Made-up results of measurements."""

from __future__ import annotations

from typing import Any

from stylecam.evaluation.host import HostInfo
from stylecam.evaluation.performance.engines import BenchCase, CaseTimings, EngineComparison
from stylecam.evaluation.performance.live_run import LiveRunConfig, LiveRunResult
from stylecam.evaluation.performance.load_test import LoadTestResult, phases
from stylecam.evaluation.performance.suite import BenchReport
from stylecam.media.frame import Size
from tests.doubles import TintEngine, model


def sample(t: float, **changes: Any) -> dict[str, Any]:
    """Return a sample at `t` of a run at 30 frames a second that keeps one core busy."""
    return {
        "kind": "sample",
        "t": t,
        "busy_s": t,
        "machine_busy_s": 1.5 * t,
        "rss_mb": 200.0,
        "published": round(30 * t),
        "styled": round(30 * t),
        "repeats": 0,
        "drops": 0,
        "reused": 0,
        "spared": 0,
        "published_fps": 30.0,
        "styled_fps": 30.0,
        "latency_ms": {"p50": 20.0, "p95": 30.0},
        "longest_gap_ms": 36.0,
        "rung": [640, 360],
        "detail": True,
        "style": "great_wave",
        "reason": "holding",
        "faults": 0,
        "trouble": None,
        **changes,
    }


REPORT: dict[str, Any] = {
    "engine": "opencv",
    "device": "cpu",
    "tier": "lean",
    "engine_version": "OpenCV 4.14.0",
    "published_fps": 30.0,
    "styled_fps": 29.5,
    "latency_ms": {"p50": 20.0, "p95": 30.0, "p99": 40.0},
    "gap_ms": {"p99": 35.0, "max": 41.0},
    "repeats": 3,
    "drops": 2,
    "reused": 0,
    "rss_mb": 210.0,
    "start_s": 1.5,
    "stages": {"network": {"count": 100, "mean": 12.0, "p50": 11.5, "p95": 14.0, "max": 20.0}},
}


def live_result(samples: list[dict[str, Any]], seconds: float = 60.0, **changes: Any) -> LiveRunResult:
    """Return the result of a live run that took `samples`."""
    return LiveRunResult(LiveRunConfig("samples.jsonl", seconds), samples, **{"report": REPORT, **changes})


SIZE, LARGE = Size(64, 48), Size(128, 96)


def comparison() -> EngineComparison:
    """Return timings of a network of 0.2 GMAC in 4 ms and of the baseline in 100 ms, at a peak of 100 GMAC/s."""
    ours, baseline = model("ours"), model("baseline")
    engine = TintEngine()
    result = EngineComparison(baseline=baseline, peak=100.0, gmac={(ours.key, SIZE): 0.2, (ours.key, LARGE): 0.8})
    result.timings = [
        CaseTimings(BenchCase(engine, ours), SIZE, [4.0, 4.0, 9.0], [5.0]),
        CaseTimings(BenchCase(engine, baseline), SIZE, [100.0], [80.0]),
        CaseTimings(BenchCase(engine, ours), LARGE, [16.0], [16.0]),
    ]
    return result


def full_report() -> BenchReport:
    """Return a report of all measurements, done to the end."""
    samples = [sample(t) for t in range(61)]
    events = [{"kind": "event", "t": 15.1, "what": "load", "argument": "1"}]
    pixels = {"count": 90, "p50": 20.0, "p95": 30.0, "p99": 33.0, "max": 40.0, "unreadable": 0, "backwards": 0}
    run = live_result(samples, events=events, pixels=pixels)
    return BenchReport(
        HostInfo.collect(), "great_wave", comparison(), run, [run, run],
        LoadTestResult(run, phases(60, 2)), [run, run],
        run,
    )  # fmt: skip


def crashed_report() -> BenchReport:
    """Return a report of all live measurements, each of which crashed at once."""
    run = live_result([], report=None, crash="it ended with SIGSEGV")
    return BenchReport(
        HostInfo.collect(), "great_wave", None, run, [run], LoadTestResult(run, phases(60, 2)), [run],
        run, stopped=True,
    )  # fmt: skip
