"""Key combinations, and telling a wanted press from everything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylecam.control.actions import ACTIONS, Action, Command
from stylecam.control.keyboard.bindings import (
    AUTOREPEAT_S,
    DEBOUNCE_S,
    FORGET_S,
    KeyCombination,
    KeyMatcher,
    bind,
    command_for_key,
    default_hotkeys,
)
from stylecam.errors import UsageError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ctrl+alt+n", "ctrl+alt+n"),
        ("Alt + Control + N", "ctrl+alt+n"),
        ("ctrl+shift+F9", "ctrl+shift+f9"),
        ("ctrl+alt+pgup", "ctrl+alt+page_up"),
        ("win+1", "cmd+1"),
        ("option+cmd+x", "alt+cmd+x"),
        ("ctrl++", "ctrl++"),
        ("ctrl+plus", "ctrl++"),
        ("pause", "pause"),
        ("f12", "f12"),
    ],
)
def test_a_combination_is_read_as_people_write_it(text: str, shown: str) -> None:
    assert str(KeyCombination.parse(text)) == shown


@pytest.mark.parametrize("text", ["", "+", "ctrl", "ctrl+", "ctrl+alt", "ctrl+nn", "hyper+n", "ctrl+f99", "n+ctrl"])
def test_what_is_no_combination_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="hotkey"):
        KeyCombination.parse(text)


@pytest.mark.parametrize("text", ["n", "shift+n", "1"])
def test_a_plain_letter_is_refused_because_it_would_fire_while_typing(text: str) -> None:
    with pytest.raises(UsageError, match="while typing"):
        KeyCombination.parse(text)


@given(st.text(max_size=20))
def test_any_text_is_a_combination_or_a_usage_error(text: str) -> None:
    try:
        combo = KeyCombination.parse(text)
    except UsageError:
        return
    assert KeyCombination.parse(str(combo)) == combo


def test_every_default_hotkey_is_bound() -> None:
    bound = {str(order): str(combo) for combo, order in bind({}).items()}
    assert bound == default_hotkeys()


def test_the_first_nine_styles_have_hotkeys() -> None:
    assert bind({})[KeyCombination.parse("ctrl+alt+9")] == Command.parse("select:9")


def test_a_hotkey_can_be_changed() -> None:
    bindings = bind({"next": "ctrl+alt+right"})
    assert bindings[KeyCombination.parse("ctrl+alt+right")] == Command("next")
    assert KeyCombination.parse(ACTIONS["next"].hotkey) not in bindings


def test_a_hotkey_can_be_removed() -> None:
    assert Command("quit") not in bind({"quit": ""}).values()


def test_a_hotkey_can_stand_for_a_style_by_name() -> None:
    assert Command.parse("select:great_wave") in bind({"select:great_wave": "ctrl+alt+w"}).values()


def test_one_combination_for_two_orders_is_refused() -> None:
    with pytest.raises(UsageError, match="both"):
        bind({"next": "ctrl+alt+z", "previous": "alt+ctrl+z"})


def test_two_orders_may_exchange_their_keys() -> None:
    swapped = bind({"next": ACTIONS["previous"].hotkey, "previous": ACTIONS["next"].hotkey})
    assert swapped[KeyCombination.parse(ACTIONS["previous"].hotkey)] == Command("next")


def test_an_unknown_order_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="there are next, previous"):
        bind({"nxt": "ctrl+alt+x"})


class Keyboard:
    """Types names of keys; `+` presses and `-` releases."""

    def __init__(self) -> None:
        self.matcher = KeyMatcher(bind({}))
        self.now = 100.0

    def type(self, text: str, pause: float = 0.05) -> list[str]:
        fired = []
        for word in text.split():
            self.now += pause
            if word[0] == "+":
                order = self.matcher.press(word[1:], self.now)
                if order is not None:
                    fired.append(str(order))
            else:
                self.matcher.release(word[1:], self.now)
        return fired


@pytest.fixture
def keyboard() -> Keyboard:
    return Keyboard()


def test_a_combination_fires_once(keyboard: Keyboard) -> None:
    assert keyboard.type("+ctrl +alt +n -n -alt -ctrl") == ["next"]


def test_the_order_of_the_modifiers_does_not_matter(keyboard: Keyboard) -> None:
    assert keyboard.type("+alt +ctrl +n") == ["next"]


@pytest.mark.parametrize("text", ["+n", "+ctrl +n", "+alt +n", "+ctrl +alt +shift +n", "+ctrl +alt +cmd +n"])
def test_fewer_or_more_modifiers_do_not_fire(keyboard: Keyboard, text: str) -> None:
    assert keyboard.type(text) == []


def test_a_released_modifier_is_no_longer_held(keyboard: Keyboard) -> None:
    assert keyboard.type("+ctrl +alt -ctrl +n") == []


def test_either_modifier_of_a_pair_will_do(keyboard: Keyboard) -> None:
    assert keyboard.type("+ctrl_r +alt_l +n") == ["next"]


def test_a_modifier_is_held_until_both_of_its_keys_are_up(keyboard: Keyboard) -> None:
    assert keyboard.type("+ctrl_l +ctrl_r +alt_l -ctrl_l +n") == ["next"]


def test_alt_gr_which_makes_characters_fires_nothing(keyboard: Keyboard) -> None:
    assert keyboard.type("+ctrl_l +alt_gr +n") == []


def test_a_key_held_down_fires_once(keyboard: Keyboard) -> None:
    assert keyboard.type("+ctrl +alt +n +n +n +n +n +n") == ["next"]


def test_a_keyboard_that_repeats_by_release_and_press_fires_once(keyboard: Keyboard) -> None:
    assert keyboard.type("+ctrl +alt", 0.05) == []
    assert keyboard.type("+n " + "-n +n " * 40, AUTOREPEAT_S / 3) == ["next"]


def test_two_presses_are_two_orders(keyboard: Keyboard) -> None:
    assert keyboard.type("+ctrl +alt +n -n +n -n", DEBOUNCE_S) == ["next", "next"]


def test_a_bouncing_contact_is_one_press(keyboard: Keyboard) -> None:
    assert keyboard.type("+ctrl +alt +n -n +n -n +n", DEBOUNCE_S / 5) == ["next"]


def test_different_orders_may_follow_each_other_quickly(keyboard: Keyboard) -> None:
    assert keyboard.type("+ctrl +alt +n -n +p -p +1 -1", 0.02) == ["next", "previous", "select:1"]


def test_modifiers_whose_release_was_never_seen_are_forgotten(keyboard: Keyboard) -> None:
    keyboard.type("+ctrl +alt")
    keyboard.now += FORGET_S + 1
    assert keyboard.type("+n") == []


def test_after_a_pause_the_combination_works_again(keyboard: Keyboard) -> None:
    keyboard.type("+ctrl +alt +n")
    keyboard.now += FORGET_S + 1
    assert keyboard.type("+ctrl +alt +n") == ["next"]


events = st.tuples(
    st.sampled_from(["ctrl", "alt", "shift", "n", "p", "1"]), st.booleans(), st.floats(0, 8, allow_subnormal=False)
)


@given(st.lists(events, max_size=60))
def test_whatever_is_typed_no_order_fires_twice_within_the_debounce(typed: list[tuple[str, bool, float]]) -> None:
    matcher, now, last = KeyMatcher(bind({})), 0.0, dict[str, float]()
    for key, down, wait in typed:
        now += wait
        if not down:
            matcher.release(key, now)
            continue
        order = matcher.press(key, now)
        if order is not None:
            assert now - last.get(str(order), -1.0) >= DEBOUNCE_S
            last[str(order)] = now


@pytest.mark.parametrize("action", [action for action in ACTIONS.values() if action.key], ids=lambda a: a.name)
def test_the_plain_key_of_an_action_gives_its_command(action: Action) -> None:
    assert command_for_key(action.key) == Command(action.name)


@pytest.mark.parametrize("digit", list("123456789"))
def test_a_digit_selects_a_style(digit: str) -> None:
    assert command_for_key(digit) == Command.parse(f"select:{digit}")


@pytest.mark.parametrize(("key", "name"), [("=", "stronger"), ("_", "weaker"), ("N", "next"), ("Q", "quit")])
def test_shift_does_not_matter(key: str, name: str) -> None:
    assert command_for_key(key) == Command(name)


@pytest.mark.parametrize("key", ["0", "z", " ", "\x1b", "\n", "²", "é", "\x00"])
def test_other_keys_do_nothing(key: str) -> None:
    assert command_for_key(key) is None
