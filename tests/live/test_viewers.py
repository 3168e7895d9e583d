"""Whether anybody watches, and when the camera goes on and off."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stylecam.control.state import LiveState
from stylecam.live.viewers import LINGER_S, UPDATE_INTERVAL_S, Viewers
from tests.doubles import WatchableSink, watchable_sink

MINUTES_S = 600.0


class SteppedViewers:
    """`Viewers` with sinks, stepped by hand."""

    def __init__(self, *watched: bool | None, always_on: bool = False, idle_after_s: float | None = None) -> None:
        self.now = 50.0
        self.state = LiveState()
        self.sinks: list[WatchableSink] = [watchable_sink(one) for one in watched]
        self.viewers = Viewers(self.sinks, lambda: self.state, self.now, always_on=always_on, idle_after_s=idle_after_s)

    def after(self, seconds: float) -> bool:
        """Update for `seconds`, and return whether the camera is on then."""
        for _ in range(round(seconds / UPDATE_INTERVAL_S)):
            self.now += UPDATE_INTERVAL_S * 1.01  # as a clock would: never early
            self.viewers.update(self.now)
        return self.viewers.watching

    def press(self, resting: bool = False) -> None:
        self.state = replace(self.state, commands=self.state.commands + 1, resting=resting)


def test_at_the_start_the_camera_is_on() -> None:
    assert SteppedViewers(False).viewers.watching


def test_without_a_viewer_it_goes_off_after_a_moment() -> None:
    stepped = SteppedViewers(False, False)
    assert stepped.after(LINGER_S - 0.5)
    assert not stepped.after(1)


@pytest.mark.parametrize("watched", [(True, False), (False, True), (True, None)])
def test_one_viewer_anywhere_keeps_it_on(watched: tuple[bool | None, ...]) -> None:
    assert SteppedViewers(*watched).after(3600)


def test_a_new_viewer_switches_it_on_at_the_next_update() -> None:
    stepped = SteppedViewers(False)
    stepped.after(60)
    stepped.sinks[0].taken = True
    assert stepped.after(UPDATE_INTERVAL_S)


def test_a_program_that_closes_and_opens_it_every_few_seconds_never_turns_it_off() -> None:
    stepped = SteppedViewers(True)
    for _ in range(50):
        stepped.sinks[0].taken = not stepped.sinks[0].taken
        assert stepped.after(LINGER_S - 0.5)


def test_sinks_are_queried_at_most_ten_times_a_second() -> None:
    stepped = SteppedViewers(False)
    queries = []
    stepped.sinks[0]._has_viewers = lambda: bool(queries.append(1))  # type: ignore[method-assign, func-returns-value]
    for _ in range(100):
        stepped.now += UPDATE_INTERVAL_S / 10
        stepped.viewers.update(stepped.now)
    assert len(queries) == pytest.approx(10, abs=1)


def test_a_closed_sink_has_no_viewer() -> None:
    stepped = SteppedViewers(True)
    stepped.sinks[0].close()
    assert not stepped.after(LINGER_S + 1)


def test_with_a_sink_that_cannot_tell_the_camera_stays_on() -> None:
    assert SteppedViewers(None, False).after(36_000)


def test_with_a_sink_that_cannot_tell_it_goes_off_after_the_idle_time_without_a_key() -> None:
    stepped = SteppedViewers(None, idle_after_s=MINUTES_S)
    assert stepped.after(MINUTES_S * 0.95)
    assert not stepped.after(MINUTES_S * 0.05 + LINGER_S + 1)


def test_any_key_restarts_that_time_and_switches_the_camera_on() -> None:
    stepped = SteppedViewers(None, idle_after_s=MINUTES_S)
    stepped.after(MINUTES_S / 2)
    stepped.press()
    assert stepped.after(MINUTES_S * 0.9)
    stepped.after(MINUTES_S)
    stepped.press()
    assert stepped.after(UPDATE_INTERVAL_S)


def test_a_sink_with_a_viewer_keeps_it_on_without_any_key() -> None:
    assert SteppedViewers(True, idle_after_s=MINUTES_S).after(10 * MINUTES_S)


def test_always_on_needs_no_viewer() -> None:
    assert SteppedViewers(False, always_on=True).after(36_000)


def test_switched_off_by_hand_it_is_off_at_once_whoever_watches() -> None:
    stepped = SteppedViewers(True, always_on=True)
    stepped.press(resting=True)
    assert not stepped.after(UPDATE_INTERVAL_S)
    assert stepped.viewers.waiting_for == "camera switched off by hand"
    stepped.press(resting=False)
    assert stepped.after(UPDATE_INTERVAL_S)


def test_the_reason_why_the_camera_is_off_is_reported() -> None:
    stepped = SteppedViewers(False)
    assert stepped.viewers.waiting_for is None
    stepped.after(60)
    assert stepped.viewers.waiting_for == "waiting for a viewer"


def test_an_added_sink_is_queried_too_and_a_removed_one_no_longer() -> None:
    stepped = SteppedViewers(False)
    recording = watchable_sink()
    stepped.viewers.add(recording)
    assert stepped.after(60)
    stepped.viewers.remove(recording)
    assert not stepped.after(60)


def test_who_watches_is_named_as_far_as_the_sinks_can_tell() -> None:
    stepped = SteppedViewers(True, True)
    stepped.sinks[0].viewer_names = lambda: ("zoom", "firefox")  # type: ignore[method-assign]
    assert stepped.viewers.names == ("zoom", "firefox")
