"""Tests of key combinations, hotkey bindings and the matcher of key presses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylecam.control.actions import ACTIONS, Action
from stylecam.control.command import Command
from stylecam.control.keyboard.bindings import (
    AUTOREPEAT_S,
    DEBOUNCE_S,
    FORGET_S,
    KeyCombination,
    KeyMatcher,
    bind,
    command_for_key,
    default_hotkeys,
    keys_table,
)
from stylecam.errors import UsageError


@pytest.mark.parametrize(
    ("text", "text_form"),
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
def test_a_combination_is_read_as_people_write_it(text: str, text_form: str) -> None:
    assert str(KeyCombination.parse(text)) == text_form


@pytest.mark.parametrize("text", ["", "+", "ctrl", "ctrl+", "ctrl+alt", "ctrl+nn", "hyper+n", "ctrl+f99", "n+ctrl"])
def test_an_invalid_combination_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="hotkey"):
        KeyCombination.parse(text)


@pytest.mark.parametrize("text", ["n", "shift+n", "1"])
def test_a_plain_letter_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="while typing"):
        KeyCombination.parse(text)


@given(st.text(max_size=20))
def test_any_text_is_a_combination_or_a_usage_error(text: str) -> None:
    try:
        combination = KeyCombination.parse(text)
    except UsageError:
        return
    assert KeyCombination.parse(str(combination)) == combination


def test_every_default_hotkey_is_bound() -> None:
    bound = {str(command): str(combination) for combination, command in bind({}).items()}
    assert bound == default_hotkeys()


def test_the_first_nine_styles_have_hotkeys() -> None:
    assert bind({})[KeyCombination.parse("ctrl+alt+9")] == Command.parse("select:9")


def test_a_hotkey_can_be_changed() -> None:
    bindings = bind({"next": "ctrl+alt+right"})
    assert bindings[KeyCombination.parse("ctrl+alt+right")] == Command("next")
    assert KeyCombination.parse(ACTIONS["next"].hotkey) not in bindings


def test_a_hotkey_can_be_removed() -> None:
    assert Command("quit") not in bind({"quit": ""}).values()


def test_a_hotkey_can_select_a_style_by_name() -> None:
    assert Command.parse("select:great_wave") in bind({"select:great_wave": "ctrl+alt+w"}).values()


def test_one_combination_for_two_commands_is_refused() -> None:
    with pytest.raises(UsageError, match="both"):
        bind({"next": "ctrl+alt+z", "previous": "alt+ctrl+z"})


def test_two_commands_may_exchange_their_keys() -> None:
    swapped = bind({"next": ACTIONS["previous"].hotkey, "previous": ACTIONS["next"].hotkey})
    assert swapped[KeyCombination.parse(ACTIONS["previous"].hotkey)] == Command("next")


@pytest.mark.parametrize(("name", "said"), [("nxt", "did you mean next"), ("fly", "there are next, previous")])
def test_an_unknown_command_is_refused_with_those_that_may_be_meant(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        bind({name: "ctrl+alt+x"})


class FakeKeyboard:
    """Feeds key names to a matcher; `+` presses a key and `-` releases it."""

    def __init__(self) -> None:
        self.matcher = KeyMatcher(bind({}))
        self.now = 100.0

    def type(self, text: str, pause: float = 0.05) -> list[str]:
        fired = []
        for word in text.split():
            self.now += pause
            if word[0] == "+":
                command = self.matcher.press(word[1:], self.now)
                if command is not None:
                    fired.append(str(command))
            else:
                self.matcher.release(word[1:], self.now)
        return fired


@pytest.fixture
def keyboard() -> FakeKeyboard:
    return FakeKeyboard()


def test_a_combination_fires_once(keyboard: FakeKeyboard) -> None:
    assert keyboard.type("+ctrl +alt +n -n -alt -ctrl") == ["next"]


def test_the_order_of_the_modifiers_does_not_matter(keyboard: FakeKeyboard) -> None:
    assert keyboard.type("+alt +ctrl +n") == ["next"]


@pytest.mark.parametrize("text", ["+n", "+ctrl +n", "+alt +n", "+ctrl +alt +shift +n", "+ctrl +alt +cmd +n"])
def test_fewer_or_more_modifiers_do_not_fire(keyboard: FakeKeyboard, text: str) -> None:
    assert keyboard.type(text) == []


def test_a_released_modifier_is_no_longer_held(keyboard: FakeKeyboard) -> None:
    assert keyboard.type("+ctrl +alt -ctrl +n") == []


def test_left_and_right_modifiers_are_equivalent(keyboard: FakeKeyboard) -> None:
    assert keyboard.type("+ctrl_r +alt_l +n") == ["next"]


def test_a_modifier_is_held_until_both_of_its_keys_are_up(keyboard: FakeKeyboard) -> None:
    assert keyboard.type("+ctrl_l +ctrl_r +alt_l -ctrl_l +n") == ["next"]


def test_alt_gr_fires_nothing(keyboard: FakeKeyboard) -> None:
    assert keyboard.type("+ctrl_l +alt_gr +n") == []


def test_a_key_held_down_fires_once(keyboard: FakeKeyboard) -> None:
    assert keyboard.type("+ctrl +alt +n +n +n +n +n +n") == ["next"]


def test_autorepeat_by_release_and_press_fires_once(keyboard: FakeKeyboard) -> None:
    assert keyboard.type("+ctrl +alt", 0.05) == []
    assert keyboard.type("+n " + "-n +n " * 40, AUTOREPEAT_S / 3) == ["next"]


def test_two_presses_are_two_commands(keyboard: FakeKeyboard) -> None:
    assert keyboard.type("+ctrl +alt +n -n +n -n", DEBOUNCE_S) == ["next", "next"]


def test_a_bouncing_contact_is_one_press(keyboard: FakeKeyboard) -> None:
    assert keyboard.type("+ctrl +alt +n -n +n -n +n", DEBOUNCE_S / 5) == ["next"]


def test_different_commands_may_follow_each_other_quickly(keyboard: FakeKeyboard) -> None:
    assert keyboard.type("+ctrl +alt +n -n +p -p +1 -1", 0.02) == ["next", "previous", "select:1"]


def test_modifiers_without_a_release_are_forgotten(keyboard: FakeKeyboard) -> None:
    keyboard.type("+ctrl +alt")
    keyboard.now += FORGET_S + 1
    assert keyboard.type("+n") == []


def test_after_a_pause_the_combination_works_again(keyboard: FakeKeyboard) -> None:
    keyboard.type("+ctrl +alt +n")
    keyboard.now += FORGET_S + 1
    assert keyboard.type("+ctrl +alt +n") == ["next"]


events = st.tuples(
    st.sampled_from(["ctrl", "alt", "shift", "n", "p", "1"]), st.booleans(), st.floats(0, 8, allow_subnormal=False)
)


@given(st.lists(events, max_size=60))
def test_no_command_fires_twice_within_the_debounce_time(typed: list[tuple[str, bool, float]]) -> None:
    matcher, now, last = KeyMatcher(bind({})), 0.0, dict[str, float]()
    for key, down, wait in typed:
        now += wait
        if not down:
            matcher.release(key, now)
            continue
        command = matcher.press(key, now)
        if command is not None:
            assert now - last.get(str(command), -1.0) >= DEBOUNCE_S
            last[str(command)] = now


@pytest.mark.parametrize("action", [action for action in ACTIONS.values() if action.key], ids=lambda a: a.name)
def test_the_plain_key_of_an_action_gives_its_command(action: Action) -> None:
    assert command_for_key(action.key) == Command(action.name)


@pytest.mark.parametrize("digit", list("123456789"))
def test_a_digit_selects_a_style(digit: str) -> None:
    assert command_for_key(digit) == Command.parse(f"select:{digit}")


@pytest.mark.parametrize(("key", "name"), [("=", "stronger"), ("_", "weaker"), ("N", "next"), ("Q", "quit")])
def test_shift_does_not_matter(key: str, name: str) -> None:
    assert command_for_key(key) == Command(name)


def test_the_table_of_keys_has_every_plain_key_and_every_hotkey_once() -> None:
    bindings = bind({"select:great_wave": "ctrl+alt+g", "random": ""})
    lines = keys_table(bindings).splitlines()
    assert {line.split()[0] for line in lines} >= {action.key for action in ACTIONS.values() if action.key}
    for combination in bindings:
        if combination.key not in "2345678":
            assert sum(f"{combination} " in line for line in lines) == 1
    assert "ctrl+alt+1 – ctrl+alt+9" in keys_table(bindings)
    assert "select:great_wave" in keys_table(bindings)


def test_the_table_of_keys_without_hotkeys_has_the_plain_ones() -> None:
    assert "    n    next style" in keys_table({})


@pytest.mark.parametrize("key", ["0", "j", " ", "\x1b", "\n", "²", "é", "\x00"])
def test_other_keys_do_nothing(key: str) -> None:
    assert command_for_key(key) is None
