"""What this computer's processor is, and how much of the computer this process and all programs use."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

import psutil

BUSY_SHARE = 0.5
"""The load average per processor above which a computer counts as busy, so that times measured on it are too long."""

_OPENCV_NO_MEMORY = -4
"""`cv2.Error.StsNoMem`."""
_allowed: int | None = None  # threads for pictures, where OpenCV has fewer of its own


def process_age_s(now: float, then: float) -> float:
    """Return the seconds from the start of this process to `then`. Both arguments are times of the monotonic clock."""
    return float(time.time() - _process(os.getpid()).create_time()) - (now - then)


def process_usage(now: float) -> dict[str, Any]:
    """Return this process's resident memory (`rss_mb`) and the mean number of cores it has used (`cpu_cores`).

    Args:
        now: the present time of the monotonic clock, in seconds.
    """
    process = _process(os.getpid())
    times = process.cpu_times()
    return {
        "rss_mb": round(process.memory_info().rss / 2**20, 1),
        "cpu_cores": round(float(times.user + times.system) / max(1e-3, process_age_s(now, now)), 2),
    }


@cache
def _process(pid: int) -> psutil.Process:
    return psutil.Process(pid)


def usable_cores() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def limit_threads(count: int, opencv: int | None = None) -> None:
    """Let this whole process use `count` threads for pictures, and OpenCV `opencv` of its own; None for as many.

    Only for programs, not for constructors of a library.
    """
    import cv2  # not every program that asks for resources needs OpenCV

    global _allowed
    _allowed = None if opencv is None else count
    cv2.setNumThreads(count if opencv is None else opencv)


def allowed_threads() -> int:
    """Return how many threads may work on a picture at once: what `limit_threads` allowed, or as many as OpenCV has."""
    import cv2

    return _allowed or cv2.getNumThreads()


def processor_name() -> str:
    """Return the processor's name, as far as the system tells it without starting another program."""
    if sys.platform == "linux":
        try:
            lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
        except OSError:
            lines = []
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def lower_thread_priority() -> None:
    """Let other threads of this process go first, where a thread has a priority of its own: on Linux."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


def lacks_memory(error: BaseException | None) -> bool:
    """Return whether `error` was raised for want of memory: by Python, or by OpenCV, which has one class for all."""
    return isinstance(error, MemoryError) or (
        type(error).__module__ == "cv2" and getattr(error, "code", None) == _OPENCV_NO_MEMORY
    )


def load_average() -> float:
    """Return how many programs used or waited for a processor in the last minute; 0 where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def is_busy() -> bool:
    """Return whether this computer had much to do in the last minute; False where the system does not tell."""
    return load_average() > BUSY_SHARE * (os.cpu_count() or 1)


def yield_to_other_programs() -> None:
    """Let this process, and the threads it starts from now on, run only when no other program wants the processor."""
    process = psutil.Process()
    with contextlib.suppress(OSError, psutil.Error):
        process.nice(psutil.IDLE_PRIORITY_CLASS if sys.platform == "win32" else 19)
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with contextlib.suppress(OSError, psutil.Error):
        process.ionice(psutil.IOPRIO_CLASS_IDLE)
    if os.getsid(0) == os.getpid():
        # Linux compares sessions before the processes in them (autogroups), so the session yields too.
        with contextlib.suppress(OSError):
            Path("/proc/self/autogroup").write_text("19", "ascii")
