"""The one hand that carries out orders, whoever gives them."""

from __future__ import annotations

import threading

import pytest

from stylecam.control.actions import Order, Preset
from stylecam.control.commands import Control, Ticket
from stylecam.control.state import LiveState
from stylecam.errors import CommandRefusedError, StyleNotFoundError, UsageError
from stylecam.models.catalog import Catalog
from stylecam.stylize.look import Look


@pytest.fixture
def control(catalog: Catalog) -> Control:
    return Control(catalog, LiveState(Look(catalog.mix_of(catalog.cards[0]))))


def order(control: Control, text: str) -> Ticket:
    return control.submit(Order.parse(text))


def test_orders_wait_until_they_are_applied(control: Control) -> None:
    before = control.state
    ticket = order(control, "bypass")
    assert control.state == before
    assert not ticket.ended
    assert control.apply().bypass


def test_an_order_wakes_whoever_carries_it_out(control: Control) -> None:
    woken: list[bool] = []
    control.wake = lambda: woken.append(True)
    order(control, "next")
    assert woken == [True]


def test_a_ticket_ends_with_the_state_after_its_order(control: Control) -> None:
    first, second = order(control, "strength:0.5"), order(control, "strength:0.7")
    control.apply()
    assert (first.state.look.strength, second.state.look.strength) == (0.5, 0.7)


def test_an_impossible_order_is_refused_and_changes_nothing(control: Control) -> None:
    before = control.state
    ticket = order(control, "select:99")
    assert control.apply() == before
    with pytest.raises(UsageError, match="there is no style 99"):
        ticket.wait(0)


def test_an_unknown_style_is_refused_with_the_nearest(control: Control) -> None:
    ticket = order(control, "select:great_wav")
    control.apply()
    with pytest.raises(StyleNotFoundError, match="did you mean great_wave"):
        ticket.wait(0)


def test_orders_after_an_impossible_one_are_carried_out(control: Control) -> None:
    order(control, "select:99")
    order(control, "bypass")
    assert control.apply().bypass


def test_waiting_in_vain_is_said(control: Control) -> None:
    with pytest.raises(CommandRefusedError, match="not been carried out yet"):
        order(control, "next").wait(0)


def test_who_waits_gets_the_state_from_another_thread(control: Control) -> None:
    ticket = order(control, "freeze")
    threading.Thread(target=control.apply).start()
    assert ticket.wait(20).frozen


def test_a_callback_hears_of_the_end_also_when_it_comes_late(control: Control) -> None:
    heard: list[LiveState] = []
    ticket = order(control, "freeze")
    ticket.add_done_callback(lambda ended: heard.append(ended.state))
    assert heard == []
    control.apply()
    ticket.add_done_callback(lambda ended: heard.append(ended.state))
    assert heard == [control.state] * 2


def test_quitting_does_not_wait_for_the_next_frame(control: Control) -> None:
    ticket = order(control, "quit")
    assert control.quitting.is_set()
    assert control.attention.is_set()
    assert ticket.ended


def test_each_order_makes_a_new_version(control: Control) -> None:
    for text in ("bypass", "freeze", "weaker"):
        order(control, text)
    assert control.apply().version == 3


def test_subscribers_see_every_change_in_order_until_they_leave(control: Control) -> None:
    seen: list[int] = []
    leave = control.subscribe(lambda state: seen.append(state.version))
    for text in ("bypass", "select:99", "freeze"):
        order(control, text)
    control.apply()
    leave()
    order(control, "weaker")
    control.apply()
    assert seen == [1, 2]


def test_an_errand_is_handed_on_and_its_ticket_ends_with_whoever_runs_it(control: Control) -> None:
    ticket = order(control, "snapshot:me")
    assert not control.attention.is_set()
    control.apply()
    assert control.attention.is_set()
    assert not ticket.ended
    (errand,) = control.errands()
    assert not control.attention.is_set()
    assert errand.order == Order.parse("snapshot:me")
    errand.ticket.finish(control.state, {"file": "me.png"})
    assert (ticket.wait(0), ticket.result) == (control.state, {"file": "me.png"})


def test_a_ticket_ends_only_once(control: Control) -> None:
    ticket = Ticket()
    ticket.finish(control.state)
    ticket.refuse(CommandRefusedError("too late"))
    assert ticket.wait(0) == control.state


def test_presets_may_be_replaced_while_it_runs(control: Control) -> None:
    control.presets = {"new": Preset(strength=0.3)}
    order(control, "preset:new")
    assert control.apply().look.strength == 0.3


def test_at_the_end_nobody_is_left_waiting(control: Control) -> None:
    waiting, errand = order(control, "next"), order(control, "snapshot")
    control.close()
    late = order(control, "next")
    for ticket in (waiting, errand, late):
        with pytest.raises(CommandRefusedError, match="stopping"):
            ticket.wait(0)


def test_no_order_is_lost_however_many_hands_press_keys_and_carry_out(control: Control) -> None:
    def press() -> None:
        for _ in range(100):
            order(control, "bypass")

    stop = threading.Event()

    def carry_out() -> None:
        while not stop.is_set():
            control.apply()

    seen: list[int] = []
    control.subscribe(lambda state: seen.append(state.version))
    workers = [threading.Thread(target=carry_out) for _ in range(2)]
    hands = [threading.Thread(target=press) for _ in range(4)]
    for thread in (*workers, *hands):
        thread.start()
    for hand in hands:
        hand.join()
    stop.set()
    for worker in workers:
        worker.join()
    assert control.apply().version == 400
    assert seen == list(range(1, 401))
