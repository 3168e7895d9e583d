"""`stylecam run`: the live camera."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.text import Text

from stylecam.cli import language
from stylecam.cli import shared_options as shared
from stylecam.cli.declared import flags_of
from stylecam.cli.language import say
from stylecam.cli.options import (
    ConfiguredCommand,
    check_variables,
    config_file_of,
    config_of,
    config_option,
    parsed_again,
    settings_of,
)
from stylecam.cli.process_list import hide_in_process_list
from stylecam.cli.secret_flags import secret_values
from stylecam.cli.signals import SignalHandlers
from stylecam.cli.streams import print_error
from stylecam.control.http import instances
from stylecam.control.http.token import kept_token
from stylecam.errors import SinkError, SourceError, StylecamError, TokenFileError
from stylecam.live.settings import Settings
from stylecam.system.service.notify import Notifier
from stylecam.utils import paths, runtime_folder
from stylecam.utils.message import Message
from stylecam.utils.options import CONTROL, option
from stylecam.utils.text import printable

if TYPE_CHECKING:
    from stylecam.cli.terminal_log import TerminalWriter
    from stylecam.live.report import SessionReport
    from stylecam.live.session import Session

logger = logging.getLogger(__name__)

SETTLE_S = 1.0
"""How long the first lines wait for a PipeWire camera, so that they can name it."""


@dataclass(frozen=True)
class Opening:
    """What `stylecam run` does for the person who starts it."""

    open_page: bool = option(
        True, name="open", group=CONTROL, parameter="open_page",
        help="Open the page in the browser at the start, on a desktop: not over SSH, from a script or as a service.",
    )  # fmt: skip


@dataclass(frozen=True)
class Printing:
    """What `stylecam run` prints beside its messages."""

    profile: bool = option(False, help="Print at the end how long each stage of a frame took.")
    as_json: bool = option(
        False, name="json", parameter="as_json", help="Print the final statistics as JSON on standard output."
    )
    verbose: bool = option(
        False, short="-v", help="Print more: camera, engine, sizes, notices that need nothing from you, tracebacks."
    )


@click.command(
    "run",
    cls=ConfiguredCommand,
    params=[*flags_of(Settings, Opening, Printing), config_option()],
    context_settings={"auto_envvar_prefix": "STYLECAM", "help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  stylecam run                                      the first camera, to the virtual camera
  stylecam run --camera "HD Webcam" --style great_wave
  stylecam run --camera demo --output web           no camera or driver needed: a page on this computer
  stylecam run --style "great_wave:0.6,the_scream:0.4" --strength 0.8
  stylecam run --output virtual --output file:talk.mp4
  stylecam run --camera clip.mp4 --output file:painted.mp4 --seconds 20
  stylecam run --camera rtsp://192.0.2.7/live --output window
  stylecam run --hotkey next=ctrl+alt+right --hotkey quit=
  stylecam run --no-open                            without the page in the browser
  stylecam run --cpu 40                             leave more of the processor to the call
  stylecam run --seconds 60 --stats stats.json --output null --json
\b
Every option can also be set in the configuration file under [run], or by a variable such as STYLECAM_STYLE.""",
)
@click.pass_context
def command(context: click.Context, /, **printing: Any) -> int:
    """Paint the camera and publish it as a webcam.

    Keys in its terminal: n and p for the next and previous style, 1 to 9 for a style, b for the plain camera, + and -
    for the strength, f to freeze, x to hide behind a still picture, o to turn the camera off and on, q to quit. With
    ctrl+alt they work from any program. The page whose address it prints, and `stylecam ctl`, control it too.

    Closing the terminal does not end it, so that a call keeps its picture: `stylecam ctl quit` does.
    """  # fmt: skip
    from stylecam.cli.status import stages_table, summary
    from stylecam.cli.terminal_log import TerminalConsole, terminal_log

    language.speak(context.params["language"])
    verbose = printing["verbose"]
    manager = Notifier.from_environment(os.environ, os.getpid())
    try:
        hide_in_process_list(secret_values(context))
        with terminal_log(TerminalConsole(), verbose, show_links=not manager.connected) as terminal:
            final = _run(context, manager, terminal)
            if not printing["as_json"]:
                terminal.write(Text(summary(final, verbose)))
            if printing["profile"]:
                terminal.write(stages_table(final))
    except (SourceError, SinkError) as error:
        if not manager.connected:
            raise
        print_error(f"stylecam: {printable(say(str(error)), 4000)}")
        return 1  # and not 2: what is not there may come, so the manager shall try again
    except StylecamError:
        raise
    except Exception as error:  # noqa: BLE001 - the last stop: everything is closed, now say it in one line
        if verbose:
            print_error(traceback.format_exc())
        kind = type(error).__name__
        print_error(
            "stylecam: " + say("stopped by an unexpected {kind}: {error} (-v shows where)", kind=kind, error=error)
        )
        return 1
    if printing["as_json"]:
        shared.print_json(final.to_json())
    return 1 if final.failed else 0


