"""Measure a long run: one style after the other, load that comes and goes, a camera that is lost now and then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from stylecam.evaluation.performance.live_run import LiveRunResult, ScheduledEvent

SWITCH_EVERY_S = 10.0
MINUTE_S = 60.0
LOAD_AT_S, LOAD_UNTIL_S = 15.0, 35.0
"""The part of each minute in which another program takes half of the processor."""
FAULT_AT_S, FAULT_S = 45.0, 2.5
"""The second of each minute at which the camera is lost, and for how long."""
WARM_UP_S = 300.0
"""The start of the run in which memory is not judged: every style is loaded once by then."""
WARM_UP_SHARE = 0.25
"""The largest share of the run that counts as its start."""
_MAX_POINTS = 600
"""The number of points to which samples are reduced, because the slope takes all pairs of them."""
_TIMELINE = ("t", "rss_mb", "rung", "longest_gap_ms")


def script(seconds: float, cores: int) -> tuple[ScheduledEvent, ...]:
    """Return all events of a run of `seconds`, in order of time."""
    events = [ScheduledEvent(at, "order", "next") for at in _times(SWITCH_EVERY_S, SWITCH_EVERY_S, seconds)]
    events += [ScheduledEvent(at, "load", str(max(1, cores // 2))) for at in _times(LOAD_AT_S, MINUTE_S, seconds)]
    events += [ScheduledEvent(at, "load", "0") for at in _times(LOAD_UNTIL_S, MINUTE_S, seconds)]
    events += [ScheduledEvent(at, "fault", str(FAULT_S)) for at in _times(FAULT_AT_S, MINUTE_S, seconds - FAULT_S)]
    return tuple(sorted(events))


def slope(times_s: Sequence[float], megabytes: Sequence[float]) -> float | None:
    """Return how many megabytes memory grows in ten minutes; None for fewer than three samples.

    It is the median of the slopes between all pairs (Theil 1950, Sen 1968): memory that is taken for a moment and
    returned does not count as a leak, also when the last sample falls on such a moment.
    """
    if len(times_s) < 3:
        return None
    size = -(-len(times_s) // _MAX_POINTS)
    t, mb = (
        np.array([np.median(values[start : start + size]) for start in range(0, len(values), size)])
        for values in (times_s, megabytes)
    )
    earlier, later = np.triu_indices(len(t), 1)
    apart = t[later] > t[earlier]
    return float(np.median((mb[later] - mb[earlier])[apart] / (t[later] - t[earlier])[apart])) * 600.0


def rise(megabytes: Sequence[float]) -> float | None:
    """Return the last tenth's median less the first tenth's, which shows steps that the median slope may hide."""
    if len(megabytes) < 3:
        return None
    tenth = -(-len(megabytes) // 10)
    return float(np.median(megabytes[-tenth:]) - np.median(megabytes[:tenth]))


def summarize(run: LiveRunResult) -> dict[str, Any]:
    """Return the long run `run` as plain values, for JSON."""
    samples = run.samples
    counts = Counter(event["what"] for event in run.events if event["argument"] != "0")
    warm_up_s = min(WARM_UP_S, WARM_UP_SHARE * run.seconds)
    judged = [entry for entry in samples if entry["t"] >= warm_up_s]
    memory = [entry["rss_mb"] for entry in judged]
    growth, risen = slope([entry["t"] for entry in judged], memory), rise(memory)
    return {
        **run.as_dict(),
        "switches": counts["order"],
        "loads": counts["load"],
        "faults": counts["fault"],
        "faults_seen": samples[-1]["faults"] if samples else 0,
        "longest_gap_ms": max((entry["longest_gap_ms"] or 0.0 for entry in samples), default=None),
        "warm_up_s": round(warm_up_s, 1),
        "growth_mb_per_10_min": None if growth is None else round(growth, 3),
        "risen_mb": None if risen is None else round(risen, 1),
        "rss_mb_first": memory[0] if memory else None,
        "rss_mb_last": memory[-1] if memory else None,
        "rss_mb_highest": max(memory, default=None),
        "lost_at_the_end": bool(samples and samples[-1]["trouble"]),
        "timeline": [{name: entry[name] for name in _TIMELINE} for entry in samples],
    }


def _times(first: float, every: float, end: float) -> list[float]:
    return [float(at) for at in np.arange(first, end, every)]
