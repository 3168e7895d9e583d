"""Tests of the system clock and of the manual clock."""

from __future__ import annotations

import threading

import pytest

from stylecam.utils.clock import Clock, ManualClock, SystemClock


def test_a_manual_clock_stands_still() -> None:
    clock = ManualClock(5.0)
    assert [clock.now(), clock.now()] == [5.0, 5.0]


def test_waiting_on_a_manual_clock_jumps_to_the_deadline() -> None:
    clock = ManualClock(5.0)
    assert clock.wait_until(9.0)
    assert clock.now() == 9.0


def test_waiting_for_the_past_does_not_turn_a_manual_clock_back() -> None:
    clock = ManualClock(5.0)
    clock.wait_until(1.0)
    assert clock.now() == 5.0


def test_advancing_lets_time_pass() -> None:
    clock = ManualClock(5.0)
    clock.advance(0.5)
    assert clock.now() == 5.5


@pytest.mark.parametrize("make", [ManualClock, SystemClock])
def test_a_stopped_wait_returns_false(make: type[ManualClock] | type[SystemClock], stop: threading.Event) -> None:
    clock: Clock = make()
    stop.set()
    assert clock.wait_until(clock.now() + 3600, stop) is False


def test_a_stopped_wait_takes_no_manual_time(clock: ManualClock, stop: threading.Event) -> None:
    before = clock.now()
    stop.set()
    clock.wait_until(before + 10, stop)
    assert clock.now() == before


def test_the_system_clock_runs_forward() -> None:
    clock = SystemClock()
    before = clock.now()
    clock.wait_until(before + 0.002)
    assert clock.now() >= before + 0.002


def test_the_system_clock_reaches_a_deadline_when_the_stop_event_is_not_set(stop: threading.Event) -> None:
    clock = SystemClock()
    deadline = clock.now() + 0.002
    assert clock.wait_until(deadline, stop)
    assert clock.now() >= deadline


def test_the_system_clock_does_not_wait_for_the_past() -> None:
    clock = SystemClock()
    assert clock.wait_until(clock.now() - 3600)


def test_setting_the_event_wakes_a_wait_on_the_system_clock(stop: threading.Event) -> None:
    clock, results = SystemClock(), list[bool]()
    waiter = threading.Thread(target=lambda: results.append(clock.wait_until(clock.now() + 600, stop)))
    waiter.start()
    stop.set()
    waiter.join(30)
    assert results == [False]
