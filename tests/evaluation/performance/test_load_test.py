"""The governor under load."""

from __future__ import annotations

from stylecam.evaluation.performance.load_test import LoadTestResult, phases, script
from tests.evaluation.performance.fixtures import entry, run

PARTS = phases(60.0, 2)


def loads(*times: float) -> list[dict[str, object]]:
    return [{"kind": "event", "t": t, "what": "load", "argument": "1"} for t in times]


def test_half_of_the_cores_are_taken_and_given_back() -> None:
    assert [phase.programs for phase in phases(60.0, 8)] == [0, 4, 0]
    assert [phase.programs for phase in phases(60.0, 1)] == [0, 1, 0]
    assert [(event.at_s, event.argument) for event in script(PARTS)] == [(15.0, "1"), (35.0, "0")]


def test_it_has_settled_with_the_last_change_of_a_phase() -> None:
    def rung(t: float) -> list[int]:
        return [640, 360] if t < 16 or t >= 40 else [512, 288] if t < 17.5 else [448, 256]

    samples = [entry(t / 4, rung=rung(t / 4)) for t in range(240)]
    calm, loaded, again = LoadTestResult(run(samples, events=loads(15.2, 35.1)), PARTS).as_dict()["phases"]
    assert (calm["changes"], calm["settled_after_s"]) == (0, 0.0)
    assert (loaded["changes"], loaded["settled_after_s"], loaded["rung"]) == (2, 2.3, [448, 256])
    assert (again["changes"], again["settled_after_s"], again["rung"]) == (1, 4.9, [640, 360])


def test_late_frames_are_those_of_the_phase() -> None:
    samples = [entry(t, repeats=0 if t < 20 else 7 if t < 35 else 9) for t in range(61)]
    shown = LoadTestResult(run(samples, events=loads(15, 35)), PARTS).as_dict()["phases"]
    assert [phase["late"] for phase in shown] == [0, 9, 0]


def test_taking_detail_away_is_a_change() -> None:
    samples = [entry(t, detail=t < 10) for t in range(61)]
    assert LoadTestResult(run(samples, events=loads(15, 35)), PARTS).as_dict()["phases"][0]["changes"] == 1


def test_of_a_run_cut_short_the_phases_not_reached_are_empty() -> None:
    samples = [entry(t) for t in range(10)]
    shown = LoadTestResult(run(samples, report=None), PARTS).as_dict()["phases"]
    assert [phase["rung"] for phase in shown] == [[640, 360], None, None]
