"""Tests of the governor's run under load, and of the busy processes."""

from __future__ import annotations

import subprocess
import sys

import psutil

from stylecam.evaluation.performance.load_test import CpuLoad, LoadTestResult, phases, script
from tests.doubles import until
from tests.evaluation.performance.fixtures import live_result, sample

PARTS = phases(60.0, 2)


def loads(*times: float) -> list[dict[str, object]]:
    return [{"kind": "event", "t": t, "what": "load", "argument": "1"} for t in times]


def test_half_of_the_cores_are_taken_and_given_back() -> None:
    assert [phase.programs for phase in phases(60.0, 8)] == [0, 4, 0]
    assert [phase.programs for phase in phases(60.0, 1)] == [0, 1, 0]
    assert [(event.at_s, event.argument) for event in script(PARTS)] == [(15.0, "1"), (35.0, "0")]


def test_a_phase_has_settled_after_its_last_change() -> None:
    def rung(t: float) -> list[int]:
        return [640, 360] if t < 16 or t >= 40 else [512, 288] if t < 17.5 else [448, 256]

    samples = [sample(t / 4, rung=rung(t / 4)) for t in range(240)]
    calm, loaded, recovered = LoadTestResult(live_result(samples, events=loads(15.2, 35.1)), PARTS).as_dict()["phases"]
    assert (calm["changes"], calm["settled_after_s"]) == (0, 0.0)
    assert (loaded["changes"], loaded["settled_after_s"], loaded["rung"]) == (2, 2.3, [448, 256])
    assert (recovered["changes"], recovered["settled_after_s"], recovered["rung"]) == (1, 4.9, [640, 360])


def test_late_frames_are_counted_by_phase() -> None:
    samples = [sample(t, repeats=0 if t < 20 else 7 if t < 35 else 9) for t in range(61)]
    shown = LoadTestResult(live_result(samples, events=loads(15, 35)), PARTS).as_dict()["phases"]
    assert [phase["late"] for phase in shown] == [0, 9, 0]


def test_dropping_detail_counts_as_a_change() -> None:
    samples = [sample(t, detail=t < 10) for t in range(61)]
    assert LoadTestResult(live_result(samples, events=loads(15, 35)), PARTS).as_dict()["phases"][0]["changes"] == 1


def test_phases_that_a_crashed_run_did_not_reach_are_empty() -> None:
    samples = [sample(t) for t in range(10)]
    shown = LoadTestResult(live_result(samples, report=None), PARTS).as_dict()["phases"]
    assert [phase["rung"] for phase in shown] == [[640, 360], None, None]


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]


def test_the_requested_number_of_processes_is_busy_and_none_afterwards() -> None:
    before = len(children())
    with CpuLoad() as load:
        load.set(2)
        assert len(children()) == before + 2
        load.set(1)
        assert (load.count, len(children())) == (1, before + 1)
        one = psutil.Process(load._processes[0].pid)
        assert until(lambda: one.cpu_times().user > 0.3), "it does nothing"
    assert len(children()) == before


def test_busy_processes_end_when_their_parent_dies() -> None:
    program = (
        "import os; from stylecam.evaluation.performance.load_test import CpuLoad; load = CpuLoad(); load.set(1);"
        "os.write(1, str(load._processes[0].pid).encode()); os._exit(1)"
    )
    dead = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    pid = int(dead.stdout)
    assert until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
