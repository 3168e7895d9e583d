"""The keys of a live run."""

from __future__ import annotations

import pytest

from stylecam.control.actions import Command
from stylecam.control.keyboard.bindings import bind
from stylecam.control.keyboard.global_hotkeys import GlobalHotkeys
from stylecam.control.keyboard.listener import Keyboard
from stylecam.errors import HotkeysUnavailableError
from stylecam.utils.clock import ManualClock

pytestmark = pytest.mark.usefixtures("listening")


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> None:
    """Global hotkeys start, and hear nothing: what they do with a display has tests of its own."""
    monkeypatch.setattr(GlobalHotkeys, "start", lambda _: None)
    monkeypatch.setattr(GlobalHotkeys, "warning", lambda _: None)
    monkeypatch.setattr(GlobalHotkeys, "alive", True)


def keyboard(clock: ManualClock, said: list[str], wanted: bool = True) -> Keyboard:
    def press(_: Command) -> None:
        raise AssertionError("nobody has pressed a key")

    return Keyboard(bind({}), wanted, press, clock, said.append)


def test_hotkeys_are_known_once_they_are_listened_to(clock: ManualClock) -> None:
    keys = keyboard(clock, [])
    assert keys.hotkeys == {}
    keys.start()
    assert keys.hotkeys == bind({})
    keys.stop()


def test_unwanted_they_are_not_listened_to_nor_named(clock: ManualClock) -> None:
    keys = keyboard(clock, [], wanted=False)
    keys.start()
    assert (keys.hotkeys, keys.names) == ({}, {})


def test_where_they_cannot_be_had_it_is_said_once_and_the_run_goes_on(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: GlobalHotkeys) -> None:
        raise HotkeysUnavailableError("there is no X display")

    monkeypatch.setattr(GlobalHotkeys, "start", refuse)
    said: list[str] = []
    keys = keyboard(clock, said)
    keys.start()
    assert said == ["global hotkeys are off: there is no X display"]
    assert (keys.hotkeys, keys.trouble) == ({}, None)
    keys.stop()


def test_a_warning_is_passed_on(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GlobalHotkeys, "warning", lambda _: "on Wayland …")
    said: list[str] = []
    keyboard(clock, said).start()
    assert said == ["on Wayland …"]


def test_a_display_that_went_away_is_a_trouble(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = keyboard(clock, [])
    keys.start()
    monkeypatch.setattr(GlobalHotkeys, "alive", False)
    assert keys.trouble is not None
    assert "the display went away" in keys.trouble


def test_other_hotkeys_are_listened_to_and_named_from_then_on(clock: ManualClock) -> None:
    keys = keyboard(clock, [])
    names = keys.names
    keys.start()
    other = bind({"next": "ctrl+alt+right"})
    keys.rebind(other)
    assert keys.hotkeys == other
    assert names["next"] == "ctrl+alt+right"
