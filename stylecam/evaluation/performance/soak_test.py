"""Hours of a call in a few: style after style, load that comes and goes, a camera that is lost now and then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stylecam.evaluation.performance.live_run import Run, ScheduledEvent

SWITCH_EVERY_S = 10.0
MINUTE_S = 60.0
LOADED_S = (15.0, 35.0)
"""Of each minute, another program takes half of the processor from then to then;"""
FAULT_AT_S, FAULT_S = 45.0, 2.5
"""and then the camera is lost, for so long."""
WARM_UP_S = 300.0
"""Memory is not judged before: every style was seen once by then,"""
WARM_UP_SHARE = 0.25
"""or before so much of the run, if that is shorter."""

_MOST_POINTS = 600
"""Samples are brought together to no more, for all pairs of them are looked at."""

_DRAWN = ("t", "rss_mb", "rung", "longest_gap_ms")


def script(seconds: float, cores: int) -> tuple[ScheduledEvent, ...]:
    """All that happens in `seconds`."""
    events = [ScheduledEvent(at, "order", "next") for at in _times(SWITCH_EVERY_S, SWITCH_EVERY_S, seconds)]
    events += [ScheduledEvent(at, "load", str(max(1, cores // 2))) for at in _times(LOADED_S[0], MINUTE_S, seconds)]
    events += [ScheduledEvent(at, "load", "0") for at in _times(LOADED_S[1], MINUTE_S, seconds)]
    events += [ScheduledEvent(at, "fault", str(FAULT_S)) for at in _times(FAULT_AT_S, MINUTE_S, seconds - FAULT_S)]
    return tuple(sorted(events))


def slope(times_s: Sequence[float], megabytes: Sequence[float]) -> float | None:
    """How much memory grows in ten minutes; None for less than three samples.

    By the median of the slopes between all pairs (Theil 1950, Sen 1968): what is taken for a moment and given back
    again, and a last look that happens to fall on it, say nothing about a leak.
    """
    if len(times_s) < 3:
        return None
    size = -(-len(times_s) // _MOST_POINTS)
    t, mb = (
        np.array([np.median(values[start : start + size]) for start in range(0, len(values), size)])
        for values in (times_s, megabytes)
    )
    earlier, later = np.triu_indices(len(t), 1)
    apart = t[later] > t[earlier]
    return float(np.median((mb[later] - mb[earlier])[apart] / (t[later] - t[earlier])[apart])) * 600.0


def rise(megabytes: Sequence[float]) -> float | None:
    """By how much the last tenth's median is above the first tenth's: steps, which a median slope may hide, show."""
    if len(megabytes) < 3:
        return None
    tenth = -(-len(megabytes) // 10)
    return float(np.median(megabytes[-tenth:]) - np.median(megabytes[:tenth]))


@dataclass(frozen=True, slots=True)
class SoakTestResult:
    """A long run."""

    run: Run

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        outcome = self.run.outcome
        samples = outcome.samples
        happened = Counter(event["what"] if event["argument"] != "0" else "relief" for event in outcome.events)
        warm_up_s = min(WARM_UP_S, WARM_UP_SHARE * outcome.seconds)
        judged = [entry for entry in samples if entry["t"] >= warm_up_s]
        memory = [entry["rss_mb"] for entry in judged]
        growth, risen = slope([entry["t"] for entry in judged], memory), rise(memory)
        return {
            **self.run.as_dict(),
            "switches": happened["order"],
            "loads": happened["load"],
            "faults": happened["fault"],
            "faults_seen": samples[-1]["faults"] if samples else 0,
            "longest_gap_ms": max((entry["longest_gap_ms"] or 0.0 for entry in samples), default=None),
            "warm_up_s": round(warm_up_s, 1),
            "growth_mb_per_10_min": None if growth is None else round(growth, 3),
            "risen_mb": None if risen is None else round(risen, 1),
            "rss_mb_first": memory[0] if memory else None,
            "rss_mb_last": memory[-1] if memory else None,
            "rss_mb_highest": max(memory, default=None),
            "lost_at_the_end": bool(samples and samples[-1]["trouble"]),
            "timeline": [{name: entry[name] for name in _DRAWN} for entry in samples],
        }


def _times(first: float, every: float, end: float) -> list[float]:
    return [float(at) for at in np.arange(first, end, every)]
