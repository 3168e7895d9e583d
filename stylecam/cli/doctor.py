"""`stylecam doctor`: why a camera does not appear, or the picture crawls."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from stylecam.errors import StylecamError, UsageError

if TYPE_CHECKING:
    from stylecam.system.doctor.finding import Finding, Level
    from stylecam.system.setup.steps import Step


@click.command(
    "doctor",
    epilog="""\b
Examples:
  stylecam doctor                 look at everything, in at most five seconds
  stylecam doctor --fix           and run the commands that help, after asking
  stylecam doctor --report        a text for a bug report, without names of yours
  stylecam doctor --json
\b
It ends with 1 where something does not work, else with 0.""",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as a JSON list.")
@click.option("--report", is_flag=True, help="Print a text for a bug report, without personal data.")
@click.option("--fix", is_flag=True, help="Show the commands that help, ask, and run them.")
@click.option("--yes", is_flag=True, help="With --fix: do not ask.")
def command(as_json: bool, report: bool, fix: bool, yes: bool) -> int:
    """Find out why a camera does not appear, or why the picture crawls.

    Nothing is changed without --fix. Your camera's light goes on for two seconds, as its rate is measured.
    """
    from stylecam.system.doctor import checkup
    from stylecam.system.doctor import report as texts
    from stylecam.system.doctor.finding import Level
    from stylecam.system.doctor.trials import RealTrials
    from stylecam.system.probe import ThisMachine
    from stylecam.system.setup.steps import elevation
    from stylecam.utils.clock import SystemClock

    if as_json + report + fix > 1:
        raise UsageError("--json, --report and --fix exclude each other; choose one")
    if yes and not fix:
        raise UsageError("--yes answers the question of --fix; write stylecam doctor --fix --yes")
    machine, clock = ThisMachine(os.environ), SystemClock()
    findings = checkup.examine(machine, RealTrials(clock, _settings), clock)
    how = elevation(machine)
    if as_json:
        click.echo(json.dumps([finding.as_dict(how) for finding in findings], indent=2))
    elif report:
        _print(texts.text(findings, how, machine.user))
    else:
        width, plain = shutil.get_terminal_size((100, 24)).columns, not _encodes("✓→")
        for line in texts.lines(findings, how, width, plain):
            _print(_coloured(line.text, line.level))
    if fix:
        _fix(findings, how, yes)
    return 1 if any(finding.level is Level.FAULT for finding in findings) else 0


def _settings() -> str | None:
    """What `stylecam run` would complain of before it begins; None where it would not."""
    from stylecam.cli.run import command as run
    from stylecam.cli.run import settings_of
    from stylecam.control.keyboard.bindings import bind
    from stylecam.errors import ProbeError
    from stylecam.models.catalog import Catalog, shipped_models
    from stylecam.utils import paths

    try:
        with run.make_context("run", []) as context:
            settings = settings_of(context)
        settings.check()
        bind(settings.bindings)
        if settings.style is not None:
            Catalog.load([shipped_models(), paths.user_styles()]).parse(settings.style)
    except ImportError as error:
        raise ProbeError(f"what reads them cannot be loaded: {error}") from error
    except click.UsageError as error:
        from stylecam.cli.group import origin

        return error.format_message() + origin(error)
    except StylecamError as error:
        return str(error)
    return None


def _fix(findings: Sequence[Finding], how: str | None, yes: bool) -> None:
    from stylecam.cli.setup import carry_out

    steps: list[Step] = []
    for finding in findings:
        for step in finding.fix.steps if finding.fix else ():
            if step not in steps:
                steps.append(step)
    click.echo("")
    if not steps:
        click.echo("There is no command that would help here; what to do is said above.")
        return
    carry_out(steps, how, yes)
    click.echo("Done. Run stylecam doctor again to see what is left.")


def _coloured(text: str, level: Level | None) -> str:
    """The line, with its sign in the colour of its level; lines that begin at the edge are headings."""
    if level is None:
        return click.style(text, bold=True) if text and not text.startswith(" ") else text
    colour = {"ok": "green", "warning": "yellow", "fault": "red"}.get(level.value, "cyan")
    sign, rest = text[1:].split(" ", 1)
    return f" {click.style(sign, fg=colour, bold=True)} {rest}"


def _print(text: str) -> None:
    """Also where the terminal lacks some of the letters."""
    encoding = sys.stdout.encoding or "utf-8"
    if not _encodes(text):
        text = text.translate(str.maketrans("×–“”’", 'x-""\''))
    click.echo(text.encode(encoding, "replace").decode(encoding))


def _encodes(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
