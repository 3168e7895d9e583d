"""Every action, and the one hand that carries them out."""

from __future__ import annotations

import threading

import pytest

from stylecam.control.actions import ACTIONS, Control, Order
from stylecam.control.state import LiveState
from stylecam.errors import UsageError
from stylecam.styles.catalogue import Catalogue


@pytest.fixture
def control(catalogue: Catalogue) -> Control:
    return Control(catalogue, LiveState(catalogue.mix_of(catalogue.cards[0])))


def after(control: Control, *orders: str) -> LiveState:
    for order in orders:
        control.submit(Order.parse(order))
    return control.apply()


def test_next_goes_through_all_styles_and_around(control: Control, catalogue: Catalogue) -> None:
    names = [after(control, "next").label for _ in catalogue.cards]
    assert names == [card.name for card in (*catalogue.cards[1:], catalogue.cards[0])]


def test_previous_goes_the_other_way(control: Control, catalogue: Catalogue) -> None:
    assert after(control, "previous").label == catalogue.cards[-1].name
    assert after(control, "next").label == catalogue.cards[0].name


def test_from_a_blend_next_goes_to_the_first_style(catalogue: Catalogue) -> None:
    control = Control(catalogue, LiveState(catalogue.parse("great_wave:1,the_scream:1")))
    assert after(control, "next").label == catalogue.cards[0].name


@pytest.mark.parametrize(("order", "at"), [("next", 0), ("previous", -1)])
def test_from_the_plain_camera_the_keys_lead_into_the_list(catalogue: Catalogue, order: str, at: int) -> None:
    assert after(Control(catalogue, LiveState(None)), order).label == catalogue.cards[at].name


def test_without_any_style_next_changes_nothing() -> None:
    assert after(Control(Catalogue([]), LiveState(None)), "next").mix is None


def test_a_style_is_chosen_by_its_number(control: Control, catalogue: Catalogue) -> None:
    assert after(control, "select:3").label == catalogue.cards[2].name


@pytest.mark.parametrize("text", ["the_scream", "great_wave:0.6,the_scream:0.4", "none"])
def test_a_style_is_chosen_by_what_users_write(control: Control, text: str) -> None:
    assert after(control, f"select:{text}").label == text


@pytest.mark.parametrize("text", ["99", "0", "no_such_style", "²"])
def test_an_impossible_choice_is_refused_in_words_and_changes_nothing(control: Control, text: str) -> None:
    before = control.state
    assert after(control, f"select:{text}") == before
    assert control.refused


def test_orders_after_an_impossible_one_are_carried_out(control: Control) -> None:
    assert after(control, "select:99", "bypass").bypass


def test_bypass_goes_on_and_off(control: Control) -> None:
    assert [after(control, "bypass").bypass, after(control, "bypass").bypass] == [True, False]


@pytest.mark.parametrize("order", ["next", "previous", "select:2"])
def test_choosing_a_style_ends_the_bypass(control: Control, order: str) -> None:
    assert not after(control, "bypass", order).bypass


def test_freeze_goes_on_and_off(control: Control) -> None:
    assert [after(control, "freeze").frozen, after(control, "freeze").frozen] == [True, False]


def test_strength_goes_down_and_up_in_tenths_and_stops_at_its_ends(control: Control) -> None:
    down = [after(control, "weaker").strength for _ in range(12)]
    up = [after(control, "stronger").strength for _ in range(12)]
    assert down == [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0, 0.0, 0.0]
    assert up == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.0, 1.0]


def test_quitting_does_not_wait_for_the_next_frame(control: Control) -> None:
    control.submit(Order("quit"))
    assert control.quitting.is_set()


def test_orders_wait_until_they_are_applied(control: Control) -> None:
    before = control.state
    control.submit(Order("bypass"))
    assert control.state == before


def test_each_order_makes_a_new_version(control: Control) -> None:
    assert after(control, "bypass", "freeze", "weaker").version == 3


def test_no_order_is_lost_however_many_hands_press_keys(control: Control) -> None:
    def press() -> None:
        for _ in range(100):
            control.submit(Order("bypass"))

    hands = [threading.Thread(target=press) for _ in range(4)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    assert control.apply().version == 400


@pytest.mark.parametrize("text", ["next", "select:3", "select:great_wave", "select:a:0.6,b:0.4"])
def test_an_order_is_read_as_it_prints(text: str) -> None:
    assert str(Order.parse(text)) == text


@pytest.mark.parametrize("text", ["", "nxt", "select", "select:", "next:1", "quit:now"])
def test_what_is_no_order_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Order.parse(text)


def test_no_two_actions_share_a_key_or_hotkey() -> None:
    for keys in ([a.key for a in ACTIONS.values() if a.key], [a.hotkey for a in ACTIONS.values() if a.hotkey]):
        assert len(keys) == len(set(keys))


def test_every_action_says_what_it_does() -> None:
    assert all(action.help for action in ACTIONS.values())


@pytest.mark.parametrize(
    ("state", "paints"),
    [({}, True), ({"bypass": True}, False), ({"strength": 0.0}, False), ({"frozen": True}, True)],
    ids=str,
)
def test_a_network_runs_only_while_it_is_seen(control: Control, state: dict[str, float], paints: bool) -> None:
    assert LiveState(control.state.mix, **state).paints is paints  # type: ignore[arg-type]


def test_without_a_style_nothing_is_painted() -> None:
    assert not LiveState(None).paints
    assert LiveState(None).label == "none"
