"""Tests of measuring how long each stage of a frame takes."""

from __future__ import annotations

import pytest

from stylecam.utils.clock import ManualClock
from stylecam.utils.metrics import StageTimes


def test_the_time_of_a_stage_is_known_when_it_has_ended(clock: ManualClock) -> None:
    with StageTimes(clock).time("network") as timer:
        clock.advance(0.0125)
    assert timer.milliseconds == pytest.approx(12.5)


def test_stages_are_listed_in_the_order_of_their_first_runs(clock: ManualClock) -> None:
    stages = StageTimes(clock)
    for name, seconds in (("fit", 0.001), ("network", 0.010), ("fit", 0.003)):
        with stages.time(name):
            clock.advance(seconds)
    snapshot = stages.snapshot()
    assert list(snapshot) == ["fit", "network"]
    assert snapshot["fit"]["count"] == 2
    assert snapshot["fit"]["mean"] == pytest.approx(2.0)
    assert snapshot["fit"]["p50"] == pytest.approx(1.0, abs=0.06)
    assert snapshot["fit"]["max"] == pytest.approx(3.0)
    assert snapshot["network"]["p95"] == pytest.approx(10.0, abs=0.06)


def test_a_stage_that_failed_is_not_counted(clock: ManualClock) -> None:
    stages = StageTimes(clock)
    with pytest.raises(ValueError, match="broken"), stages.time("network"):
        raise ValueError("broken")
    assert stages.snapshot() == {}
