"""`stylecam doctor`: find out why a camera does not appear, or why the picture is slow."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from stylecam.cli import shared_options as shared
from stylecam.cli.language import current, say
from stylecam.cli.language_option import language
from stylecam.errors import StylecamError, UsageError
from stylecam.utils.message import Message
from stylecam.utils.redact import redact

if TYPE_CHECKING:
    from stylecam.system.doctor.finding import Finding

_COLORS = {"✓": "green", "ok": "green", "!": "yellow", "✗": "red", "X": "red", "?": "cyan"}


@click.command(
    "doctor",
    epilog="""\b
Examples:
  stylecam doctor                 check everything, in at most five seconds
  stylecam doctor --fix           the same, then ask and run the commands that help
  stylecam doctor --report        a text for a bug report, without personal data
  stylecam doctor --json
\b
Exit status: 1 if something does not work, else 0.""",
)
@shared.as_json
@click.option("--report", is_flag=True, help="Print a text for a bug report, without personal data.")
@click.option("--fix", is_flag=True, help="Show the commands that help, ask, and run them.")
@click.option("--yes", is_flag=True, help="With --fix: do not ask.")
@language
def command(as_json: bool, report: bool, fix: bool, yes: bool) -> int:
    """Find out why a camera does not appear, or why the picture is slow.

    Nothing is changed without --fix. Your camera's light goes on for two seconds while its rate is measured.
    """
    from stylecam.system.doctor import report as report_text
    from stylecam.system.doctor.checks import run_checks
    from stylecam.system.doctor.diagnostics import Diagnostics
    from stylecam.system.doctor.finding import Level
    from stylecam.system.probe import HostProbe
    from stylecam.system.setup.steps import find_elevation
    from stylecam.utils.clock import SystemClock

    if as_json + report + fix > 1:
        raise UsageError(Message("--json, --report and --fix exclude each other; choose one"))
    if yes and not fix:
        raise UsageError(Message("--yes answers the question of --fix; write stylecam doctor --fix --yes"))
    host, clock = HostProbe(os.environ), SystemClock()
    findings = run_checks(host, Diagnostics(clock, _settings_problem), clock)
    elevation = find_elevation(host)
    if as_json:
        shared.print_json([finding.as_dict(elevation) for finding in findings])
    elif report:
        _print(report_text.text(findings, elevation, host.user))
    else:
        width, plain = shutil.get_terminal_size((100, 24)).columns, not _can_encode("✓→")
        for line in report_text.lines(findings, elevation, width, plain, current()):
            _print(_colored(line))
    if fix:
        _fix(findings, elevation, yes)
    return 1 if any(finding.level is Level.FAULT for finding in findings) else 0


def _settings_problem() -> str | None:
    """Return the error with which `stylecam run` would refuse to start, or None."""
    from stylecam.cli.options import settings_of
    from stylecam.cli.run import command as run
    from stylecam.control.keyboard.bindings import bind
    from stylecam.errors import ProbeError
    from stylecam.models.catalog import Catalog
    from stylecam.stylize.style_file import resolve_style

    try:
        with run.make_context("run", []) as context:
            settings = settings_of(context)
        settings.check()
        bind(settings.bindings)
        if settings.style is not None:
            resolve_style(settings.style, Catalog.installed())
    except ImportError as error:
        raise ProbeError(Message("their reader cannot be loaded: {error}", error=error)) from error
    except click.UsageError as error:
        from stylecam.cli.group import value_origin

        return redact(error.format_message() + value_origin(error))
    except StylecamError as error:
        return redact(str(error))
    return None


def _fix(findings: Sequence[Finding], elevation: str | None, yes: bool) -> None:
    from stylecam.cli.setup import confirm_and_run

    steps = list(dict.fromkeys(step for finding in findings if finding.fix for step in finding.fix.steps))
    click.echo("")
    if not steps:
        click.echo(say("There is no command that would help here; see above for what to do."))
        return
    confirm_and_run(steps, elevation, yes)
    click.echo(say("Done. Run stylecam doctor again to check the result."))


def _colored(line: str) -> str:
    """Return the line with its sign in the colour of its level. A line without indentation is a heading."""
    if not line.startswith(" "):
        return click.style(line, bold=True) if line else line
    sign, _, rest = line[1:].partition(" ")
    return f" {click.style(sign, fg=_COLORS[sign], bold=True)} {rest}" if sign in _COLORS else line


def _print(text: str) -> None:
    """Print `text`, also on a terminal that lacks some of its characters."""
    encoding = sys.stdout.encoding or "utf-8"
    if not _can_encode(text):
        text = text.translate(str.maketrans("×–“”’", 'x-""\''))
    click.echo(text.encode(encoding, "replace").decode(encoding))


def _can_encode(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
