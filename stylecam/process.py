"""What this process has used so far, for the statistics."""

from __future__ import annotations

import time
from typing import Any

import psutil


def age(now: float, then: float) -> float:
    """Seconds from the start of this process to `then` (both monotonic)."""
    return float(time.time() - psutil.Process().create_time()) - (now - then)


def used(now: float) -> dict[str, Any]:
    """Resident memory, and how many cores it has kept busy on average until `now` (monotonic)."""
    process = psutil.Process()
    times = process.cpu_times()
    return {
        "rss_mb": round(process.memory_info().rss / 2**20, 1),
        "cpu_cores": round(float(times.user + times.system) / max(1e-3, age(now, now)), 2),
    }
