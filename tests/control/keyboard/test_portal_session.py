"""Tests of the keys as the XDG specification writes them; what needs a bus is in tests/end_to_end/test_portal.py."""

from __future__ import annotations

import pytest

from stylecam.control.keyboard.bindings import KeyCombination, bind
from stylecam.control.keyboard.portal_session import xdg_trigger


@pytest.mark.parametrize(
    ("text", "trigger"),
    [
        ("ctrl+alt+n", "CTRL+ALT+n"),
        ("shift+alt+ctrl+win+7", "CTRL+ALT+SHIFT+LOGO+7"),
        ("ctrl+pgup", "CTRL+Page_Up"),
        ("ctrl+left", "CTRL+Left"),
        ("f12", "F12"),
        ("ctrl+enter", "CTRL+Return"),
        ("media_play_pause", "XF86AudioPlay"),
        ("ctrl++", "CTRL+plus"),
        ("ctrl+-", "CTRL+minus"),
        ("ctrl+é", "CTRL+U00E9"),
    ],
)
def test_a_combination_is_written_as_the_specification_says(text: str, trigger: str) -> None:
    assert xdg_trigger(KeyCombination.parse(text)) == trigger


def test_each_default_hotkey_has_a_trigger_of_letters_digits_and_underscores() -> None:
    triggers = [xdg_trigger(combination) for combination in bind({})]
    assert len(set(triggers)) == len(triggers)
    assert all(part.replace("_", "").isalnum() for trigger in triggers for part in trigger.split("+"))
