"""What `--help` says of each command: every option is explained, and every example can be typed as it stands."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import click
import pytest

from stylecam.cli.group import group

pytestmark = pytest.mark.usefixtures("own_settings")


def commands(command: click.Command, *words: str) -> Iterator[tuple[str, click.Command]]:
    """Yield `command` and all below it, by what is typed for them."""
    yield " ".join(words), command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from commands(inner, *words, name)


COMMANDS = dict(commands(group, "stylecam"))


def parse(line: str) -> None:
    """Read a command line as the program does, without running it."""
    words = shlex.split(line, comments=True)
    name = words.pop(0)
    while words and f"{name} {words[0]}" in COMMANDS:
        name += f" {words.pop(0)}"
    COMMANDS["stylecam run" if name == "stylecam" else name].make_context(name, words)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name: str) -> None:
    options = [param for param in COMMANDS[name].params if isinstance(param, click.Option)]
    assert [option.opts for option in options if not option.help] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_can_be_typed(name: str) -> None:
    for line in (COMMANDS[name].epilog or "").splitlines():
        words = line.strip().partition("   ")[0].partition(" < ")[0].partition(" | ")[0]
        if line.startswith("  stylecam ") and not words.endswith("--help"):
            parse(words)
