"""Every action: what it is told, and the state after it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylecam.control.actions import ACTIONS, CYCLE_S, ActionContext, Command
from stylecam.control.state import LiveState
from stylecam.errors import StylecamError, UsageError
from stylecam.models.catalog import Catalog
from stylecam.stylize.look import Look, Preset
from stylecam.utils.options import Option, options_of


class Hand:
    """Carries out orders at once."""

    def __init__(self, choice: ActionContext, state: LiveState) -> None:
        self.choice, self.state = choice, state

    def after(self, *orders: str | Command) -> LiveState:
        for one in orders:
            order = Command.parse(one) if isinstance(one, str) else one
            self.state = ACTIONS[order.action].apply(self.state, order.arguments, self.choice)
        return self.state


PRESETS: dict[str, Preset] = {
    "calm": {"style": "the_scream", "strength": 0.4, "steadiness": 1.0, "preserve_color": True},
    "half": {"strength": 0.5},
}


@pytest.fixture
def hand(catalog: Catalog) -> Hand:
    return Hand(ActionContext(catalog, PRESETS), LiveState(Look(catalog.mix_of(catalog.cards[0]))))


def test_next_goes_through_all_styles_and_around(hand: Hand, catalog: Catalog) -> None:
    names = [hand.after("next").look.label for _ in catalog.cards]
    assert names == [card.name for card in (*catalog.cards[1:], catalog.cards[0])]


def test_previous_goes_the_other_way(hand: Hand, catalog: Catalog) -> None:
    assert hand.after("previous").look.label == catalog.cards[-1].name
    assert hand.after("next").look.label == catalog.cards[0].name


def test_from_a_blend_next_goes_to_the_first_style(hand: Hand, catalog: Catalog) -> None:
    assert hand.after("blend:great_wave:1,the_scream:1", "next").look.label == catalog.cards[0].name


@pytest.mark.parametrize(("order", "at"), [("next", 0), ("previous", -1)])
def test_from_the_plain_camera_the_keys_lead_into_the_list(hand: Hand, catalog: Catalog, order: str, at: int) -> None:
    assert hand.after("select:none", order).look.label == catalog.cards[at].name


@pytest.mark.parametrize("order", ["next", "random"])
def test_without_any_style_another_one_changes_nothing(order: str) -> None:
    assert Hand(ActionContext(Catalog([])), LiveState()).after(order).look.mix is None


def test_any_style_is_never_the_same_one(hand: Hand, catalog: Catalog) -> None:
    names = {card.name for card in catalog.cards}
    for _ in range(50):
        before = hand.state.look.label
        assert hand.after("random").look.label in names - {before}


def test_a_style_is_chosen_by_its_number(hand: Hand, catalog: Catalog) -> None:
    assert hand.after("select:3").look.label == catalog.cards[2].name


@pytest.mark.parametrize("text", ["the_scream", "great_wave:0.6,the_scream:0.4", "none"])
def test_a_style_is_chosen_by_what_users_write(hand: Hand, text: str) -> None:
    assert hand.after(f"select:{text}").look.label == text


@pytest.mark.parametrize("text", ["99", "0", "no_such_style", "²", "../x.onnx", "/etc/x.ONNX"])
def test_an_impossible_choice_is_refused_in_words(hand: Hand, text: str) -> None:
    with pytest.raises(StylecamError, match=r"there is no style|no style is called|is a file"):
        hand.after(f"select:{text}")


def test_a_blend_is_given_in_words_or_as_an_object(hand: Hand) -> None:
    in_words = hand.after("blend:great_wave:0.6,the_scream:0.4")
    as_object = hand.after(Command.from_json("blend", {"weights": {"great_wave": 3, "the_scream": 2.0}}))
    assert in_words == as_object
    assert in_words.look.weights == {"great_wave": 0.6, "the_scream": 0.4}


def test_a_look_of_the_configuration_changes_what_it_names_and_no_more(hand: Hand) -> None:
    calm = hand.after("bypass", "preset:calm")
    assert (calm.look.label, calm.look.strength, calm.look.steadiness, calm.look.preserve_color, calm.bypass) == (
        "the_scream", 0.4, 1.0, True, False,
    )  # fmt: skip
    assert hand.after("preset:half") == calm.with_look(strength=0.5)


def test_an_unknown_look_is_refused_with_those_there_are(hand: Hand) -> None:
    with pytest.raises(UsageError, match="no preset 'loud'; there are calm, half"):
        hand.after("preset:loud")


TOGGLES = {"bypass": "bypass", "freeze": "frozen", "rest": "resting", "mirror": "mirror", "panic": "panic",
           "preserve_color": "preserve_color"}  # fmt: skip


@pytest.mark.parametrize(("action", "name"), TOGGLES.items())
def test_a_toggle_goes_on_and_off_or_where_it_is_told(hand: Hand, action: str, name: str) -> None:
    orders = [action, action, f"{action}:on", f"{action}:on", f"{action}:off"]
    assert [hand.after(order).describe()[name] for order in orders] == [True, False, True, True, False]


@pytest.mark.parametrize("order", ["next", "previous", "select:2", "random", "blend:great_wave:1", "preset:half"])
def test_choosing_a_style_ends_the_bypass(hand: Hand, order: str) -> None:
    assert not hand.after("bypass", order).bypass


@pytest.mark.parametrize(("down", "up", "name"), [("weaker", "stronger", "strength")])
def test_strength_goes_down_and_up_in_tenths_and_stops_at_its_ends(hand: Hand, down: str, up: str, name: str) -> None:
    downwards = [getattr(hand.after(down).look, name) for _ in range(12)]
    upwards = [getattr(hand.after(up).look, name) for _ in range(12)]
    assert downwards == [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0, 0.0, 0.0]
    assert upwards == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.0, 1.0]


def test_sliders_set_strength_and_steadiness(hand: Hand) -> None:
    state = hand.after("strength:0.35", "steadiness:0")
    assert (state.look.strength, state.look.steadiness) == (0.35, 0.0)


def test_the_size_is_fixed_and_let_go(hand: Hand) -> None:
    assert [hand.after(order).look.scale for order in ("scale:0.5", "scale:auto")] == [0.5, None]


def test_styles_change_by_themselves_with_a_period_or_not(hand: Hand) -> None:
    orders = ["cycle", "cycle", "cycle:12", "cycle:0.01", "cycle:0"]
    assert [hand.after(order).cycle_s for order in orders] == [CYCLE_S, None, 12.0, 1.0, None]


@pytest.mark.parametrize(
    "text",
    ["next", "select:3", "select:great_wave", "select:a:0.6,b:0.4", "blend:a:0.6,b:0.4", "strength:0.5", "freeze:on",
     "scale:auto", "record:on,talk", "record:off", "snapshot:me"],
)  # fmt: skip
def test_an_order_is_read_as_it_prints(text: str) -> None:
    assert str(Command.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "nxt", "select", "select:", "next:1", "next:", "quit:now", "strength:", "strength:2", "strength:nan",
     "strength:x", "strength:-0.1", "scale:0.2", "scale:automatic", "freeze:maybe", "cycle:-1", "cycle:1e9",
     "record:on,a\x00b", "record:talk", "select:" + "a" * 201],
)  # fmt: skip
def test_what_is_no_order_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Command.parse(text)


@pytest.mark.parametrize(
    ("action", "arguments"),
    [
        ("strength", {"value": "0.5"}), ("strength", {"value": True}), ("strength", {"value": None}),
        ("strength", {"value": float("nan")}), ("strength", {"value": 10**400}), ("strength", {}),
        ("strength", {"value": 0.5, "more": 1}), ("select", {"style": 3}), ("select", {"style": ["a"]}),
        ("freeze", {"on": "on"}), ("freeze", {"on": 1}), ("blend", {"weights": {}}), ("blend", {"weights": {"a": -1}}),
        ("blend", {"weights": {"a:b": 1}}), ("blend", {"weights": {"a": True}}), ("blend", {"weights": 3}),
        ("fly", {}), ("next", {"": 1}), ("strength", {"value": 0.5, "": {}}),
    ],
    ids=str,
)  # fmt: skip
def test_arguments_of_a_wrong_kind_or_range_are_refused_before_anything_happens(
    action: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(UsageError):
        Command.from_json(action, arguments)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_subnormal=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(list(ACTIONS.values())), st.data())
def test_whatever_is_given_is_an_order_or_a_usage_error(action: Any, data: st.DataObject) -> None:
    names = [parameter.name for parameter in action.parameters] + ["other"]
    arguments = data.draw(st.dictionaries(st.sampled_from(names), json_values, max_size=3))
    try:
        order = Command.from_json(action.name, arguments)
    except UsageError:
        return
    assert set(order.arguments) == set(arguments)
    assert all(isinstance(value, str | float | bool) for value in order.arguments.values())


def test_no_two_actions_share_a_key_or_hotkey() -> None:
    for keys in ([a.key for a in ACTIONS.values() if a.key], [a.hotkey for a in ACTIONS.values() if a.hotkey]):
        assert len(keys) == len(set(keys))


def test_every_action_and_argument_says_what_it_does() -> None:
    assert all(action.help for action in ACTIONS.values())
    assert all(parameter.help for action in ACTIONS.values() for parameter in action.parameters)


def test_all_actions_can_be_told_as_json() -> None:
    told = json.loads(json.dumps([action.describe() for action in ACTIONS.values()], allow_nan=False))
    assert [action["name"] for action in told] == list(ACTIONS)


def test_a_program_that_only_names_actions_loads_no_picture_library() -> None:
    code = "import sys, stylecam.control.actions; print(*{'cv2', 'numpy', 'aiohttp'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    ("order", "paints"),
    [("strength:0.5", True), ("bypass", False), ("strength:0", False), ("freeze", True)],
    ids=str,
)
def test_a_network_runs_only_while_it_is_seen(hand: Hand, order: str, paints: bool) -> None:
    assert hand.after(order).visible_look.paints is paints


def test_without_a_style_nothing_is_painted() -> None:
    assert not Look().paints
    assert (Look().label, Look().weights) == ("none", {})


def test_the_state_can_be_told_as_json(hand: Hand) -> None:
    told = json.loads(
        json.dumps(hand.after("blend:great_wave:0.6,the_scream:0.4", "panic").describe(), allow_nan=False)
    )
    assert told == {
        "version": 0, "style": "great_wave:0.6,the_scream:0.4", "weights": {"great_wave": 0.6, "the_scream": 0.4},
        "strength": 1.0, "steadiness": 0.8, "preserve_color": False, "bypass": False, "frozen": False,
        "resting": False, "mirror": False, "scale": None, "panic": True, "cycle_s": None,
    }  # fmt: skip


def test_every_option_of_the_look_has_an_action_with_its_range() -> None:
    for option in options_of(Look):
        (parameter,) = ACTIONS[option.name].parameters
        assert (parameter.low, parameter.high) == (option.minimum, option.maximum)


@pytest.mark.parametrize("option", options_of(Look), ids=lambda option: option.name)
def test_the_default_of_every_option_of_the_look_can_be_set_by_its_action(hand: Hand, option: Option) -> None:
    text = "off" if option.default is False else str(option.written_default)
    assert getattr(hand.after(f"{option.name}:{text}").look, option.attribute) == option.default
