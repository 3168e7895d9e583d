"""Tests of how long the governor waits before it tries a failed step again."""

from __future__ import annotations

import pytest

from stylecam.stylize.step_backoff import (
    CALM_S,
    FRAMES_TO_JUDGE,
    LOAD_WAIT_HALVES_AFTER_S,
    MAX_LOAD_WAIT_S,
    MAX_RETRY_WAIT_S,
    MAX_WIDE_RETRY_WAIT_S,
    MISTAKE_WINDOW_S,
    StepBackoff,
)

FINE, FINER = 5, 6
LIGHT, HEAVY = 0.8, 1.6
"""The share of the budget that the failed step would need, by the cost of the frames after it."""


@pytest.fixture
def backoff() -> StepBackoff[int]:
    return StepBackoff()


def mistake(backoff: StepBackoff[int], share: float, step: int = FINE, now: float = 0.0, after: float = 1.0) -> None:
    backoff.stepped_up(now)
    backoff.stepped_down(step, now + after)
    for _ in range(FRAMES_TO_JUDGE):
        backoff.judge(share)


def wait(backoff: StepBackoff[int], step: int = FINE, *, wide: bool = False) -> float:
    """Return the seconds without late frames until `step` may be tried."""
    backoff.observe(0.0, late=True, fits=True)
    backoff.observe(0.0, late=False, fits=True)
    return next(s / 2 for s in range(10_000) if backoff.allows(step, s / 2, s / 2, wide=wide))


def test_without_a_mistake_the_calm_time_is_enough(backoff: StepBackoff[int]) -> None:
    assert wait(backoff) == CALM_S


def test_a_step_left_long_after_it_was_taken_was_no_mistake(backoff: StepBackoff[int]) -> None:
    mistake(backoff, LIGHT, after=MISTAKE_WINDOW_S + 1)
    assert wait(backoff) == CALM_S


def test_the_cost_after_a_step_down_tells_a_load_from_a_step_that_was_too_fine(backoff: StepBackoff[int]) -> None:
    mistake(backoff, HEAVY)
    assert backoff.failed is None
    mistake(backoff, LIGHT)
    assert backoff.failed == FINE


def test_a_step_that_is_too_fine_is_tried_less_and_less_often_and_coarser_ones_as_before(
    backoff: StepBackoff[int],
) -> None:
    waits = []
    for _ in range(12):
        mistake(backoff, LIGHT)
        waits.append(wait(backoff))
    assert waits[:4] == [2 * CALM_S, 4 * CALM_S, 8 * CALM_S, 16 * CALM_S]
    assert waits[-1] == MAX_RETRY_WAIT_S
    assert wait(backoff, FINER) == MAX_RETRY_WAIT_S
    assert wait(backoff, FINE - 1) == CALM_S


def test_a_step_with_a_wide_margin_is_tried_again_sooner(backoff: StepBackoff[int]) -> None:
    for _ in range(12):
        mistake(backoff, LIGHT)
    assert wait(backoff, wide=True) == MAX_WIDE_RETRY_WAIT_S


def test_repeated_loads_lengthen_the_wait_before_every_step_up_to_a_limit(
    backoff: StepBackoff[int],
) -> None:
    for _ in range(12):
        mistake(backoff, HEAVY)
    assert wait(backoff) == wait(backoff, FINE - 1) == MAX_LOAD_WAIT_S


def test_a_step_up_does_not_restart_the_wait_after_a_load(backoff: StepBackoff[int]) -> None:
    for _ in range(12):
        mistake(backoff, HEAVY)
    backoff.observe(0.0, late=False, fits=True)
    assert not backoff.allows(FINE, MAX_LOAD_WAIT_S - 1, MAX_LOAD_WAIT_S - 1, wide=False)
    backoff.stepped_up(MAX_LOAD_WAIT_S)
    assert backoff.allows(FINER, MAX_LOAD_WAIT_S + CALM_S, CALM_S, wide=False)


def test_the_wait_after_loads_shrinks_while_no_frame_is_late(backoff: StepBackoff[int]) -> None:
    for _ in range(12):
        mistake(backoff, HEAVY)
    for second in range(round(4 * LOAD_WAIT_HALVES_AFTER_S)):
        backoff.observe(float(second), late=False, fits=False)
    assert wait(backoff) == CALM_S


def test_a_load_halves_the_wait_of_earlier_failures(backoff: StepBackoff[int]) -> None:
    for _ in range(4):
        mistake(backoff, LIGHT)
    before = wait(backoff)
    mistake(backoff, HEAVY)
    assert wait(backoff) == before / 2


def test_several_steps_down_count_as_one_mistake_of_the_lowest_failed_step(
    backoff: StepBackoff[int],
) -> None:
    backoff.stepped_up(0.0)
    backoff.stepped_down(FINER, 1.0)
    backoff.judge(LIGHT)
    backoff.stepped_down(FINE, 1.3)
    for _ in range(FRAMES_TO_JUDGE):
        backoff.judge(LIGHT)
    assert backoff.failed == FINE
    assert wait(backoff) == 2 * CALM_S


def test_frames_with_a_known_disturbance_are_not_judged(backoff: StepBackoff[int]) -> None:
    backoff.stepped_up(0.0)
    backoff.stepped_down(FINE, 1.0)
    for _ in range(FRAMES_TO_JUDGE - 1):
        backoff.judge(HEAVY)
    backoff.forget_recent()
    for _ in range(FRAMES_TO_JUDGE - 1):
        backoff.judge(LIGHT)
    verdicts = [backoff.failed]
    backoff.judge(LIGHT)
    verdicts.append(backoff.failed)
    assert verdicts == [None, FINE]


def test_a_step_that_failed_and_then_held_is_forgiven(backoff: StepBackoff[int]) -> None:
    mistake(backoff, LIGHT)
    backoff.hold(FINE - 1, 90.0)
    backoff.hold(FINE, 100.0)
    backoff.hold(FINER, 100.0 + MISTAKE_WINDOW_S)
    forgiven = [backoff.failed]
    backoff.hold(FINER, 101.0 + MISTAKE_WINDOW_S)
    forgiven.append(backoff.failed)
    assert forgiven == [FINE, None]
    assert wait(backoff) == CALM_S


def test_a_step_that_held_before_is_forgiven_once(backoff: StepBackoff[int]) -> None:
    backoff.hold(FINE, 0.0)
    backoff.hold(FINE, MISTAKE_WINDOW_S + 1)
    mistake(backoff, LIGHT, now=20.0)
    verdicts = [backoff.failed]
    mistake(backoff, LIGHT, now=40.0)
    verdicts.append(backoff.failed)
    assert verdicts == [None, FINE]
