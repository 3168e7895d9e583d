"""Styles that change by themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stylecam.control.actions import Order
from stylecam.control.auto_cycle import AutoCycle
from stylecam.control.state import LiveState
from stylecam.models.catalog import Catalog
from stylecam.stylize.look import Look

NEXT = Order("next")


@pytest.fixture
def state(catalog: Catalog) -> LiveState:
    return LiveState(Look(catalog.mix_of(catalog.cards[0])), cycle_s=10.0)


def test_the_next_style_comes_after_each_period(state: LiveState) -> None:
    cycle = AutoCycle()
    given = [now for now in range(100, 145) if cycle.due(state, now) == NEXT]
    assert given == [110, 120, 130, 140]


def test_without_a_period_nothing_comes(state: LiveState) -> None:
    cycle = AutoCycle()
    assert all(cycle.due(replace(state, cycle_s=None), now) is None for now in range(1000))


def test_a_style_chosen_by_hand_stays_a_whole_period(state: LiveState, catalog: Catalog) -> None:
    cycle = AutoCycle()
    cycle.due(state, 0)
    other = state.with_look(mix=catalog.mix_of(catalog.cards[3]))
    assert cycle.due(other, 9) is None
    assert cycle.due(other, 18) is None
    assert cycle.due(other, 19) == NEXT


def test_another_period_counts_from_when_it_was_set(state: LiveState) -> None:
    cycle = AutoCycle()
    cycle.due(state, 0)
    shorter = replace(state, cycle_s=5.0)
    assert [cycle.due(shorter, now) for now in (9, 13, 14)] == [None, None, NEXT]


@pytest.mark.parametrize("name", ["bypass", "frozen", "resting", "panic"])
def test_while_no_style_is_seen_time_stands_still(state: LiveState, name: str) -> None:
    cycle = AutoCycle()
    cycle.due(state, 0)
    assert all(cycle.due(replace(state, **{name: True}), now) is None for now in range(5, 100))  # type: ignore[arg-type]
    assert [cycle.due(state, now) for now in (100, 108, 109)] == [None, None, NEXT]
