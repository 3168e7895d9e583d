"""What this process has process_usage so far, for the statistics."""

from __future__ import annotations

import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

import psutil


# ---- process
def process_age_s(now: float, then: float) -> float:
    """Seconds from the start of this process to `then` (both monotonic)."""
    return float(time.time() - psutil.Process().create_time()) - (now - then)


def process_usage(now: float) -> dict[str, Any]:
    """Resident memory, and how many cores it has kept busy on average until `now` (monotonic)."""
    process = psutil.Process()
    times = process.cpu_times()
    return {
        "rss_mb": round(process.memory_info().rss / 2**20, 1),
        "cpu_cores": round(float(times.user + times.system) / max(1e-3, process_age_s(now, now)), 2),
    }


# ---- processor
def usable_cores() -> int:
    """How many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def limit_threads(count: int) -> None:
    """Let OpenCV use `count` threads in this whole process: for programs, never for a library's constructors."""
    import cv2  # not every program that asks for resources has pictures

    cv2.setNumThreads(count)


def processor_name() -> str:
    """What the processor is called, as far as the system tells without asking another program."""
    if sys.platform == "linux":
        try:
            lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
        except OSError:
            lines = []
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def load_average() -> float:
    """How many programs have wanted a processor during the last minute, as far as the system tells: else 0."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
