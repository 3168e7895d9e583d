"""Stylecam in a real terminal: single keys, the status line, and the terminal given back as it was."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from tests.end_to_end.conftest import Start
from tests.end_to_end.outside import PORTRAIT, STILL, Program, free_port, settled, shows_again, shows_change, wait_for

pytestmark = [pytest.mark.system, pytest.mark.skipif(sys.platform == "win32", reason="ptys are a Unix thing")]

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A pseudo-terminal of 160 columns with a stylecam in it; we are the one who sits before it."""

    def __init__(self) -> None:
        self._ours, self.theirs = pty.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 160, 0, 0))
        self.before = self.settings()
        self._shown = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def settings(self) -> list[object]:
        """Echo, line mode and all the rest, as the system keeps them."""
        return list(termios.tcgetattr(self.theirs))

    @property
    def shown(self) -> str:
        """What was written to the screen until now, without colours and cursor movements."""
        return _ESCAPES.sub("", self._shown.decode("utf-8", "replace"))

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def close(self) -> None:
        os.close(self.theirs)
        self._reader.join(2)
        os.close(self._ours)

    def _read(self) -> None:
        with suppress(OSError):  # EIO: nobody holds the other end any more
            while data := os.read(self._ours, 4096):
                self._shown += data


Typed = tuple[Terminal, Program, int]


@pytest.fixture
def typed(stylecam: Start) -> Iterator[Callable[..., Typed]]:
    terminal = Terminal()
    programs: list[Program] = []

    def start(*arguments: str) -> Typed:
        port = free_port()
        still = [*STILL, "--style", "great_wave", "--output", f"web:{port}"]
        program = stylecam(*still, *arguments, terminal=terminal.theirs)
        programs.append(program)
        wait_for("single keys to be read", lambda: terminal.settings() != terminal.before)
        return terminal, program, port

    yield start
    for program in programs:
        program.kill()
    terminal.close()


def test_plain_keys_change_the_picture(typed: Callable[..., Typed]) -> None:
    terminal, program, port = typed()
    first = settled(port)
    terminal.type("n")
    program.wait_until("the next style", lambda stats: stats["style"] == "the_scream")
    shows_change(port, first)
    terminal.type("2")
    program.wait_until("style 2", lambda stats: stats["style"] == "great_wave")
    shows_again(port, first)
    terminal.type("b")
    program.wait_until("the plain camera", lambda stats: stats["bypass"])
    shows_change(port, first)


def test_plus_and_minus_change_the_strength(typed: Callable[..., Typed]) -> None:
    terminal, program, _ = typed("--strength", "0.5")
    terminal.type("+")
    program.wait_until("more painting", lambda stats: stats["strength"] == pytest.approx(0.6))
    terminal.type("--")
    program.wait_until("less painting", lambda stats: stats["strength"] == pytest.approx(0.4))


def test_q_quits_and_the_terminal_is_as_it_was(typed: Callable[..., Typed]) -> None:
    terminal, program, _ = typed()
    terminal.type("q")
    assert program.finish(5) == 0
    assert terminal.settings() == terminal.before


def test_ctrl_c_gives_the_terminal_back_as_it_was(typed: Callable[..., Typed]) -> None:
    terminal, program, _ = typed()
    program.interrupt()
    assert program.finish(5) == 0
    assert terminal.settings() == terminal.before


def test_the_status_line_follows_the_run(typed: Callable[..., Typed]) -> None:
    terminal, _, _ = typed("-v")
    wait_for(
        "the status line",
        lambda: re.search(r"great_wave\s+\d+ pictures a second.*painted \d+\.\d\s+at \d+×\d+", terminal.shown),
    )
    terminal.type("n")
    wait_for("the next style in it", lambda: re.search(r"the_scream\s+\d+ pictures a second", terminal.shown))


def test_keys_are_listed_and_a_recording_shows_and_is_named_when_saved(typed: Callable[..., Typed]) -> None:
    terminal, _, _ = typed()
    terminal.type("?")
    wait_for("the list of keys", lambda: "a style by its number" in terminal.shown)
    wait_for("the link of the page once more", lambda: terminal.shown.count("?token=") == 2)
    terminal.type("v")
    wait_for("the mark of the recording", lambda: "● REC" in terminal.shown)
    terminal.type("x")
    wait_for("the mark of the panic", lambda: re.search(r"● REC\s+PANIC", terminal.shown))
    terminal.type("v")
    wait_for("the name of the recording", lambda: re.search(r"recording saved: \S+\.mp4", terminal.shown))


def test_the_cursor_is_shown_again_after_the_run(typed: Callable[..., Typed]) -> None:
    terminal, program, _ = typed()
    terminal.type("q")
    assert program.finish(5) == 0
    wait_for("the cursor", lambda: b"\x1b[?25h" in bytes(terminal._shown))
    assert bytes(terminal._shown).rindex(b"\x1b[?25h") > bytes(terminal._shown).find(b"\x1b[?25l")


def test_frames_go_on_and_the_run_ends_although_nobody_reads_its_messages(stylecam: Start, full_pipe: int) -> None:
    still = ["--camera", str(PORTRAIT), "--size", "320x180", "--engine", "opencv", "--style", "none"]
    program = stylecam(*still, "--output", "null", "-v", terminal=full_pipe)
    published = program.stats()["published"]
    program.wait_until("60 further frames", lambda stats: stats["published"] > published + 60)
    program.interrupt()
    assert program.finish() == 0
