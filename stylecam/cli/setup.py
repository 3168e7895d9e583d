"""`stylecam setup`: install the virtual camera's driver."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from stylecam.cli.language import say
from stylecam.cli.language_option import language
from stylecam.errors import UsageError
from stylecam.utils.message import Message

if TYPE_CHECKING:
    from stylecam.system.setup.steps import SetupStep


@click.command(
    "setup",
    epilog="""\b
Examples:
  stylecam setup --dry-run        show what it would do
  stylecam setup                  show it, ask, and do it
  stylecam setup --remove         undo it""",
)
@click.option("--dry-run", is_flag=True, help="Only show the commands.")
@click.option("--remove", is_flag=True, help="Undo what setup did: unload the driver, remove its files and package.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@language
def command(dry_run: bool, remove: bool, yes: bool) -> None:
    """Install and set up the virtual camera's driver, once.

    On Debian, Ubuntu, Fedora and Arch: v4l2loopback, loaded at every start, with a camera called stylecam and one for
    OBS. Every command is shown before anything is done. On Windows and macOS, where OBS brings the camera, the steps
    are printed.
    """
    from stylecam.system.probe import HostProbe
    from stylecam.system.setup.plan import manual_steps, plan_installation, plan_removal
    from stylecam.system.setup.steps import find_elevation

    if dry_run and yes:
        raise UsageError(Message("--dry-run runs nothing, so --yes has no question to answer; leave one out"))
    host = HostProbe(os.environ)
    if manual := manual_steps(host.platform):
        click.echo(say("Remove OBS to remove its camera." if remove else "The virtual camera comes with OBS here:"))
        for number, text in enumerate(() if remove else manual, 1):
            click.echo(f"  {number}. {say(text)}")
        return
    plan = plan_removal(host) if remove else plan_installation(host)
    if not plan.steps:
        click.echo(say("There is nothing to remove." if remove else "Everything is set up already."))
    for note in plan.notes:
        click.echo(say("Note: {note}", note=note))
    if not plan.steps:
        return
    elevation = find_elevation(host)
    if dry_run:
        show_steps(plan.steps, elevation)
        return
    confirm_and_run(plan.steps, elevation, yes)
    for text in plan.next_steps:
        click.echo(say("Now {text}.", text=text))


def confirm_and_run(steps: Sequence[SetupStep], elevation: str | None, yes: bool) -> None:
    """Show `steps`, ask unless `yes`, and run them.

    Raises:
        UsageError: there is no terminal to ask on.
        SetupError: a step failed.
        click.Abort: the user answered no.
    """
    from stylecam.system.setup.steps import run_steps

    show_steps(steps, elevation)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(
                Message("nothing was run, as there is no terminal to ask on; read the commands, then add --yes")
            )
        click.confirm(say("Run these commands?"), abort=True)
    run_steps(steps, elevation, lambda text: click.echo(say(text)))


def show_steps(steps: Sequence[SetupStep], elevation: str | None) -> None:
    """Print every command with its purpose, to read or paste."""
    from stylecam.system.setup.steps import shell_line

    for step in steps:
        click.echo(f"# {say(step.purpose)}")
        click.echo(f"  {say(shell_line(step, elevation))}")
