"""Tests of limiting the threads and the priority of a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import cv2
import pytest

from stylecam.live.engine_choice import EngineChooser
from stylecam.live.settings import Settings
from stylecam.utils import resources
from stylecam.utils.clock import ManualClock
from stylecam.utils.resources import limit_threads


@pytest.fixture
def threads() -> Iterator[int]:
    """Return OpenCV's number of threads and restore it afterwards."""
    before = cv2.getNumThreads()
    yield before
    cv2.setNumThreads(before)


def test_opencv_uses_the_requested_number_of_threads(threads: int) -> None:
    limit_threads(threads + 1)
    assert cv2.getNumThreads() == threads + 1


def test_choosing_an_engine_leaves_the_threads_of_the_process_alone(threads: int) -> None:
    cv2.setNumThreads(3)
    assert EngineChooser(Settings(threads=1), ManualClock()).threads == 1
    assert cv2.getNumThreads() == 3


@pytest.mark.parametrize(("load", "busy"), [(0.0, False), (2.0, False), (2.1, True), (30.0, True)])
def test_a_computer_is_busy_with_more_than_half_a_program_for_each_processor(
    load: float, busy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "load_average", lambda: load)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert resources.is_busy() is busy


@pytest.mark.skipif(sys.platform != "linux", reason="the scheduler is Linux's")
def test_a_process_that_yields_has_the_lowest_priority_with_the_threads_it_starts_then() -> None:
    code = (
        "import os, threading; from stylecam.utils.resources import yield_to_other_programs; yield_to_other_programs();"
        "thread = threading.Thread(target=lambda: print(os.nice(0), os.sched_getscheduler(threading.get_native_id())));"
        "thread.start(); thread.join()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["19", str(os.SCHED_IDLE)]
