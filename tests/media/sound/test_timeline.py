"""Tests of the delay of the sound, of covers, and of the times at which sound was recorded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylecam.media.sound.source import RATE
from stylecam.media.sound.timeline import ArrivalClock, PictureTimeline


def test_the_sound_waits_as_long_as_the_picture() -> None:
    timeline = PictureTimeline()
    for index in range(300):
        timeline.published(index / 30, index, index / 30 - 0.08, covered=False)
    assert timeline.delay_s == pytest.approx(0.08)


def test_the_delay_follows_a_change_and_no_single_late_frame() -> None:
    timeline = PictureTimeline()
    for index in range(200):
        late = 0.9 if index % 10 == 0 else 0.05 if index < 100 else 0.1
        timeline.published(float(index), index, index - late, covered=False)
        if index == 99:
            assert timeline.delay_s == pytest.approx(0.05)
    assert timeline.delay_s == pytest.approx(0.1)


def test_repeated_pictures_and_covers_say_nothing_about_the_delay() -> None:
    timeline = PictureTimeline()
    timeline.published(0.0, 7, -0.05, covered=False)
    timeline.published(5.0, 7, -0.05, covered=False)
    timeline.published(6.0, 8, -100.0, covered=True)
    assert timeline.delay_s == pytest.approx(0.05)


def test_nothing_is_heard_before_the_first_picture() -> None:
    timeline = PictureTimeline()
    assert not timeline.is_audible(1.0, 1.0, 0.02)
    timeline.published(2.0, 0, 1.9, covered=False)
    assert not timeline.is_audible(1.9, 2.0, 0.02)
    assert timeline.is_audible(2.0, 2.1, 0.02)


def test_what_was_said_or_would_be_shown_during_a_cover_is_not_heard() -> None:
    timeline = PictureTimeline()
    timeline.published(0.0, 0, 0.0, covered=False)
    timeline.published(10.0, 1, 10.0, covered=True)
    timeline.published(12.0, 2, 12.0, covered=False)
    delay = 0.3
    for captured_at, heard in [(9.6, True), (9.75, False), (10.5, False), (11.9, False), (11.99, False), (12.0, True)]:
        assert timeline.is_audible(captured_at, captured_at + delay, 0.01) is heard, captured_at


@given(st.lists(st.tuples(st.floats(0.001, 5), st.booleans()), min_size=1, max_size=60), st.floats(0, 1))
def test_no_sound_reaches_into_a_cover(steps: list[tuple[float, bool]], delay: float) -> None:
    covers: list[tuple[float, float]] = []
    timeline, now, begun = PictureTimeline(), 0.0, float("-inf")
    covered_before = True
    for index, (pause, covered) in enumerate(steps):
        now += pause
        timeline.published(now, index, now - delay, covered=covered)
        if covered_before and not covered:
            covers.append((begun, now))
        elif covered and not covered_before:
            begun = now
        covered_before = covered
    if covered_before:
        covers.append((begun, float("inf")))
    for at in np.linspace(0, now, 50):
        if timeline.is_audible(float(at), float(at) + delay, 0.02):
            for start, end in covers:
                assert at + 0.02 <= start or at >= end
                assert at + delay + 0.02 <= start or at + delay >= end


def test_regular_arrivals_are_dated_back_by_their_length() -> None:
    clock = ArrivalClock()
    assert [clock.start_of(10 + index / 100, RATE // 100) for index in range(3)] == pytest.approx([9.99, 10.0, 10.01])


def test_late_arrivals_hardly_move_the_time() -> None:
    clock = ArrivalClock()
    random = np.random.default_rng(1)
    errors = []
    for index in range(1000):
        recorded_until = (index + 1) / 100
        late = 0.002 + 0.02 * random.random() ** 2
        errors.append(clock.start_of(recorded_until + late, RATE // 100) - index / 100)
    assert max(np.abs(np.diff(errors[100:]))) < 0.004
    assert 0 <= min(errors[100:]) <= max(errors[100:]) < 0.01


def test_a_device_whose_clock_is_slow_is_followed() -> None:
    clock, found = ArrivalClock(), 0.0
    for index in range(60_000):  # ten minutes, and 200 parts in a million: 120 ms
        found = clock.start_of((index + 1) / 100 * 1.0002, RATE // 100) - index / 100 * 1.0002
    assert abs(found) < 0.005


def test_a_gap_is_a_gap() -> None:
    clock = ArrivalClock()
    clock.start_of(10.0, RATE // 100)
    assert clock.start_of(15.0, RATE // 100) == pytest.approx(14.99)
