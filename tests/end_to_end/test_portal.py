"""Global hotkeys through the desktop's portal, on a real D-Bus."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stylecam.control.command import Command
from stylecam.control.keyboard import portal as portal_module
from stylecam.control.keyboard import portal_session
from stylecam.control.keyboard.bindings import bind
from stylecam.control.keyboard.portal import PortalHotkeys
from stylecam.control.keyboard.portal_session import APP_ID
from stylecam.errors import HotkeysUnavailableError
from stylecam.utils.clock import SystemClock
from tests.end_to_end.conftest import Need, Start
from tests.end_to_end.outside import PATIENCE_S, Program, run_command, wait_for
from tests.end_to_end.portal_backend import Backend
from tests.end_to_end.portal_service import Portal, portal

pytestmark = pytest.mark.system

BUS = """<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
"""A session bus that starts no services: the usual one would start the portal that is installed on this machine."""


@pytest.fixture
def bus(need: Need, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The address of a session bus of the test's own, on which nothing runs but what the test starts."""
    (tmp_path / "bus.conf").write_text(BUS, "utf-8")
    command = [need("dbus-daemon"), f"--config-file={tmp_path / 'bus.conf'}", "--nofork", "--print-address"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        address = daemon.stdout.readline().strip()
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        monkeypatch.setattr(portal_module, "FIRST_PAUSE_S", 0.01)
        yield address
        daemon.terminate()
        daemon.wait(PATIENCE_S)


class Keys:
    """Hotkeys, the commands they have submitted, and the keys the desktop has named."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.named: dict[str, str] = {}
        self.hotkeys = PortalHotkeys(bind({}), self.commands.append, SystemClock(), self.named.update)

    def trouble(self, words: str) -> None:
        wait_for(f"the trouble {words!r}", lambda: words in (self.hotkeys.trouble or ""))

    def follow(self, running: Portal, number: int = 1) -> None:
        """Wait until the portal has bound the hotkeys for the time `number`, and a press of one is submitted."""
        wait_for("the binding", lambda: len(running.arguments("BindShortcuts")) >= number and self.named)
        running.press("next")
        wait_for("the command", lambda: Command("next") in self.commands)


@pytest.fixture
def keys(bus: str) -> Iterator[Keys]:
    made = Keys()
    yield made
    made.hotkeys.stop()
    assert made.hotkeys._thread is None or not made.hotkeys._thread.is_alive()


def test_the_desktop_binds_the_hotkeys_and_a_press_submits_the_command(bus: str, keys: Keys) -> None:
    with portal(bus) as running:
        keys.hotkeys.start()
        keys.follow(running)
        assert [name for name, _ in running.calls] == ["Register", "Get", "CreateSession", "BindShortcuts"]
        assert running.arguments("Register") == [("app.stylecam.Stylecam", {})]
        session, shortcuts, parent, _ = running.arguments("BindShortcuts")[0]
        assert (session, parent) == (running.sessions[0][1], "")
        asked = {name: (facts["description"][1], facts["preferred_trigger"][1]) for name, facts in shortcuts}
        assert asked["next"] == ("next style", "CTRL+ALT+n")
        assert asked["select:1"][1] == "CTRL+ALT+1"
        assert asked["stronger"][1] == "CTRL+ALT+Page_Up"
        assert keys.named["next"] == "Ctrl+Alt+N"
        running.press("next")  # at once again, as a keyboard repeats
        running.press("unknown")
        running.press("previous")
        wait_for("the other command", lambda: Command("previous") in keys.commands)
        assert keys.commands == [Command("next"), Command("previous")]
        assert (keys.hotkeys.alive, keys.hotkeys.trouble) == (True, None)


def test_an_older_portal_needs_no_registration(bus: str, keys: Keys) -> None:
    with portal(bus, registry=False) as running:
        keys.hotkeys.start()
        keys.follow(running)


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ({"shortcuts": False}, "the desktop has no portal for global shortcuts"),
        ({"known_app": False}, "finds no menu entry of stylecam; run: stylecam doctor --fix"),
    ],
    ids=["none", "unknown"],
)
def test_a_portal_that_cannot_help_is_told_in_one_line(
    bus: str, keys: Keys, behaviour: dict[str, bool], message: str
) -> None:
    with portal(bus, **behaviour), pytest.raises(HotkeysUnavailableError) as caught:
        keys.hotkeys.start()
    assert str(caught.value).endswith(message)
    assert caught.value.lacks_menu_entry == ("known_app" in behaviour)


def test_a_desktop_that_binds_nothing_without_a_menu_entry_is_told_in_one_line(
    bus: str, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    with portal(bus, known_app=False, strict=False, response=2):
        with pytest.raises(HotkeysUnavailableError, match="finds no menu entry"):
            keys.hotkeys.check()
        keys.hotkeys.start()
        wait_for("the line", lambda: caplog.messages)
    (line,) = caplog.messages
    assert line.endswith("finds no menu entry of stylecam; run: stylecam doctor --fix")


def test_a_desktop_that_asks_for_no_menu_entry_binds_the_hotkeys_without(bus: str, keys: Keys) -> None:
    with portal(bus, known_app=False, strict=False) as running:
        keys.hotkeys.start()
        keys.follow(running)


def test_without_a_portal_or_a_bus_it_says_so(bus: str, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HotkeysUnavailableError, match=r"the desktop has no portal$"):
        keys.hotkeys.check()
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    with pytest.raises(HotkeysUnavailableError, match="there is no D-Bus session"):
        keys.hotkeys.check()


def test_who_declines_is_not_asked_again_until_the_hotkeys_change(
    bus: str, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    with portal(bus, response=1) as running:
        keys.hotkeys.start()
        wait_for("the line", lambda: caplog.messages)
        (line,) = caplog.messages
        assert line.startswith("global hotkeys are off: you declined them")
        assert (keys.hotkeys.alive, keys.hotkeys.trouble) == (False, None)  # nothing that anybody waits for
        running.response = 0
        keys.hotkeys.rebind(bind({}))  # the same again
        keys.hotkeys.rebind(bind({"next": "ctrl+alt+right"}))
        keys.follow(running, 2)
        shortcuts = running.arguments("BindShortcuts")[1][1]
        assert dict(shortcuts)["next"]["preferred_trigger"] == ("s", "CTRL+ALT+Right")
        assert len(running.arguments("BindShortcuts")) == 2
        assert keys.hotkeys.trouble is None


def test_a_malformed_signal_costs_one_line_and_the_next_press_is_followed(
    bus: str, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    with portal(bus) as running:
        keys.hotkeys.start()
        wait_for("the binding", lambda: keys.named)
        running.send_malformed()
        keys.follow(running)
    lines = [message for message in caplog.messages if "malformed" in message]
    assert lines == ["the desktop's portal sent a malformed signal, Activated; it is ignored"] * 2


def test_a_malformed_answer_is_told_in_one_line(bus: str, keys: Keys, caplog: pytest.LogCaptureFixture) -> None:
    with portal(bus, malformed="CreateSession"), pytest.raises(HotkeysUnavailableError, match="a malformed answer"):
        keys.hotkeys.check()
    with portal(bus, malformed="BindShortcuts"):
        keys.hotkeys.start()
        wait_for("the line", lambda: caplog.messages)
    assert caplog.messages == ["global hotkeys are off: the desktop's portal sent a malformed answer"]


def test_it_stops_at_once_while_the_dialog_is_open(bus: str, keys: Keys) -> None:
    with portal(bus, response=None) as running:
        keys.hotkeys.start()
        wait_for("the dialog", lambda: running.arguments("BindShortcuts"))
        keys.hotkeys.stop()


def test_a_portal_that_dies_is_told_and_found_again(bus: str, keys: Keys) -> None:
    with portal(bus) as running:
        keys.hotkeys.start()
        keys.follow(running)
    keys.trouble("global hotkeys are off: the desktop")
    keys.commands.clear()
    keys.named.clear()
    with portal(bus) as running:
        keys.follow(running)
        assert keys.hotkeys.trouble is None


def test_a_portal_that_is_slow_to_start_is_waited_for(bus: str, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portal_session, "REPLY_S", 0.3)
    with portal(bus, answers=False) as running:
        keys.hotkeys.start()
        assert keys.hotkeys.trouble == "global hotkeys are off: the desktop's portal does not answer"
        running.answers = True
        keys.follow(running)


def test_a_session_that_the_desktop_ends_is_opened_again(bus: str, keys: Keys) -> None:
    with portal(bus) as running:
        keys.hotkeys.start()
        keys.follow(running)
        running.end_session()
        keys.named.clear()
        keys.commands.clear()
        keys.follow(running, 2)
        assert len(running.sessions) == 2


@pytest.fixture
def desktop(bus: str, need: Need, tmp_path: Path) -> Iterator[Backend]:
    """The real xdg-desktop-portal on that bus, with a program behind it that binds everything."""
    program = need("/usr/libexec/xdg-desktop-portal")
    entry = tmp_path / "applications" / f"{APP_ID}.desktop"
    entry.parent.mkdir()
    entry.write_text(f"[Desktop Entry]\nType=Application\nName=stylecam\nExec={sys.executable}\n", "utf-8")
    backend = Backend(bus, tmp_path)
    variables = {"XDG_DESKTOP_PORTAL_DIR": str(tmp_path), "XDG_CURRENT_DESKTOP": "stylecam", "HOME": str(tmp_path)}
    variables |= {"XDG_DATA_HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    with subprocess.Popen([program, "-r"], env=os.environ | variables, stderr=subprocess.DEVNULL) as portal_program:
        yield backend
        portal_program.terminate()
        portal_program.wait(PATIENCE_S)
    backend.end()


def test_the_real_portal_hands_presses_on_and_a_session_that_ends_is_opened_again(keys: Keys, desktop: Backend) -> None:
    def works() -> bool:
        with contextlib.suppress(HotkeysUnavailableError):
            keys.hotkeys.check()
            return True
        return False

    wait_for("the portal", works)
    keys.hotkeys.start()
    for _ in range(2):
        wait_for("the binding", lambda: keys.named)
        assert desktop.bound["stronger"] == ("more of the painting", "CTRL+ALT+Page_Up")
        assert desktop.app_id in ("", APP_ID)  # portals before 1.20 know a program by its systemd unit alone
        desktop.press("next")
        wait_for("the command", lambda: keys.commands)
        assert keys.commands == [Command("next")]
        keys.commands.clear()
        keys.named.clear()
        desktop.end_session()


@pytest.fixture
def on_wayland(stylecam: Start, bus: str) -> Callable[..., Program]:
    """Starts stylecam as in a Wayland session with that bus."""

    def start(*arguments: str) -> Program:
        variables = ("WAYLAND_DISPLAY=wayland-0", f"DBUS_SESSION_BUS_ADDRESS={bus}")
        demo = ("--camera", "demo", "--size", "320x180", "--output", "null", "-v")
        return stylecam(*demo, *arguments, command=["env", *variables, *run_command()])

    return start


def test_a_key_of_the_desktop_changes_the_style(stylecam: Start, bus: str, on_wayland: Callable[..., Program]) -> None:
    with portal(bus) as running:
        program = on_wayland("--style", "great_wave")
        wait_for("the binding", lambda: running.arguments("BindShortcuts"))
        running.press("next")
        program.wait_until("the next style", lambda stats: stats["style"] == "the_scream")
        running.press("quit")
        assert program.finish() == 0


def test_a_portal_that_dies_costs_one_line_and_not_the_picture(
    stylecam: Start, bus: str, on_wayland: Callable[..., Program]
) -> None:
    with portal(bus) as running:
        program = on_wayland()
        wait_for("the binding", lambda: running.arguments("BindShortcuts"))
    wait_for("the line", lambda: "global hotkeys are off: the desktop" in program.errors)
    seen = program.stats()["published"]
    program.wait_until("more pictures", lambda stats: stats["published"] > seen + 15)
    program.interrupt()
    assert program.finish() == 0
    assert program.errors.count("global hotkeys are off") == 1
    assert "Traceback" not in program.errors


def test_without_a_portal_the_line_names_what_works(
    stylecam: Start, bus: str, on_wayland: Callable[..., Program], tmp_path: Path
) -> None:
    program = on_wayland("--seconds", "1")
    assert program.finish() == 0
    (line,) = [line for line in program.errors.splitlines() if "hotkeys" in line]
    assert "`stylecam ctl next`" in line
    assert "(the desktop has no portal)" in line
