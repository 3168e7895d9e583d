"""Mistakes of the governor: whose they were, and how long they are remembered."""

from __future__ import annotations

import pytest

from stylecam.stylize.step_backoff import (
    CALM_S,
    FADE_S,
    JUDGED,
    LONGEST_DOUBT_S,
    LONGEST_UNREST_S,
    LONGEST_WIDE_DOUBT_S,
    REGRET_S,
    Regret,
)

FINE, FINER = 5, 6
LIGHT, HEAVY = 0.8, 1.6
"""What the step that failed would need by what frames cost after it."""


@pytest.fixture
def regret() -> Regret[int]:
    return Regret()


def mistake(regret: Regret[int], share: float, step: int = FINE, now: float = 0.0, after: float = 1.0) -> None:
    regret.raised(now)
    regret.fell(step, now + after)
    for _ in range(JUDGED):
        regret.look_back(share)


def wait(regret: Regret[int], step: int = FINE, *, wide: bool = False) -> float:
    """How many seconds of calm and quiet it takes until `step` may be dared."""
    regret.look(0.0, late=True, fits=True)
    regret.look(0.0, late=False, fits=True)
    return next(s / 2 for s in range(10_000) if regret.is_over(step, s / 2, s / 2, wide=wide))


def test_without_a_mistake_calm_is_enough(regret: Regret[int]) -> None:
    assert wait(regret) == CALM_S


def test_a_step_left_long_after_it_was_taken_was_no_mistake(regret: Regret[int]) -> None:
    mistake(regret, LIGHT, after=REGRET_S + 1)
    assert wait(regret) == CALM_S


def test_what_frames_cost_after_the_fall_tells_a_load_from_a_step_that_is_too_fine(regret: Regret[int]) -> None:
    mistake(regret, HEAVY)
    assert regret.failed is None
    mistake(regret, LIGHT)
    assert regret.failed == FINE


def test_a_step_that_is_too_fine_is_dared_less_and_less_often_and_coarser_ones_as_before(regret: Regret[int]) -> None:
    waits = []
    for _ in range(12):
        mistake(regret, LIGHT)
        waits.append(wait(regret))
    assert waits[:4] == [2 * CALM_S, 4 * CALM_S, 8 * CALM_S, 16 * CALM_S]
    assert waits[-1] == LONGEST_DOUBT_S
    assert wait(regret, FINER) == LONGEST_DOUBT_S
    assert wait(regret, FINE - 1) == CALM_S


def test_a_step_that_should_fit_by_a_wide_margin_is_not_doubted_for_long(regret: Regret[int]) -> None:
    for _ in range(12):
        mistake(regret, LIGHT)
    assert wait(regret, wide=True) == LONGEST_WIDE_DOUBT_S


def test_a_load_that_keeps_coming_makes_it_wait_longer_before_every_step_but_never_long(regret: Regret[int]) -> None:
    for _ in range(12):
        mistake(regret, HEAVY)
    assert wait(regret) == wait(regret, FINE - 1) == LONGEST_UNREST_S


def test_quiet_is_not_begun_anew_with_each_step_up(regret: Regret[int]) -> None:
    for _ in range(12):
        mistake(regret, HEAVY)
    regret.look(0.0, late=False, fits=True)
    assert not regret.is_over(FINE, LONGEST_UNREST_S - 1, LONGEST_UNREST_S - 1, wide=False)
    regret.raised(LONGEST_UNREST_S)
    assert regret.is_over(FINER, LONGEST_UNREST_S + CALM_S, CALM_S, wide=False)


def test_unrest_fades_while_nothing_is_late(regret: Regret[int]) -> None:
    for _ in range(12):
        mistake(regret, HEAVY)
    for second in range(round(4 * FADE_S)):
        regret.look(float(second), late=False, fits=False)
    assert wait(regret) == CALM_S


def test_a_load_puts_earlier_verdicts_in_doubt(regret: Regret[int]) -> None:
    for _ in range(4):
        mistake(regret, LIGHT)
    before = wait(regret)
    mistake(regret, HEAVY)
    assert wait(regret) == before / 2


def test_however_far_a_mistake_leads_down_it_is_one_and_the_last_step_that_did_not_hold_is_to_blame(
    regret: Regret[int],
) -> None:
    regret.raised(0.0)
    regret.fell(FINER, 1.0)
    regret.look_back(LIGHT)
    regret.fell(FINE, 1.3)
    for _ in range(JUDGED):
        regret.look_back(LIGHT)
    assert regret.failed == FINE
    assert wait(regret) == 2 * CALM_S


def test_frames_that_something_known_disturbed_are_no_witnesses(regret: Regret[int]) -> None:
    regret.raised(0.0)
    regret.fell(FINE, 1.0)
    for _ in range(JUDGED - 1):
        regret.look_back(HEAVY)
    regret.disturb()
    for _ in range(JUDGED - 1):
        regret.look_back(LIGHT)
    verdicts = [regret.failed]
    regret.look_back(LIGHT)
    verdicts.append(regret.failed)
    assert verdicts == [None, FINE]


def test_a_step_that_failed_and_then_held_is_forgiven(regret: Regret[int]) -> None:
    mistake(regret, LIGHT)
    regret.hold(FINE - 1, 90.0)
    regret.hold(FINE, 100.0)
    regret.hold(FINER, 100.0 + REGRET_S)
    forgiven = [regret.failed]
    regret.hold(FINER, 101.0 + REGRET_S)
    forgiven.append(regret.failed)
    assert forgiven == [FINE, None]
    assert wait(regret) == CALM_S


def test_a_step_that_has_held_before_is_believed_once(regret: Regret[int]) -> None:
    regret.hold(FINE, 0.0)
    regret.hold(FINE, REGRET_S + 1)
    mistake(regret, LIGHT, now=20.0)
    verdicts = [regret.failed]
    mistake(regret, LIGHT, now=40.0)
    verdicts.append(regret.failed)
    assert verdicts == [None, FINE]
