"""What a run might have seen."""

from __future__ import annotations

from typing import Any

from stylecam.bench.job import Job
from stylecam.bench.journal import Outcome
from stylecam.bench.run import Run


def entry(t: float, **changes: Any) -> dict[str, Any]:
    """A sample at `t` of a run at 30 frames a second that keeps one core busy."""
    return {
        "kind": "sample",
        "t": t,
        "busy_s": t,
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


def run(samples: list[dict[str, Any]], seconds: float = 60.0, **changes: Any) -> Run:
    """A run of which these samples were taken."""
    outcome = Outcome(samples, **{"report": REPORT, **changes})
    return Run(Job("samples.jsonl", seconds), outcome)
