"""Mistakes of the governor: whose they were, and how long they are remembered."""

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
"""What the step that failed would need by what frames cost after it."""


@pytest.fixture
def regret() -> StepBackoff[int]:
    return StepBackoff()


def mistake(regret: StepBackoff[int], share: float, step: int = FINE, now: float = 0.0, after: float = 1.0) -> None:
    regret.raised(now)
    regret.fell(step, now + after)
    for _ in range(FRAMES_TO_JUDGE):
        regret.judge(share)


def wait(regret: StepBackoff[int], step: int = FINE, *, wide: bool = False) -> float:
    """How many seconds of calm and quiet it takes until `step` may be dared."""
    regret.look(0.0, late=True, fits=True)
    regret.look(0.0, late=False, fits=True)
    return next(s / 2 for s in range(10_000) if regret.allows(step, s / 2, s / 2, wide=wide))


def test_without_a_mistake_calm_is_enough(regret: StepBackoff[int]) -> None:
    assert wait(regret) == CALM_S


def test_a_step_left_long_after_it_was_taken_was_no_mistake(regret: StepBackoff[int]) -> None:
    mistake(regret, LIGHT, after=MISTAKE_WINDOW_S + 1)
    assert wait(regret) == CALM_S


def test_what_frames_cost_after_the_fall_tells_a_load_from_a_step_that_is_too_fine(regret: StepBackoff[int]) -> None:
    mistake(regret, HEAVY)
    assert regret.failed is None
    mistake(regret, LIGHT)
    assert regret.failed == FINE


def test_a_step_that_is_too_fine_is_dared_less_and_less_often_and_coarser_ones_as_before(
    regret: StepBackoff[int],
) -> None:
    waits = []
    for _ in range(12):
        mistake(regret, LIGHT)
        waits.append(wait(regret))
    assert waits[:4] == [2 * CALM_S, 4 * CALM_S, 8 * CALM_S, 16 * CALM_S]
    assert waits[-1] == MAX_RETRY_WAIT_S
    assert wait(regret, FINER) == MAX_RETRY_WAIT_S
    assert wait(regret, FINE - 1) == CALM_S


def test_a_step_that_should_fit_by_a_wide_margin_is_not_doubted_for_long(regret: StepBackoff[int]) -> None:
    for _ in range(12):
        mistake(regret, LIGHT)
    assert wait(regret, wide=True) == MAX_WIDE_RETRY_WAIT_S


def test_a_load_that_keeps_coming_makes_it_wait_longer_before_every_step_but_never_long(
    regret: StepBackoff[int],
) -> None:
    for _ in range(12):
        mistake(regret, HEAVY)
    assert wait(regret) == wait(regret, FINE - 1) == MAX_LOAD_WAIT_S


def test_quiet_is_not_begun_anew_with_each_step_up(regret: StepBackoff[int]) -> None:
    for _ in range(12):
        mistake(regret, HEAVY)
    regret.look(0.0, late=False, fits=True)
    assert not regret.allows(FINE, MAX_LOAD_WAIT_S - 1, MAX_LOAD_WAIT_S - 1, wide=False)
    regret.raised(MAX_LOAD_WAIT_S)
    assert regret.allows(FINER, MAX_LOAD_WAIT_S + CALM_S, CALM_S, wide=False)


def test_unrest_fades_while_nothing_is_late(regret: StepBackoff[int]) -> None:
    for _ in range(12):
        mistake(regret, HEAVY)
    for second in range(round(4 * LOAD_WAIT_HALVES_AFTER_S)):
        regret.look(float(second), late=False, fits=False)
    assert wait(regret) == CALM_S


def test_a_load_puts_earlier_verdicts_in_doubt(regret: StepBackoff[int]) -> None:
    for _ in range(4):
        mistake(regret, LIGHT)
    before = wait(regret)
    mistake(regret, HEAVY)
    assert wait(regret) == before / 2


def test_however_far_a_mistake_leads_down_it_is_one_and_the_last_step_that_did_not_hold_is_to_blame(
    regret: StepBackoff[int],
) -> None:
    regret.raised(0.0)
    regret.fell(FINER, 1.0)
    regret.judge(LIGHT)
    regret.fell(FINE, 1.3)
    for _ in range(FRAMES_TO_JUDGE):
        regret.judge(LIGHT)
    assert regret.failed == FINE
    assert wait(regret) == 2 * CALM_S


def test_frames_that_something_known_disturbed_are_no_witnesses(regret: StepBackoff[int]) -> None:
    regret.raised(0.0)
    regret.fell(FINE, 1.0)
    for _ in range(FRAMES_TO_JUDGE - 1):
        regret.judge(HEAVY)
    regret.forget_recent()
    for _ in range(FRAMES_TO_JUDGE - 1):
        regret.judge(LIGHT)
    verdicts = [regret.failed]
    regret.judge(LIGHT)
    verdicts.append(regret.failed)
    assert verdicts == [None, FINE]


def test_a_step_that_failed_and_then_held_is_forgiven(regret: StepBackoff[int]) -> None:
    mistake(regret, LIGHT)
    regret.hold(FINE - 1, 90.0)
    regret.hold(FINE, 100.0)
    regret.hold(FINER, 100.0 + MISTAKE_WINDOW_S)
    forgiven = [regret.failed]
    regret.hold(FINER, 101.0 + MISTAKE_WINDOW_S)
    forgiven.append(regret.failed)
    assert forgiven == [FINE, None]
    assert wait(regret) == CALM_S


def test_a_step_that_has_held_before_is_believed_once(regret: StepBackoff[int]) -> None:
    regret.hold(FINE, 0.0)
    regret.hold(FINE, MISTAKE_WINDOW_S + 1)
    mistake(regret, LIGHT, now=20.0)
    verdicts = [regret.failed]
    mistake(regret, LIGHT, now=40.0)
    verdicts.append(regret.failed)
    assert verdicts == [None, FINE]
