"""Tests of the long run."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from stylecam.evaluation.performance.soak_test import rise, script, slope, summarize
from tests.evaluation.performance.fixtures import live_result, sample


def test_the_script_of_half_an_hour_has_switches_loads_and_faults() -> None:
    events = script(1800.0, 2)
    counted = Counter((event.what, event.argument) for event in events)
    assert counted["order", "next"] == 179
    assert counted["load", "1"] == counted["load", "0"] == 30
    assert counted["fault", "2.5"] == 30
    assert [event.at_s for event in events] == sorted(event.at_s for event in events)


def test_a_load_ends_within_its_part() -> None:
    running = 0
    for event in script(600.0, 4):
        running = int(event.argument) if event.what == "load" else running
        assert running in (0, 2)
    assert running == 0


def test_growth_is_the_slope_of_memory() -> None:
    times = list(range(0, 1500, 5))
    noise = np.random.default_rng(0).normal(0, 0.5, len(times))
    memory = [300 + 2.0 * t / 600 + n for t, n in zip(times, noise, strict=True)]
    assert slope(times, memory) == pytest.approx(2.0, abs=0.3)
    assert slope([1.0, 2.0], [1.0, 2.0]) is None


def test_short_peaks_of_memory_are_not_growth_and_a_rising_base_is() -> None:
    times = np.arange(0.0, 1500.0)
    moments = np.where(times % 60 > 45, 40.0, 0.0) + np.where(times > 1490, 60.0, 0.0)
    assert slope(times.tolist(), (300 + moments).tolist()) == pytest.approx(0.0, abs=0.01)
    assert slope(times.tolist(), (300 + moments + 1.5 * times / 600).tolist()) == pytest.approx(1.5, abs=0.3)


def test_a_leak_in_steps_of_pages_is_growth() -> None:
    times = np.arange(0.0, 1500.0)
    assert slope(times.tolist(), (300 + 4.0 * np.floor(times / 300)).tolist()) == pytest.approx(8.0, abs=1.0)


def test_the_slope_of_a_run_of_days_is_calculated() -> None:
    times = np.arange(0.0, 200_000.0)
    assert slope(times.tolist(), (300 + times / 600).tolist()) == pytest.approx(1.0, abs=0.01)


def test_one_step_up_that_a_median_slope_hides_is_reported_too() -> None:
    memory = [300.0] * 600 + [340.0] * 300
    assert slope(list(range(900)), memory) == pytest.approx(0.0, abs=0.01)
    assert rise(memory) == 40.0
    assert rise([1.0]) is None


def test_growth_during_the_warm_up_does_not_count() -> None:
    samples = [sample(t, rss_mb=min(300.0, 100 + t)) for t in range(1801)]
    shown = summarize(live_result(samples, 1800.0))
    assert shown["warm_up_s"] == 300.0
    assert shown["growth_mb_per_10_min"] == pytest.approx(0.0, abs=1e-6)


def test_events_are_counted_and_the_longest_gap_is_reported() -> None:
    samples = [sample(t, longest_gap_ms=40.0 if t < 30 else 120.0, faults=t // 30) for t in range(61)]
    events = [
        {"t": 10.0, "what": "order", "argument": "next"},
        {"t": 15.0, "what": "load", "argument": "1"},
        {"t": 35.0, "what": "load", "argument": "0"},
        {"t": 45.0, "what": "fault", "argument": "2.5"},
    ]
    shown = summarize(live_result(samples, events=events))
    assert (shown["switches"], shown["loads"], shown["faults"], shown["faults_seen"]) == (1, 1, 1, 2)
    assert shown["longest_gap_ms"] == 120.0
    assert not shown["lost_at_the_end"]


def test_a_run_that_crashed_at_once_can_be_reported() -> None:
    shown = summarize(live_result([], report=None, crash="it ended with SIGABRT"))
    assert shown["crash"] == "it ended with SIGABRT"
    assert shown["growth_mb_per_10_min"] is None
