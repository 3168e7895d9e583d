"""Hotkeys as a user has them: real key events on a real X display, seen in the published picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Display, Start
from tests.end_to_end.outside import (
    PORTRAIT,
    STILL,
    Program,
    difference,
    free_port,
    port_is_free,
    settled,
    shows_again,
    shows_change,
    snapshot,
    wait_for,
)

pytestmark = pytest.mark.system

Xdo = Callable[..., str]


class Painted:
    """A stylecam painting a still picture, so that only orders change what it publishes."""

    def __init__(self, program: Program, port: int) -> None:
        self.program = program
        self.port = port
        self.first = settled(port)

    def style(self) -> str:
        return str(self.program.stats()["style"])


@pytest.fixture
def painted(stylecam: Start, display: str) -> Callable[..., Painted]:
    def start(*arguments: str) -> Painted:
        port = free_port()
        return Painted(stylecam(*STILL, "--output", f"web:{port}", *arguments, display=display), port)

    return start


def test_ctrl_alt_n_paints_the_next_style(painted: Callable[..., Painted], xdo: Xdo) -> None:
    run = painted("--style", "great_wave")
    xdo("key", "ctrl+alt+n")
    run.program.wait_until("the next style", lambda stats: stats["style"] == "the_scream")
    shows_change(run.port, run.first)


def test_ctrl_alt_p_goes_back_to_the_very_picture_before(painted: Callable[..., Painted], xdo: Xdo) -> None:
    run = painted("--style", "great_wave")
    xdo("key", "ctrl+alt+n")
    shows_change(run.port, run.first)
    xdo("key", "ctrl+alt+p")
    run.program.wait_until("the style before", lambda stats: stats["style"] == "great_wave")
    shows_again(run.port, run.first)


def test_ctrl_alt_3_paints_the_third_style(painted: Callable[..., Painted], xdo: Xdo) -> None:
    run = painted("--style", "starry_night")
    xdo("key", "ctrl+alt+3")
    run.program.wait_until("style 3", lambda stats: stats["style"] == "the_scream")
    shows_change(run.port, run.first)


def test_ctrl_alt_b_shows_the_plain_camera_and_the_painting_again(painted: Callable[..., Painted], xdo: Xdo) -> None:
    run = painted("--style", "the_scream")
    xdo("key", "ctrl+alt+b")
    run.program.wait_until("bypass", lambda stats: stats["bypass"] and not stats["painting"])
    shows_change(run.port, run.first)
    xdo("key", "ctrl+alt+b")
    run.program.wait_until("painting", lambda stats: not stats["bypass"] and stats["painting"])
    shows_again(run.port, run.first)


def test_page_down_and_page_up_change_the_strength(painted: Callable[..., Painted], xdo: Xdo) -> None:
    run = painted("--style", "the_scream", "--strength", "0.5")
    xdo("key", "ctrl+alt+Page_Down")
    run.program.wait_until("less painting", lambda stats: stats["strength"] == pytest.approx(0.4))
    wait_for("another picture", lambda: difference(run.first, snapshot(run.port)) > 1)
    xdo("key", "ctrl+alt+Page_Up")
    run.program.wait_until("as much painting", lambda stats: stats["strength"] == pytest.approx(0.5))
    shows_again(run.port, run.first)


def test_ctrl_alt_f_holds_a_moving_picture_and_lets_it_go(stylecam: Start, display: str, xdo: Xdo) -> None:
    port = free_port()
    demo = ["--camera", "demo", "--style", "none", "--size", "320x180", "--output", f"web:{port}"]
    program = stylecam(*demo, display=display)
    xdo("key", "ctrl+alt+f")
    frozen = program.wait_until("the order", lambda stats: stats["frozen"])
    begun = program.wait_until("the frozen picture", lambda stats: stats["published"] > frozen["published"] + 1)
    held = snapshot(port)
    program.wait_until("more of it", lambda stats: stats["published"] > begun["published"] + 10)
    assert difference(held, snapshot(port)) == 0
    xdo("key", "ctrl+alt+f")
    wait_for("the moving picture", lambda: difference(held, snapshot(port)) > 0.5)


def test_ctrl_alt_q_quits(painted: Callable[..., Painted], xdo: Xdo) -> None:
    run = painted()
    xdo("key", "ctrl+alt+q")
    assert run.program.finish(5) == 0
    assert port_is_free(run.port)


def test_a_modifier_too_many_does_nothing(painted: Callable[..., Painted], xdo: Xdo) -> None:
    run = painted("--style", "great_wave")
    xdo("key", "ctrl+alt+shift+n")
    xdo("key", "ctrl+alt+Page_Down")  # an order given later and carried out: by then the first had its time
    after = run.program.wait_until("the order after it", lambda stats: stats["strength"] < 1)
    assert (after["style"], after["version"]) == ("great_wave", 1)


def test_typing_into_another_program_does_nothing(painted: Callable[..., Painted], xdo: Xdo) -> None:
    run = painted("--style", "great_wave")
    xdo("type", "npb3fq")
    xdo("key", "ctrl+alt+Page_Down")
    after = run.program.wait_until("the order after it", lambda stats: stats["strength"] < 1)
    assert (after["style"], after["version"]) == ("great_wave", 1)


def test_a_key_held_down_fires_once(painted: Callable[..., Painted], xdo: Xdo) -> None:
    run = painted("--style", "great_wave")
    xdo("keydown", "ctrl", "keydown", "alt", "keydown", "n", "keydown", "n", "keydown", "n")
    xdo("keyup", "n", "keyup", "alt", "keyup", "ctrl")
    xdo("key", "ctrl+alt+Page_Down")
    after = run.program.wait_until("the order after it", lambda stats: stats["strength"] < 1)
    assert (after["style"], after["version"]) == ("the_scream", 2)


def test_a_hotkey_given_by_flag_replaces_the_default(painted: Callable[..., Painted], xdo: Xdo) -> None:
    run = painted("--style", "great_wave", "--hotkey", "next=ctrl+alt+Right", "--hotkey", "select:udnie=ctrl+F9")
    xdo("key", "ctrl+alt+n")
    xdo("key", "ctrl+alt+Right")
    run.program.wait_until("the next style", lambda stats: stats["style"] == "the_scream" and stats["version"] == 1)
    xdo("key", "ctrl+F9")
    run.program.wait_until("the style of its own key", lambda stats: stats["style"] == "udnie")


def test_a_hotkey_from_the_configuration_file_works(painted: Callable[..., Painted], xdo: Xdo, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text('[run]\nstyle = "great_wave"\n[hotkeys]\nnext = "ctrl+shift+F7"\n', "utf-8")
    run = painted("--config", str(settings))
    assert run.style() == "great_wave"
    xdo("key", "ctrl+shift+F7")
    run.program.wait_until("the next style", lambda stats: stats["style"] == "the_scream")


def test_hotkeys_can_be_left_off(painted: Callable[..., Painted], xdo: Xdo) -> None:
    run = painted("--style", "great_wave", "--no-hotkeys")
    xdo("key", "ctrl+alt+n")
    seen = run.program.stats()["published"]
    after = run.program.wait_until("a second more", lambda stats: stats["published"] > seen + 15)
    assert after["version"] == 0


def test_the_hotkeys_in_use_are_shown_with_verbose(painted: Callable[..., Painted]) -> None:
    run = painted("--hotkey", "next=ctrl+alt+Right", "-v")
    line = next(line for line in run.program.errors.splitlines() if line.startswith("hotkeys everywhere"))
    assert "ctrl+alt+right next style" in line
    assert "ctrl+alt+q stop stylecam" in line


def test_without_a_display_one_line_warns_and_the_camera_runs_on(stylecam: Start) -> None:
    program = stylecam("--camera", str(PORTRAIT), "--size", "320x180", "--output", "null", "-v")
    seen = program.stats()["published"]
    program.wait_until("more pictures", lambda stats: stats["published"] > seen + 15)
    warnings = [line for line in program.errors.splitlines() if "hotkeys are off" in line]
    assert len(warnings) == 1
    assert "DISPLAY is not set" in warnings[0]
    assert "Traceback" not in program.errors


def test_an_x_server_that_cannot_be_listened_to_costs_a_warning_and_no_more(
    stylecam: Start, x_server: Callable[..., Display]
) -> None:
    display = x_server("-extension", "RECORD").name
    program = stylecam("--camera", "demo", "--output", "null", "--seconds", "2", "-v", display=display)
    assert program.finish() == 0
    assert "global hotkeys are off" in program.errors
    assert "Traceback" not in program.errors


def test_an_x_server_that_goes_away_costs_the_hotkeys_and_not_the_recording(
    stylecam: Start, x_server: Callable[..., Display], tmp_path: Path
) -> None:
    server, recording = x_server(), tmp_path / "talk.mp4"
    program = stylecam("--camera", "demo", "--size", "320x180", "--output", f"file:{recording}", display=server.name)
    server.stop()
    wait_for("the loss of the display is told", lambda: "global hotkeys have stopped" in program.errors or None)
    program.interrupt()
    assert program.finish() == 0
    assert recording.stat().st_size > 0
