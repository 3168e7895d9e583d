"""Tests of global hotkeys: key names, the listener, warnings and failures."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from stylecam.control.command import Command
from stylecam.control.keyboard.bindings import bind
from stylecam.control.keyboard.global_hotkeys import GlobalHotkeys, Keyboard, key_name
from stylecam.control.keyboard.portal import PortalHotkeys
from stylecam.errors import HotkeysUnavailableError
from stylecam.utils.clock import ManualClock


def named_key(name: str) -> Any:
    """Return a key like pynput's `Key.page_up`."""
    return SimpleNamespace(name=name)


def key_code(char: str | None = None, vk: int | None = None) -> Any:
    """Return a key like pynput's `KeyCode`."""
    return SimpleNamespace(char=char, vk=vk)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (named_key("ctrl"), "ctrl_l"),
        (named_key("ctrl_r"), "ctrl_r"),
        (named_key("alt_l"), "alt_l"),
        (named_key("alt_gr"), "alt_gr"),
        (named_key("shift_r"), "shift_r"),
        (named_key("cmd"), "cmd_l"),
        (named_key("page_up"), "page_up"),
        (named_key("f9"), "f9"),
        (key_code("n"), "n"),
        (key_code("N"), "n"),
        (key_code("\x0e"), "n"),
        (key_code("\x01"), "a"),
        (key_code("1", 0x31), "1"),
        (key_code("+"), "+"),
        (key_code(None, 78), "n"),
        (key_code(None, 49), "1"),
        (key_code(None, 200), "<200>"),
        (key_code(None, None), ""),
        (None, ""),
    ],
)
def test_a_key_has_one_name_with_any_modifiers(key: Any, name: str) -> None:
    assert key_name(key) == name


