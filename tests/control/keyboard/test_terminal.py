"""Tests of keys typed into the terminal."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator

import pytest

from stylecam.control.keyboard import terminal
from stylecam.control.keyboard.terminal import TerminalKeys
from tests.doubles import until


def test_standard_input_that_is_not_a_terminal_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("n"))
    keys = TerminalKeys(lambda _: None, lambda: None)
    assert keys.start() is False
    keys.stop()


def test_without_standard_input_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert TerminalKeys(lambda _: None, lambda: None).start() is False


if sys.platform != "win32":
    import pty
    import termios

    @pytest.fixture
    def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
        """Return the keyboard end of a pseudoterminal that is standard input in the foreground."""
        keyboard, screen = pty.openpty()
        monkeypatch.setattr(terminal, "_in_foreground", lambda: True)
        with os.fdopen(screen, "r") as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            yield keyboard
        os.close(keyboard)

    def commands_of(keyboard: int, text: bytes) -> list[str]:
        """Type `text` and then q; return the commands."""
        commands: list[str] = []
        keys = TerminalKeys(lambda command: commands.append(str(command)), lambda: commands.append("keys"))
        before = termios.tcgetattr(sys.stdin.fileno())
        assert keys.start()
        try:
            assert until(lambda: termios.tcgetattr(sys.stdin.fileno()) != before)
            os.write(keyboard, text + b"q")
            until(lambda: "quit" in commands)
        finally:
            keys.stop()
        return commands

    def test_keys_are_commands_without_enter(keyboard: int) -> None:
        assert commands_of(keyboard, b"nj3+") == ["next", "select:3", "stronger", "quit"]

    @pytest.mark.parametrize("key", [b"?", b"h", b"H"])
    def test_a_question_mark_and_h_show_the_keys(keyboard: int, key: bytes) -> None:
        assert commands_of(keyboard, key) == ["keys", "quit"]

    @pytest.mark.parametrize("escape", [b"\x1b[A", b"\x1b[1;5P", b"\x1bOP", b"\x1b[200~quit now\x1b[201~"])
    def test_arrows_function_keys_and_pasted_text_are_ignored(keyboard: int, escape: bytes) -> None:
        assert commands_of(keyboard, escape + b"n") == ["next", "quit"]

    def test_the_terminal_settings_are_restored(keyboard: int) -> None:
        before = termios.tcgetattr(sys.stdin.fileno())
        assert commands_of(keyboard, b"") == ["quit"]
        assert termios.tcgetattr(sys.stdin.fileno()) == before

    def test_a_background_job_does_not_read_the_terminal(keyboard: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(terminal, "_in_foreground", lambda: False)
        assert TerminalKeys(lambda _: None, lambda: None).start() is False
