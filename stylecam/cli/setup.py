"""`stylecam setup`: the virtual camera's driver."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from stylecam.errors import UsageError

if TYPE_CHECKING:
    from stylecam.system.setup.steps import Step


@click.command(
    "setup",
    epilog="""\b
Examples:
  stylecam setup --dry-run        what it would do, and nothing else
  stylecam setup                  the same, then ask and do it
  stylecam setup --remove         take all of it away again""",
)
@click.option("--dry-run", is_flag=True, help="Only show the commands.")
@click.option("--remove", is_flag=True, help="Undo what setup did: unload the driver, remove its files and package.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(dry_run: bool, remove: bool, yes: bool) -> None:
    """Install and set up the virtual camera's driver, once.

    On Debian, Ubuntu, Fedora and Arch: v4l2loopback, loaded at every start, with a camera called stylecam and one for
    OBS. Every command is shown before anything is done. On Windows and macOS, where OBS brings the camera, the steps
    are printed.
    """
    from stylecam.system.probe import ThisMachine
    from stylecam.system.setup import plan as plans
    from stylecam.system.setup.steps import elevation

    if dry_run and yes:
        raise UsageError("--dry-run does nothing, so there is nothing to say --yes to; leave one out")
    machine = ThisMachine(os.environ)
    manual = plans.by_hand(machine.platform)
    if manual:
        click.echo("Remove OBS to take its camera away." if remove else "The virtual camera comes with OBS here:")
        for number, words in enumerate(() if remove else manual, 1):
            click.echo(f"  {number}. {words}")
        return
    plan = plans.removal(machine) if remove else plans.installation(machine)
    if not plan.steps:
        click.echo("There is nothing to remove." if remove else "Everything is set up already.")
    for note in plan.notes:
        click.echo(f"Note: {note}")
    if not plan.steps:
        return
    how = elevation(machine)
    if dry_run:
        show(plan.steps, how)
        return
    carry_out(plan.steps, how, yes)
    for words in plan.then:
        click.echo(f"Now {words}.")


def carry_out(steps: Sequence[Step], how: str | None, yes: bool) -> None:
    """Show `steps`, ask unless `yes`, and run them.

    Raises:
        UsageError: nobody can answer.
        SetupError: a step failed.
        click.Abort: the answer was no.
    """
    from stylecam.system.setup.steps import perform

    show(steps, how)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("nothing was run, as nobody can be asked here; look at the commands, then add --yes")
        click.confirm("Run these commands?", abort=True)
    perform(steps, how, click.echo)


def show(steps: Sequence[Step], how: str | None) -> None:
    """Every command with what it is for, to be read or pasted."""
    from stylecam.system.setup.steps import shown

    for step in steps:
        click.echo(f"# {step.why}")
        click.echo(f"  {shown(step, how)}")