@pytest.mark.parametrize(("platform", "vk"), [("linux", 0xFFB1), ("win32", 97)])
def test_the_keypads_digits_are_digits(platform: str, vk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert key_name(key_code(None, vk)) == "1"


class FakeListener:
    """Stands in for pynput's keyboard listener."""

    newest: FakeListener

    def __init__(self, on_press: Any, on_release: Any) -> None:
        self.on_press, self.on_release = on_press, on_release
        self.running = False
        FakeListener.newest = self

    def start(self) -> None:
        self.running = True

    def wait(self) -> None:
        pass

    def is_alive(self) -> bool:
        return self.running

    def stop(self) -> None:
        self.running = False


def test_the_keys_are_shown_with_the_link_of_the_page(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "stylecam")
    keyboard = Keyboard(bind({}), False, lambda _: None, clock)
    keyboard.show_keys()
    keyboard.link = "http://127.0.0.1:8765/?token=secret"
    keyboard.show_keys()
    without, again, link = caplog.records
    assert without.getMessage() == again.getMessage()
    assert link.getMessage().startswith(f"Page: {keyboard.link} ")
    shown: list[tuple[bool, bool]] = [
        (getattr(record, "only_on_terminal", False), getattr(record, "is_link", False)) for record in caplog.records
    ]
    assert shown == [(True, False), (True, False), (True, True)]


@pytest.fixture
def commands() -> list[Command]:
    return []


@pytest.fixture
def hotkeys(clock: ManualClock, commands: list[Command], monkeypatch: pytest.MonkeyPatch) -> GlobalHotkeys:
    monkeypatch.setattr(importlib, "import_module", lambda _: SimpleNamespace(Listener=FakeListener))
    return GlobalHotkeys(bind({}), commands.append, clock)


def test_a_combination_submits_its_command(hotkeys: GlobalHotkeys, commands: list[Command]) -> None:
    hotkeys.start()
    for key in (named_key("ctrl_l"), named_key("alt_l"), key_code("n")):
        FakeListener.newest.on_press(key)
    assert commands == [Command("next")]


def test_extra_arguments_of_newer_pynput_versions_are_accepted(hotkeys: GlobalHotkeys, commands: list[Command]) -> None:
    hotkeys.start()
    for key in (named_key("ctrl_l"), named_key("alt_l"), key_code("n")):
        FakeListener.newest.on_press(key, False)
        FakeListener.newest.on_release(key, False)
    assert commands == []


def test_stopping_stops_the_listener_and_may_be_done_twice(hotkeys: GlobalHotkeys) -> None:
    hotkeys.start()
    hotkeys.stop()
    hotkeys.stop()
    assert not FakeListener.newest.running


def _start_error(hotkeys: GlobalHotkeys, error: Exception, monkeypatch: pytest.MonkeyPatch) -> str:
    def fail(_: str) -> None:
        raise error

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(HotkeysUnavailableError) as caught:
        hotkeys.start()
    return str(caught.value)


def test_without_a_display_the_error_says_what_still_works(
    hotkeys: GlobalHotkeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
        monkeypatch.delenv(name, raising=False)
    message = _start_error(hotkeys, ImportError("this platform is not supported:\n\nTry one of..."), monkeypatch)
    assert "no X display" in message
    assert "keys in this terminal work" in message
    assert "\n" not in message


@pytest.mark.parametrize("variable", [("WAYLAND_DISPLAY", "wayland-0"), ("XDG_SESSION_TYPE", "wayland")])
def test_on_wayland_without_x11_the_error_names_the_shortcut_and_no_x_display(
    variable: tuple[str, str], hotkeys: GlobalHotkeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(*variable)
    message = _start_error(hotkeys, ImportError("this platform is not supported:\n\nTry one of..."), monkeypatch)
    assert message.startswith("on Wayland, programs may not listen to the keyboard")
    assert "`stylecam ctl next`" in message
    assert "keys in this terminal work" in message
    assert "X display" not in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("platform", "command"), [("linux", "pip install --no-deps pynput"), ("darwin", "pip install pynput")]
)
def test_a_missing_pynput_is_named_with_the_command_that_needs_no_compiler(
    platform: str, command: str, hotkeys: GlobalHotkeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("DISPLAY", ":0")
    message = _start_error(hotkeys, ModuleNotFoundError("No module named 'pynput'", name="pynput"), monkeypatch)
    assert f"pynput is not installed; run: {command};" in message


def test_any_other_failure_is_one_line(hotkeys: GlobalHotkeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    message = _start_error(hotkeys, RuntimeError("a\nvery\nlong\n" * 50), monkeypatch)
    assert "\n" not in message
    assert len(message) < 260


@pytest.mark.parametrize("variable", [("WAYLAND_DISPLAY", "wayland-0"), ("XDG_SESSION_TYPE", "wayland")])
def test_on_wayland_there_is_a_warning(
    variable: tuple[str, str], hotkeys: GlobalHotkeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(*variable)
    warning = hotkeys.warning() or ""
    assert warning.startswith("on Wayland, global hotkeys work only while an X11 window has the keyboard")
    assert "`stylecam ctl next`" in warning


def test_on_macos_a_missing_permission_is_a_warning(hotkeys: GlobalHotkeys, monkeypatch: pytest.MonkeyPatch) -> None:
    hotkeys.start()
    FakeListener.newest.IS_TRUSTED = False  # type: ignore[attr-defined]
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "Input Monitoring" in (hotkeys.warning() or "")


def test_otherwise_there_is_no_warning(hotkeys: GlobalHotkeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_SESSION_TYPE", "x11")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    hotkeys.start()
    assert hotkeys.warning() is None


@pytest.fixture
def silent_hotkeys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let global hotkeys start without a listener."""
    monkeypatch.setattr(GlobalHotkeys, "start", lambda _: None)
    monkeypatch.setattr(GlobalHotkeys, "warning", lambda _: None)
    monkeypatch.setattr(GlobalHotkeys, "alive", True)


def keyboard(clock: ManualClock, hotkeys_enabled: bool = True) -> Keyboard:
    def press(_: Command) -> None:
        raise AssertionError("no key was pressed")

    return Keyboard(bind({}), hotkeys_enabled, press, clock)


@pytest.mark.usefixtures("silent_hotkeys")
def test_hotkeys_are_reported_once_they_are_active(clock: ManualClock) -> None:
    keys = keyboard(clock)
    assert keys.hotkeys == {}
    keys.start()
    assert keys.hotkeys == bind({})
    keys.stop()


@pytest.mark.usefixtures("silent_hotkeys")
def test_disabled_hotkeys_are_neither_active_nor_named(clock: ManualClock) -> None:
    keys = keyboard(clock, hotkeys_enabled=False)
    keys.start()
    assert (keys.hotkeys, keys.names) == ({}, {})


@pytest.mark.usefixtures("silent_hotkeys")
def test_unavailable_hotkeys_are_reported_once_and_the_run_continues(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: GlobalHotkeys) -> None:
        raise HotkeysUnavailableError("there is no X display")

    monkeypatch.setattr(GlobalHotkeys, "start", refuse)
    keys = keyboard(clock)
    keys.start()
    assert caplog.messages == ["global hotkeys are off: there is no X display"]
    assert (keys.hotkeys, keys.trouble) == ({}, None)
    keys.stop()


@pytest.mark.usefixtures("silent_hotkeys")
def test_a_warning_is_passed_on(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(GlobalHotkeys, "warning", lambda _: "on Wayland …")
    keyboard(clock).start()
    assert caplog.messages == ["on Wayland …"]


@pytest.mark.usefixtures("silent_hotkeys")
def test_a_display_that_went_away_is_reported(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = keyboard(clock)
    keys.start()
    monkeypatch.setattr(GlobalHotkeys, "alive", False)
    assert keys.trouble is not None
    assert "the display went away" in keys.trouble


@pytest.mark.usefixtures("silent_hotkeys")
def test_rebound_hotkeys_are_active_and_named(clock: ManualClock) -> None:
    keys = keyboard(clock)
    names = keys.names
    keys.start()
    other = bind({"next": "ctrl+alt+right"})
    keys.rebind(other)
    assert keys.hotkeys == other
    assert names["next"] == "ctrl+alt+right"


def _portal(error: str = "") -> Callable[[PortalHotkeys], None]:
    def start(portal: PortalHotkeys) -> None:
        if error:
            raise HotkeysUnavailableError(error)

    return start


@pytest.mark.usefixtures("silent_hotkeys")
def test_on_wayland_the_desktops_portal_comes_first(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    monkeypatch.setattr(PortalHotkeys, "start", _portal())
    keys = keyboard(clock)
    keys.start()
    assert isinstance(keys._global, PortalHotkeys)
    assert (keys.hotkeys, keys.trouble, caplog.messages) == ({}, None, [])  # the desktop has not bound them yet
    keys._global.alive = True
    assert keys.hotkeys == bind({})


@pytest.mark.usefixtures("silent_hotkeys")
def test_on_wayland_without_a_portal_one_line_says_why(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    monkeypatch.setattr(PortalHotkeys, "start", _portal("the desktop has no portal"))
    monkeypatch.setattr(GlobalHotkeys, "warning", lambda _: "only in X11 windows")
    keys = keyboard(clock)
    keys.start()
    assert isinstance(keys._global, GlobalHotkeys)
    assert caplog.messages == ["only in X11 windows (the desktop has no portal)"]


@pytest.mark.usefixtures("silent_hotkeys")
def test_on_x11_the_portal_is_not_asked(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("XDG_SESSION_TYPE", "x11")
    monkeypatch.setattr(PortalHotkeys, "start", _portal("the portal was asked"))
    keys = keyboard(clock)
    keys.start()
    assert isinstance(keys._global, GlobalHotkeys)
