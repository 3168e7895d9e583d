"""What the tests of several commands share."""

from __future__ import annotations

import pytest

from stylecam.cli.group import run_command_line


def refusal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must fail with status 2 and one line on standard error; return the line."""
    assert run_command_line(arguments) == 2
    text = capsys.readouterr().err
    assert text.startswith("stylecam: ")
    assert len(text.splitlines()) == 1
    return text
