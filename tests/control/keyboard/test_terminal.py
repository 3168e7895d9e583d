"""Plain keys in the terminal."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator

import pytest

from stylecam.control.keyboard import terminal
from stylecam.control.keyboard.terminal import TerminalKeys
from tests.doubles import until


def test_where_standard_input_is_no_terminal_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("n"))
    keys = TerminalKeys(lambda _: None)
    assert keys.start() is False
    keys.stop()


def test_without_any_standard_input_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert TerminalKeys(lambda _: None).start() is False


if sys.platform != "win32":
    import pty
    import termios

    @pytest.fixture
    def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
        """The other end of a terminal that is standard input, and whose foreground is ours."""
        keyboard, screen = pty.openpty()
        monkeypatch.setattr(terminal, "_in_foreground", lambda: True)
        with os.fdopen(screen, "r") as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            yield keyboard
        os.close(keyboard)

    def typed(keyboard: int, text: bytes) -> list[str]:
        """The orders of what is typed; `text` is followed by q."""
        orders: list[str] = []
        keys = TerminalKeys(lambda order: orders.append(str(order)))
        before = termios.tcgetattr(sys.stdin.fileno())
        assert keys.start()
        try:
            assert until(lambda: termios.tcgetattr(sys.stdin.fileno()) != before)
            os.write(keyboard, text + b"q")
            until(lambda: "quit" in orders)
        finally:
            keys.stop()
        return orders

    def test_keys_typed_into_the_terminal_are_orders_without_enter(keyboard: int) -> None:
        assert typed(keyboard, b"nz3+") == ["next", "select:3", "stronger", "quit"]

    @pytest.mark.parametrize("escape", [b"\x1b[A", b"\x1b[1;5P", b"\x1bOP", b"\x1b[200~quit now\x1b[201~"])
    def test_arrows_function_keys_and_pasted_text_are_no_orders(keyboard: int, escape: bytes) -> None:
        assert typed(keyboard, escape + b"n") == ["next", "quit"]

    def test_the_terminal_is_given_back_as_it_was(keyboard: int) -> None:
        before = termios.tcgetattr(sys.stdin.fileno())
        assert typed(keyboard, b"") == ["quit"]
        assert termios.tcgetattr(sys.stdin.fileno()) == before

    def test_a_job_in_the_background_leaves_the_terminal_alone(keyboard: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(terminal, "_in_foreground", lambda: False)
        assert TerminalKeys(lambda _: None).start() is False
