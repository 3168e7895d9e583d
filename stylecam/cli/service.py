"""`stylecam service`: stylecam starts with the computer."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict

import click

from stylecam.errors import UsageError


@click.group(
    "service",
    epilog="""\b
Examples:
  stylecam service install                        start with your desktop, as the configuration file says
  stylecam service install --style great_wave     with flags of `stylecam run`
  stylecam service start                          start it now
  stylecam service status                         does it run?
  stylecam service uninstall                      take it away again""",
)
def command() -> None:
    """Start stylecam with the computer, and again when it fails.

    systemd on Linux; launchd on macOS and the task scheduler on Windows, which nobody has tried yet. A running stylecam
    without a viewer lets your camera rest and paints nothing.
    """


@command.command("install", context_settings={"ignore_unknown_options": True})
@click.argument("flags", nargs=-1, type=click.UNPROCESSED, metavar="[FLAG OF RUN]...")
def install(flags: tuple[str, ...]) -> None:
    """Have `stylecam run` started at login, with these flags."""
    from stylecam.cli.run import FILE, FOUND, settings_of
    from stylecam.cli.run import command as run_command
    from stylecam.models.catalog import Catalog, shipped_models
    from stylecam.system.service.places import check_places
    from stylecam.system.service.select import manager
    from stylecam.utils import paths

    asked = run_command.make_context("run", list(flags))
    settings = settings_of(asked)
    settings.check()
    check_places(settings, asked.meta[FILE])
    catalog = Catalog.load([shipped_models(), paths.user_styles()])
    asked.meta[FOUND].check_styles(catalog.parse)
    if settings.style is not None:
        catalog.parse(settings.style)
    if settings.seconds is not None:
        raise UsageError("--seconds ends the run, and a service is not meant to end; leave it out")
    chosen = manager(os.environ)
    _say(chosen.install([sys.executable, "-m", "stylecam", "run", *flags]))
    if not chosen.tried:
        click.echo(f"Nobody has tried this with {chosen.name} yet; please tell how it went.")


@command.command("start")
def start() -> None:
    """Start it now, and wait until pictures flow."""
    from stylecam.system.service.select import manager

    _say(manager(os.environ).start())


@command.command("stop")
def stop() -> None:
    """Stop it until the next login."""
    from stylecam.system.service.select import manager

    _say(manager(os.environ).stop())


@command.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def status(as_json: bool) -> int:
    """Say whether it is installed and runs; the exit status is 0 if it runs, else 3."""
    from stylecam.system.service.select import manager

    found = manager(os.environ).status()
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2))
    else:
        click.echo(f"{'installed' if found.installed else 'not installed'}, {found.words}")
    return 0 if found.running else 3


@command.command("uninstall")
def uninstall() -> None:
    """Stop it and take it away."""
    from stylecam.system.service.select import manager

    _say(manager(os.environ).uninstall())


def _say(lines: list[str]) -> None:
    for line in lines:
        click.echo(line)
