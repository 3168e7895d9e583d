"""Tests of handing over only the newest item between threads."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from stylecam.utils.latest import Latest


def test_taking_without_an_item_returns_none() -> None:
    assert Latest[int]().take() is None


def test_an_item_is_taken_once() -> None:
    latest: Latest[str] = Latest()
    latest.put("frame")
    assert [latest.take(), latest.take()] == ["frame", None]


def test_the_first_item_replaces_nothing() -> None:
    assert Latest[str]().put("frame") is False


def test_replacing_an_item_nobody_took_is_reported() -> None:
    latest: Latest[str] = Latest()
    latest.put("old")
    assert latest.put("new") is True
    assert latest.take() == "new"


@given(st.lists(st.integers() | st.none()))
def test_every_item_is_either_taken_or_reported_as_replaced(steps: list[int | None]) -> None:
    """In `steps`, a number is put and None is a take."""
    latest: Latest[int] = Latest()
    taken = replaced = 0
    for step in steps:
        if step is None:
            taken += latest.take() is not None
        else:
            replaced += latest.put(step)
    taken += latest.take() is not None
    assert taken + replaced == sum(step is not None for step in steps)


def test_a_waiting_taker_gets_the_item_put_meanwhile() -> None:
    latest: Latest[str] = Latest()
    taken: list[str | None] = []
    taker = threading.Thread(target=lambda: taken.append(latest.take(30)))
    taker.start()
    latest.put("frame")
    taker.join(30)
    assert taken == ["frame"]


def test_closing_wakes_a_waiting_taker() -> None:
    latest: Latest[str] = Latest()
    taken: list[str | None] = []
    taker = threading.Thread(target=lambda: taken.append(latest.take(60)))
    taker.start()
    latest.close()
    taker.join(30)
    assert taken == [None]


def test_taking_after_close_does_not_wait() -> None:
    latest: Latest[str] = Latest()
    latest.close()
    taker = threading.Thread(target=lambda: latest.take(60))
    taker.start()
    taker.join(30)
    assert not taker.is_alive()


def test_a_taker_that_waits_can_be_woken_without_an_item() -> None:
    latest: Latest[int] = Latest()
    taken: list[int | None] = []
    taker = threading.Thread(target=lambda: taken.append(latest.take(60)))
    taker.start()
    latest.wake()
    taker.join(20)
    assert taken == [None]


def test_waking_before_a_wait_ends_only_the_next_wait() -> None:
    latest: Latest[int] = Latest()
    latest.wake()
    assert latest.take(60) is None
    latest.put(1)
    assert latest.take(60) == 1
