"""Who watches, and from when to when the camera is on for them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stylecam.control.state import LiveState
from stylecam.live.viewers import LINGER_S, UPDATE_INTERVAL_S, Viewers
from tests.doubles import WatchableSink, watchable_sink

MINUTES_S = 600.0


class House:
    """An viewers with two sinks, and a clock in hand."""

    def __init__(self, *taken: bool | None, always_on: bool = False, idle_after_s: float | None = None) -> None:
        self.now = 50.0
        self.state = LiveState()
        self.seats: list[WatchableSink] = [watchable_sink(one) for one in taken]
        self.viewers = Viewers(self.seats, lambda: self.state, self.now, always_on=always_on, idle_after_s=idle_after_s)

    def after(self, seconds: float) -> bool:
        """Is the camera on `seconds` later, looked at all the time?"""
        for _ in range(round(seconds / UPDATE_INTERVAL_S)):
            self.now += UPDATE_INTERVAL_S * 1.01  # as a clock would: never early
            self.viewers.update(self.now)
        return self.viewers.watching

    def order(self, resting: bool = False) -> None:
        self.state = replace(self.state, version=self.state.version + 1, resting=resting)


def test_at_the_start_the_camera_is_on() -> None:
    assert House(False).viewers.watching


def test_without_a_viewer_it_goes_off_after_a_moment() -> None:
    house = House(False, False)
    assert house.after(LINGER_S - 0.5)
    assert not house.after(1)


@pytest.mark.parametrize("taken", [(True, False), (False, True), (True, None)])
def test_one_viewer_anywhere_keeps_it_on(taken: tuple[bool | None, ...]) -> None:
    assert House(*taken).after(3600)


def test_a_viewer_brings_it_back_at_the_next_look() -> None:
    house = House(False)
    house.after(60)
    house.seats[0].taken = True
    assert house.after(UPDATE_INTERVAL_S)


def test_a_program_that_closes_and_opens_it_every_few_seconds_never_turns_it_off() -> None:
    house = House(True)
    for _ in range(50):
        house.seats[0].taken = not house.seats[0].taken
        assert house.after(LINGER_S - 0.5)


def test_sinks_are_asked_at_most_ten_times_a_second() -> None:
    house = House(False)
    asked = []
    house.seats[0]._has_viewers = lambda: bool(asked.append(1))  # type: ignore[method-assign, func-returns-value]
    for _ in range(100):
        house.now += UPDATE_INTERVAL_S / 10
        house.viewers.update(house.now)
    assert len(asked) == pytest.approx(10, abs=1)


def test_a_closed_sink_has_no_viewer() -> None:
    house = House(True)
    house.seats[0].close()
    assert not house.after(LINGER_S + 1)


def test_where_it_cannot_be_told_the_camera_stays_on() -> None:
    assert House(None, False).after(36_000)


def test_where_it_cannot_be_told_it_goes_off_after_so_long_without_a_key() -> None:
    house = House(None, idle_after_s=MINUTES_S)
    assert house.after(MINUTES_S * 0.95)
    assert not house.after(MINUTES_S * 0.05 + LINGER_S + 1)


def test_any_key_begins_that_time_anew_and_wakes_it() -> None:
    house = House(None, idle_after_s=MINUTES_S)
    house.after(MINUTES_S / 2)
    house.order()
    assert house.after(MINUTES_S * 0.9)
    house.after(MINUTES_S)
    house.order()
    assert house.after(UPDATE_INTERVAL_S)


def test_that_time_means_nothing_where_a_viewer_is_known() -> None:
    assert House(True, idle_after_s=MINUTES_S).after(10 * MINUTES_S)


def test_always_on_needs_no_viewer() -> None:
    assert House(False, always_on=True).after(36_000)


def test_switched_off_by_hand_it_is_off_at_once_whoever_watches() -> None:
    house = House(True, always_on=True)
    house.order(resting=True)
    assert not house.after(UPDATE_INTERVAL_S)
    assert house.viewers.waiting_for == "camera switched off by hand"
    house.order(resting=False)
    assert house.after(UPDATE_INTERVAL_S)


def test_it_says_what_it_waits_for() -> None:
    house = House(False)
    assert house.viewers.waiting_for is None
    house.after(60)
    assert house.viewers.waiting_for == "waiting for a viewer"


def test_a_sink_that_joins_is_asked_too_and_one_that_parts_no_more() -> None:
    house = House(False)
    recording = watchable_sink()
    house.viewers.add(recording)
    assert house.after(60)
    house.viewers.remove(recording)
    assert not house.after(60)
