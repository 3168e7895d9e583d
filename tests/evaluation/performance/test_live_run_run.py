"""What a live run was like."""

from __future__ import annotations

import pytest

from tests.evaluation.performance.fixtures import entry, run


def test_cores_are_counted_once_the_run_has_settled() -> None:
    starting = [entry(t, busy_s=2.0 * t) for t in (0, 1, 2, 3, 4)]
    settled = [entry(t, busy_s=10.0 + 0.5 * (t - 5)) for t in range(5, 60)]
    assert run(starting + settled).cores_busy == pytest.approx(0.5)


def test_what_other_programs_took_meanwhile_is_told_apart() -> None:
    samples = [entry(t, busy_s=0.5 * t, machine_busy_s=1.25 * t) for t in range(20)]
    assert run(samples).others_busy == pytest.approx(0.75)


def test_the_rung_used_most_comes_first() -> None:
    samples = [entry(t, rung=[512, 288]) for t in range(3)] + [entry(t) for t in range(3, 12)] + [entry(12, rung=None)]
    assert run(samples).rungs == [((640, 360), 0.75), ((512, 288), 0.25)]
    assert run(samples).as_dict()["rung"] == [640, 360]


def test_of_a_run_cut_short_the_last_sample_tells() -> None:
    shown = run([entry(0), entry(1, published_fps=29.0)], report=None, crash="it ended with SIGSEGV").as_dict()
    assert shown["published_fps"] == 29.0
    assert shown["latency_ms"] is None
    assert shown["crash"] == "it ended with SIGSEGV"


def test_of_a_run_that_never_began_nothing_is_known() -> None:
    shown = run([], report=None, crash="it ended with status 1").as_dict()
    assert (shown["rung"], shown["cores_busy"], shown["published_fps"]) == (None, None, None)
