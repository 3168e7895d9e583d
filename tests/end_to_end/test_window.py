"""The preview window on a real X display."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.end_to_end.conftest import Start
from tests.end_to_end.outside import PORTRAIT, Program, wait_for

pytestmark = pytest.mark.system

Xdo = Callable[..., str]


@pytest.fixture
def window(stylecam: Start, display: str, xdo: Xdo) -> tuple[Program, int]:
    """A stylecam with a preview window, and the window's id."""
    still = ("--camera", str(PORTRAIT), "--style", "great_wave", "--size", "320x180", "--scale", "0.5")
    program = stylecam(*still, "--output", "window", "--no-hotkeys", display=display)
    program.wait_until("some pictures in it", lambda stats: stats["published"] >= 15)
    found = wait_for("a window titled stylecam", lambda: xdo("search", "--name", "^stylecam$"))
    (number,) = found.splitlines()
    return program, int(number)


def close_as_its_button_does(display: str, window: int) -> None:
    """What a window manager sends when its user clicks the cross; none runs here."""
    protocol = pytest.importorskip("Xlib.protocol.event")
    connection = pytest.importorskip("Xlib.display").Display(display)
    protocols, delete = (connection.intern_atom(name) for name in ("WM_PROTOCOLS", "WM_DELETE_WINDOW"))
    target = connection.create_resource_object("window", window)
    message = protocol.ClientMessage(window=target, client_type=protocols, data=(32, [delete, 0, 0, 0, 0]))
    target.send_event(message)
    connection.sync()  # not only sent but taken: an X server forgets what a client that is gone had still to say
    connection.close()


def test_the_window_has_the_published_size(window: tuple[Program, int], xdo: Xdo) -> None:
    wait_for("its size", lambda: "320x180" in xdo("getwindowgeometry", str(window[1])))


def test_a_plain_key_typed_into_the_window_switches_the_style(window: tuple[Program, int], xdo: Xdo) -> None:
    program, number = window
    xdo("windowfocus", "--sync", str(number))
    xdo("key", "n")
    program.wait_until("the next style", lambda stats: stats["style"] == "the_scream")


def test_closing_the_window_ends_the_run(window: tuple[Program, int], display: str) -> None:
    program, number = window
    close_as_its_button_does(display, number)
    assert program.finish(5) == 0
    assert "Traceback" not in program.errors
    assert "gone" not in program.errors


def test_q_in_the_window_ends_the_run(window: tuple[Program, int], xdo: Xdo) -> None:
    program, number = window
    xdo("windowfocus", "--sync", str(number))
    xdo("key", "q")
    assert program.finish(5) == 0


def test_without_a_display_the_reason_is_one_line(stylecam: Start) -> None:
    program = stylecam("--camera", str(PORTRAIT), "--output", "window", wait=False)
    assert program.finish() == 2
    (line,) = program.errors.splitlines()
    assert line.startswith("stylecam: no preview window: there is no X display")
    assert line.endswith("use --output web instead")
