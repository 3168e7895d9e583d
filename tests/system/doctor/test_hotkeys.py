"""What the doctor says of global hotkeys on Wayland desktops: the line that binds a key, for each desktop."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from stylecam.errors import HotkeysUnavailableError
from stylecam.system.doctor.finding import Finding, Level
from stylecam.system.doctor.hotkeys import check
from stylecam.system.setup.menu_entry import menu_entry_steps
from tests.system.fake_host import FakeHost, healthy

PAGE = (Path(__file__).parents[3] / "docs" / "settings.md").read_text("utf-8")


def desktop(environment: dict[str, str], program: str | None = "/usr/bin/stylecam") -> Finding:
    """Return the finding for a desktop with these variables, where `stylecam` is found at `program`."""

    class Host(FakeHost):
        def find_program(self, name: str) -> str | None:
            return program if name == "stylecam" else super().find_program(name)

    _, diagnostics = healthy()
    host = Host()
    host.environment = environment
    return next(finding for finding in check(host, diagnostics) if finding.subject == "desktop")


def lines(finding: Finding) -> tuple[str, ...]:
    assert finding.fix is not None
    assert finding.fix.steps == ()  # nothing that `stylecam doctor --fix` would run
    return finding.fix.lines


@pytest.mark.parametrize(
    ("name", "place", "line"),
    [
        ("sway", "~/.config/sway/config", "bindsym Ctrl+Alt+n exec /usr/bin/stylecam ctl next"),
        ("Hyprland", "hyprland.conf", "bind = CTRL ALT, N, exec, /usr/bin/stylecam ctl next"),
        ("GNOME", "Custom Shortcuts", "/usr/bin/stylecam ctl next"),
        ("ubuntu:GNOME", "Custom Shortcuts", "/usr/bin/stylecam ctl next"),
        ("KDE", "System Settings, Shortcuts", "/usr/bin/stylecam ctl next"),
        ("niri", "the settings of your desktop", "/usr/bin/stylecam ctl next"),
        ("", "the settings of your desktop", "/usr/bin/stylecam ctl next"),
    ],
)
def test_each_desktop_gets_the_line_that_binds_a_key(name: str, place: str, line: str) -> None:
    finding = desktop({"WAYLAND_DISPLAY": "wayland-0", "XDG_CURRENT_DESKTOP": name})
    assert finding.level is Level.WARNING
    assert finding.found == f"Wayland ({name or 'desktop unknown'}): global hotkeys do not work"
    assert finding.fix is not None
    assert place in finding.fix.words
    assert "X11" not in finding.fix.words
    assert lines(finding) == (line,)


@pytest.mark.parametrize(("variable", "name"), [("SWAYSOCK", "sway"), ("HYPRLAND_INSTANCE_SIGNATURE", "Hyprland")])
def test_a_compositor_that_was_started_from_a_console_is_known(variable: str, name: str) -> None:
    finding = desktop({"XDG_SESSION_TYPE": "wayland", variable: "/run/user/1000/socket"})
    assert finding.found.startswith(f"Wayland ({name})")


def test_where_x11_programs_run_too_their_windows_are_the_limit() -> None:
    finding = desktop({"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0", "XDG_CURRENT_DESKTOP": "KDE"})
    assert finding.found == "Wayland (KDE): global hotkeys work only while an X11 window has the keyboard"
    assert lines(finding) == ("/usr/bin/stylecam ctl next",)


@pytest.mark.parametrize(
    ("program", "command"),
    [
        (None, "/home/anna/.venv/bin/python -m stylecam ctl next"),
        ("/home/anna/my programs/stylecam", "'/home/anna/my programs/stylecam' ctl next"),
    ],
)
def test_the_command_works_wherever_stylecam_is_installed(program: str | None, command: str) -> None:
    finding = desktop({"WAYLAND_DISPLAY": "wayland-0", "XDG_CURRENT_DESKTOP": "sway"}, program)
    assert lines(finding) == (f"bindsym Ctrl+Alt+n exec {command}",)


def portal_findings(name: str, portal: Exception | None) -> list[Finding]:
    """Return the findings on a Wayland desktop of that name, whose portal answers with `portal`."""
    host, diagnostics = healthy()
    host.environment = {"WAYLAND_DISPLAY": "wayland-0", "XDG_CURRENT_DESKTOP": name}
    host.installed.add("stylecam")
    diagnostics.portal = portal
    return list(check(host, diagnostics))


def test_a_portal_for_global_shortcuts_needs_nothing_else() -> None:
    findings = portal_findings("GNOME", None)
    assert [(finding.level, finding.subject) for finding in findings] == [(Level.OK, "desktop"), (Level.OK, "hotkeys")]
    assert findings[1].found == "the desktop's portal binds global hotkeys; it may ask you once"


def test_on_hyprland_the_user_writes_the_keys() -> None:
    *_, hotkeys = portal_findings("Hyprland", None)
    assert hotkeys.level is Level.WARNING
    assert lines(hotkeys) == ("bind = CTRL ALT, N, global, app.stylecam.Stylecam:next",)


def test_a_portal_that_is_not_there_is_named_beside_the_line_that_binds_a_key() -> None:
    desktop_finding, portal = portal_findings("sway", HotkeysUnavailableError("the desktop has no portal"))
    assert lines(desktop_finding) == ("bindsym Ctrl+Alt+n exec /usr/bin/stylecam ctl next",)
    assert portal.found == "the desktop has no portal"


def test_a_portal_that_asks_for_a_menu_entry_gets_one(tmp_path: Path) -> None:
    *_, hotkeys = portal_findings("GNOME", HotkeysUnavailableError("no entry", lacks_menu_entry=True))
    assert hotkeys.level is Level.FAULT
    assert hotkeys.fix is not None
    folder, entry = hotkeys.fix.steps
    assert folder.command == ("mkdir", "-p", "/home/anna/.local/share/applications")
    assert entry.file == "/home/anna/.local/share/applications/app.stylecam.Stylecam.desktop"
    assert not folder.root
    assert not entry.root
    shell, flag, script, _, *content = entry.command
    path = tmp_path / "entry.desktop"
    subprocess.run([shell, flag, script, str(path), *content], check=True)
    assert "Exec=/usr/bin/stylecam run" in path.read_text("utf-8").splitlines()


@pytest.mark.parametrize(
    ("program", "line"),
    [
        (("/opt/stylecam",), "Exec=/opt/stylecam run"),
        (("/home/anna/my programs/python", "-m", "stylecam"), 'Exec="/home/anna/my programs/python" -m stylecam run'),
        (("/50% $off",), 'Exec="/50%% \\\\$off" run'),
    ],
)
def test_the_menu_entry_quotes_its_program_as_the_specification_says(program: tuple[str, ...], line: str) -> None:
    _, entry = menu_entry_steps(FakeHost(), "app", program)
    assert line in entry.command


def test_the_page_of_settings_has_the_same_lines() -> None:
    for name in ("sway", "Hyprland"):
        (line,) = lines(desktop({"WAYLAND_DISPLAY": "w", "XDG_CURRENT_DESKTOP": name}, "stylecam"))
        assert line in re.findall(r"`([^`\n]+)`", PAGE)