def _run(context: click.Context, manager: Notifier, terminal: TerminalWriter) -> SessionReport:
    """Run the camera to its end and return the final figures. Everything is closed afterwards."""
    from stylecam.cli import browser
    from stylecam.cli.greeting import details, first_lines
    from stylecam.cli.paint_options import taken_over
    from stylecam.cli.status import StatusLine
    from stylecam.live.session import Session
    from stylecam.models.catalog import Catalog
    from stylecam.stylize.style_learning import redraft_folder

    for line in taken_over():
        logger.warning("%s", line)
    if names := redraft_folder(paths.user_styles()):
        logger.warning(Message("learned anew for the networks of this version: {names}", names=", ".join(names)))
    catalog = Catalog.installed()
    for problem in catalog.problems:
        logger.warning(Message("skipped: {problem}", problem=problem))
    config_of(context).check_styles(catalog.parse)
    check_variables(context)

    token = _kept_token()

    def settings_for(context: click.Context) -> Settings:
        settings = settings_of(context)
        # A service that starts before its camera is found waits for it, and does not show the demo.
        return replace(settings, token=settings.token or token, demo=not manager.connected)

    settings = settings_for(context)
    instances.check_outputs_free(settings.outputs)

    def reread() -> Settings:
        retry = parsed_again(context)
        config_of(retry).check_styles(catalog.parse)
        return settings_for(retry)

    verbose = context.params["verbose"]
    status = StatusLine(terminal, verbose)
    session = Session(
        settings, catalog, reload=reread, config_file=config_file_of(context), runtime_folder=_runtime_folder()
    )
    signals = SignalHandlers(session)

    def started() -> None:
        session.settle_outputs(SETTLE_S)
        for line in [*first_lines(session, manager.connected), *(details(session, catalog) if verbose else ())]:
            terminal.write(Text(line))
        manager.ready()
        server = session.server
        wanted = context.params["open_page"] and not manager.connected
        if server is not None and wanted and browser.is_wanted(os.environ, sys.stdout.isatty()):
            browser.open_address(server.one_time_link)

    def tick(report: SessionReport) -> None:
        status.show(report)
        signals.report()
        manager.set_status(report.pipeline.waiting_for or say("painting {style}", style=report.state["style"]))
        manager.feed_watchdog(report.pipeline.beats, report.seconds)

    signals.install()
    with session, _findable(session, settings):
        return session.run(started, tick, manager.stopping)


def _kept_token() -> str | None:
    """Return the token of earlier starts; None, after a warning, where it cannot be used."""
    try:
        return kept_token(paths.token_file())
    except TokenFileError as error:
        logger.warning("%s", error)
        return None


def _runtime_folder() -> Path | None:
    """Return the folder for the run's socket; without one the call goes on."""
    try:
        return runtime_folder.make_runtime_folder()
    except OSError as error:
        logger.warning(Message("there is no private folder for the files of a running stylecam: {error}", error=error))
        return None


@contextlib.contextmanager
def _findable(session: Session, settings: Settings) -> Iterator[None]:
    """Let `stylecam ctl`, and a second `stylecam run`, know of this one; where they cannot, the call goes on."""
    names = [sink.name for sink in session.sinks]
    server = session.server
    address = ("", 0, "", "")
    if server is not None:
        address = (server.host, server.port, server.token, str(server.socket_path or ""))
    with contextlib.ExitStack() as closing:
        try:
            found = instances.current_instance(settings.outputs, names, *address)
            closing.enter_context(instances.registered(found))
        except OSError as error:
            if not address[-1]:  # the socket is found without its file
                logger.warning(Message("stylecam ctl will not find this stylecam: {error}", error=error))
        yield
