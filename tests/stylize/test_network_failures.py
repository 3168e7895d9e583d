"""Networks that fail: when they rest, and when they are tried again."""

from __future__ import annotations

import pytest

from stylecam.stylize.network_failures import MAX_FAILURES, PAUSES_S, SELECT_AGAIN_S, NetworkFailures

KEY = "udnie"


@pytest.fixture
def failures() -> NetworkFailures:
    return NetworkFailures()


def rest_again(failures: NetworkFailures, now: float) -> float:
    """Let the network rest at `now`; return the seconds until it may be tried again, in steps of 0.1."""
    failures.give_up(KEY, "no memory", now)
    waited = 0.0
    while not failures.try_again(KEY, now + waited, selected=False):
        waited += 0.1
    return waited


def test_a_network_rests_after_some_failures_in_a_row(failures: NetworkFailures) -> None:
    assert [failures.count(KEY, "no memory") for _ in range(MAX_FAILURES)] == [False, False, True]


def test_a_success_in_between_starts_the_count_again(failures: NetworkFailures) -> None:
    failures.count(KEY, "no memory")
    failures.succeeded(KEY)
    assert not failures.count(KEY, "no memory")
    assert not failures.count(KEY, "no memory")


def test_the_pauses_between_attempts_grow(failures: NetworkFailures) -> None:
    waits = [rest_again(failures, 1000.0 * number) for number in range(len(PAUSES_S) + 2)]
    assert waits == pytest.approx([*PAUSES_S, PAUSES_S[-1], PAUSES_S[-1]], abs=0.11)
    assert failures.retries == len(waits)


def test_on_trial_one_failure_is_enough(failures: NetworkFailures) -> None:
    rest_again(failures, 0.0)
    assert failures.count(KEY, "no memory")


def test_the_reason_lasts_until_the_network_has_painted(failures: NetworkFailures) -> None:
    failures.count(KEY, "no memory")
    assert failures.reason(KEY) is None
    rest_again(failures, 0.0)
    assert not failures.rests(KEY)
    assert failures.reason(KEY) == "no memory"
    failures.succeeded(KEY)
    assert failures.reason(KEY) is None


def test_a_network_that_is_selected_again_is_tried_at_once_but_not_at_every_frame(failures: NetworkFailures) -> None:
    failures.give_up(KEY, "no memory", 10.0)
    assert not failures.try_again(KEY, 10.0 + SELECT_AGAIN_S, selected=False)
    assert failures.try_again(KEY, 10.0 + SELECT_AGAIN_S, selected=True)
    failures.give_up(KEY, "no memory", 20.0)
    assert not failures.try_again(KEY, 20.0 + 0.9 * SELECT_AGAIN_S, selected=True)
    assert failures.try_again(KEY, 20.0 + SELECT_AGAIN_S, selected=False)


def test_one_networks_failures_are_not_anothers(failures: NetworkFailures) -> None:
    failures.give_up(KEY, "no memory", 0.0)
    assert not failures.rests("candy")
    assert failures.reason("candy") is None
