"""Newest-only hand-over."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from stylecam.utils.latest import Latest


def test_without_an_item_none_is_taken() -> None:
    assert Latest[int]().take() is None


def test_what_was_put_is_taken_once() -> None:
    slot: Latest[str] = Latest()
    slot.put("frame")
    assert [slot.take(), slot.take()] == ["frame", None]


def test_the_first_item_replaces_nothing() -> None:
    assert Latest[str]().put("frame") is False


def test_replacing_an_item_nobody_took_is_reported() -> None:
    slot: Latest[str] = Latest()
    slot.put("old")
    assert slot.put("new") is True
    assert slot.take() == "new"


@given(st.lists(st.integers() | st.none()))
def test_every_item_is_either_taken_or_reported_as_replaced(steps: list[int | None]) -> None:
    """None stands for a take."""
    slot: Latest[int] = Latest()
    taken = replaced = 0
    for step in steps:
        if step is None:
            taken += slot.take() is not None
        else:
            replaced += slot.put(step)
    taken += slot.take() is not None
    assert taken + replaced == sum(step is not None for step in steps)


def test_a_waiting_taker_gets_the_item_put_meanwhile() -> None:
    slot: Latest[str] = Latest()
    got: list[str | None] = []
    taker = threading.Thread(target=lambda: got.append(slot.take(30)))
    taker.start()
    slot.put("frame")
    taker.join(30)
    assert got == ["frame"]


def test_closing_wakes_a_waiting_taker() -> None:
    slot: Latest[str] = Latest()
    got: list[str | None] = []
    taker = threading.Thread(target=lambda: got.append(slot.take(60)))
    taker.start()
    slot.close()
    taker.join(30)
    assert got == [None]


def test_taking_after_close_does_not_wait() -> None:
    slot: Latest[str] = Latest()
    slot.close()
    taker = threading.Thread(target=lambda: slot.take(60))
    taker.start()
    taker.join(30)
    assert not taker.is_alive()


def test_a_taker_that_waits_can_be_woken_without_an_item() -> None:
    slot: Latest[int] = Latest()
    taken: list[int | None] = []
    taker = threading.Thread(target=lambda: taken.append(slot.take(60)))
    taker.start()
    slot.wake()
    taker.join(20)
    assert taken == [None]


def test_waking_before_a_wait_ends_only_the_next_wait() -> None:
    slot: Latest[int] = Latest()
    slot.wake()
    assert slot.take(60) is None
    slot.put(1)
    assert slot.take(60) == 1
