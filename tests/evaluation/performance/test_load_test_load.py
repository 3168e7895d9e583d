"""Busy programs beside."""

from __future__ import annotations

import subprocess
import sys

import psutil

from stylecam.evaluation.performance.load_test import CpuLoad
from tests.doubles import until


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]


def test_as_many_as_asked_for_are_busy_and_none_afterwards() -> None:
    before = len(children())
    with CpuLoad() as load:
        load.set(2)
        assert len(children()) == before + 2
        load.set(1)
        assert (load.count, len(children())) == (1, before + 1)
        one = psutil.Process(load._processes[0].pid)
        assert until(lambda: one.cpu_times().user > 0.3), "it does nothing"
    assert len(children()) == before


def test_none_outlives_a_program_that_died() -> None:
    program = (
        "import os; from stylecam.evaluation.performance.load_test import CpuLoad; load = CpuLoad(); load.set(1);"
        "os.write(1, str(load._processes[0].pid).encode()); os._exit(1)"
    )
    dead = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    pid = int(dead.stdout)
    assert until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
