"""`stylecam service`: start stylecam with the computer."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict

import click

from stylecam.system.service import find_service_manager


@click.group(
    "service",
    epilog="""\b
Examples:
  stylecam service install                        start with your desktop, as the configuration file says
  stylecam service install --style great_wave     with options of `stylecam run`
  stylecam service start                          start it now
  stylecam service status                         show whether it runs
  stylecam service uninstall                      remove it""",
)
def command() -> None:
    """Start stylecam with the computer, and again if it fails.

    It uses systemd on Linux, launchd on macOS and the task scheduler on Windows; the last two were not tested yet.
    While nobody watches, a running stylecam switches the camera off and does nothing.
    """


@command.command("install", context_settings={"ignore_unknown_options": True})
@click.argument("flags", nargs=-1, type=click.UNPROCESSED, metavar="[OPTION OF RUN]...")
def install(flags: tuple[str, ...]) -> None:
    """Start `stylecam run` at every login, with these options."""
    from stylecam.cli.options import config_of, config_path_of, settings_of
    from stylecam.cli.run import command as run_command
    from stylecam.models.catalog import Catalog
    from stylecam.system.service.settings_check import check_service_settings

    context = run_command.make_context("run", list(flags))
    settings = settings_of(context)
    settings.check()
    check_service_settings(settings, config_path_of(context))
    catalog = Catalog.installed()
    config_of(context).check_styles(catalog.parse)
    if settings.style is not None:
        catalog.parse(settings.style)
    manager = find_service_manager(os.environ)
    _print(manager.install([sys.executable, "-m", "stylecam", "run", *flags]))
    if not manager.tested:
        click.echo(f"stylecam was not tested with {manager.name} yet; please report whether it works")


@command.command("start")
def start() -> None:
    """Start it now, and wait until frames are published."""
    _print(find_service_manager(os.environ).start())


@command.command("stop")
def stop() -> None:
    """Stop it until the next login."""
    _print(find_service_manager(os.environ).stop())


@command.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def status(as_json: bool) -> int:
    """Print whether it is installed and runs. The exit status is 0 if it runs, else 3."""
    found = find_service_manager(os.environ).status()
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2))
    else:
        click.echo(f"{'installed' if found.installed else 'not installed'}, {found.words}")
    return 0 if found.running else 3


@command.command("uninstall")
def uninstall() -> None:
    """Stop it and remove it."""
    _print(find_service_manager(os.environ).uninstall())


def _print(lines: list[str]) -> None:
    for line in lines:
        click.echo(line)
