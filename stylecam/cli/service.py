"""`stylecam service`: start stylecam at login."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict

import click

from stylecam.cli import shared_options as shared
from stylecam.cli.suggestions import SuggestingGroup
from stylecam.system.service import find_service_manager


@click.group(
    "service",
    cls=SuggestingGroup,
    epilog="""\b
Examples:
  stylecam service install                        start with your desktop, as the configuration file says
  stylecam service install --style great_wave     with options of `stylecam run`
  stylecam service start                          start it now
  stylecam service status                         show whether it runs
  stylecam service uninstall                      remove it""",
)
def command() -> None:
    """Start stylecam when you log in, and again after a failure.

    It uses systemd on Linux, launchd on macOS and the task scheduler on Windows; the last two have not been tested yet.
    While nobody watches, the camera is off and stylecam rests.
    """


@command.command("install", context_settings={"ignore_unknown_options": True})
@click.argument("flags", nargs=-1, type=click.UNPROCESSED, metavar="[OPTION OF RUN]...")
def install(flags: tuple[str, ...]) -> None:
    """Start `stylecam run` at every login, with the given options.

    Tokens and passwords among them are kept in a file that only you can read.
    """
    from stylecam.cli.options import config_of, config_path_of, settings_of
    from stylecam.cli.run import command as run_command
    from stylecam.cli.secret_flags import split_secrets
    from stylecam.models.catalog import Catalog
    from stylecam.stylize.style_file import resolve_style
    from stylecam.system.service.settings_check import check_service_settings

    context = run_command.make_context("run", list(flags))
    settings = settings_of(context)
    settings.check()
    check_service_settings(settings, config_path_of(context))
    catalog = Catalog.installed()
    config_of(context).check_styles(catalog.parse)
    if settings.style is not None:
        resolve_style(settings.style, catalog)
    manager = find_service_manager(os.environ)
    words, variables = split_secrets(context, flags)
    _print(manager.install([sys.executable, "-m", "stylecam", "run", *words], variables))
    if not manager.tested:
        click.echo(f"stylecam was not tested with {manager.name} yet; please report whether it works")


@command.command("start")
def start() -> None:
    """Start the service now, and wait until it publishes frames."""
    _print(find_service_manager(os.environ).start())


@command.command("stop")
def stop() -> None:
    """Stop the service until the next login."""
    _print(find_service_manager(os.environ).stop())


@command.command("status")
@shared.as_json
def status(as_json: bool) -> int:
    """Print whether the service is installed and runs.

    The exit status is 0 if it runs, else 3.
    """
    found = find_service_manager(os.environ).status()
    if as_json:
        shared.print_json(asdict(found))
    else:
        click.echo(f"{'installed' if found.installed else 'not installed'}, {found.words}")
    return 0 if found.running else 3


@command.command("uninstall")
def uninstall() -> None:
    """Stop the service and remove it."""
    _print(find_service_manager(os.environ).uninstall())


def _print(lines: list[str]) -> None:
    for line in lines:
        click.echo(line)
