"""`stylecam run`: the live camera."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from stylecam.cli.declared import GroupedCommand, declared_options, flags_of
from stylecam.cli.options import check_each, check_variables, file_defaults, settings_from
from stylecam.control.http import instances
from stylecam.errors import SinkError, SourceError, StylecamError, UsageError
from stylecam.live.config import file as config
from stylecam.live.settings import Settings
from stylecam.system.service.notify import Notifier, Watchdog
from stylecam.utils import paths
from stylecam.utils.files import user_path
from stylecam.utils.options import option
from stylecam.utils.text import printable

if TYPE_CHECKING:
    from stylecam.live.session import Session

FILE, FOUND = "stylecam.path", "stylecam.config"
"""What the context remembers of the configuration file: where it was looked for, and what was in it."""
_WORDS = "stylecam.words"


@dataclass(frozen=True)
class Printing:
    """What `stylecam run` prints beside its messages."""

    profile: bool = option(False, help="Print at the end how long each stage of a frame took.")
    as_json: bool = option(
        False, name="json", parameter="as_json", help="Print the final statistics as JSON on standard output."
    )
    verbose: bool = option(False, short="-v", help="Say more: the governor's reasons, tracebacks.")


class _Run(GroupedCommand):
    """Remembers the words it was given, so that they win again when the configuration file is read again."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_WORDS] = tuple(args)
        return super().parse_args(ctx, args)


def _load_config(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    """Make the file's values the defaults of all other options."""
    path = paths.config_file() if value is None else user_path(str(value))
    if value is not None and not path.is_file():
        raise UsageError(f"--config {path}: there is no such file")
    loaded = config.load(path, declared_options(context.command))
    context.meta[FILE], context.meta[FOUND] = path, loaded
    context.default_map = file_defaults(loaded, context.command)
    check_each(loaded, context)


_CONFIG = click.Option(
    ["--config"],
    is_eager=True,
    expose_value=False,
    callback=_load_config,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"Configuration file. Without: {paths.config_file()}",
)


@click.command(
    "run",
    cls=_Run,
    params=[*flags_of(Settings, Printing), _CONFIG],
    context_settings={"auto_envvar_prefix": "STYLECAM", "help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  stylecam run                                      any camera to the virtual camera
  stylecam run --camera "HD Webcam" --style great_wave
  stylecam run --camera demo --output web           no camera or driver needed: a page on this computer
  stylecam run --style "great_wave:0.6,the_scream:0.4" --strength 0.8
  stylecam run --output virtual --output file:talk.mp4
  stylecam run --camera clip.mp4 --output file:painted.mp4 --seconds 20
  stylecam run --camera rtsp://192.0.2.7/live --output window
  stylecam run --hotkey next=ctrl+alt+right --hotkey quit=
  stylecam run --cpu 40                             leave more of the processor to the call
  stylecam run --seconds 60 --stats stats.json --output null --json
\b
Every option can also be set in the configuration file under [run], or by a variable such as STYLECAM_STYLE.""",
)
@click.pass_context
def command(context: click.Context, /, **given: Any) -> int:
    """Paint the camera and publish it.

    While it runs: n and p for the next and previous style, 1 to 9 for a style, b for the plain camera, + and - for the
    strength, f to freeze, x for a still picture at once, o for the camera off and on, q to quit; the same with ctrl+alt
    from any program. The page it prints steers everything, and so does `stylecam ctl`.
    """  # fmt: skip
    from stylecam.cli.status import StatusLine, greeting
    from stylecam.live.session import Session
    from stylecam.models.catalog import Catalog, shipped_models

    console = Console(stderr=True, highlight=False)
    status = StatusLine(console, given["verbose"])
    catalog = Catalog.load([shipped_models(), paths.user_styles()])
    for problem in catalog.problems:
        status.say(f"skipped: {problem}")
    context.meta[FOUND].check_styles(catalog.parse)
    check_variables(context)
    manager = Notifier.from_environment(os.environ, os.getpid())

    def wanted(context: click.Context) -> Settings:
        # A service waits for its camera: it may start before the computer has found it, and nobody wants the demo then.
        return replace(settings_of(context), demo=not manager.connected)

    settings = wanted(context)
    instances.check_outputs_free(settings.outputs)

    def reread() -> Settings:
        again = command.make_context("run", list(context.meta[_WORDS]))
        again.meta[FOUND].check_styles(catalog.parse)
        return wanted(again)

    live = Session(settings, catalog, status.say, reload=reread)
    watchdog = Watchdog(manager)

    def started() -> None:
        for line in greeting(live, catalog):
            status.say(line)
        status.start()
        manager.ready()

    def tick(report: dict[str, Any]) -> None:
        status.show(report)
        manager.set_status(report["waiting_for"] or f"painting {report['style']}")
        watchdog.update(report["beats"], report["seconds"])

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # while opening, both mean: undo and leave
    try:
        live.open()
        _listen_to_signals(live)
        with status, _findable(live, settings, status.say):
            final = live.run(started, tick, manager.stopping)
    except (SourceError, SinkError) as error:
        if not manager.connected:
            raise
        click.echo(f"stylecam: {printable(str(error), 4000)}", err=True)
        return 1  # and not 2: what is not there may come, so the manager shall try again
    except StylecamError:
        raise
    except Exception as error:  # noqa: BLE001 - the last stop: everything is closed, now say it in one line
        if given["verbose"]:
            traceback.print_exc()
        click.echo(f"stylecam: stopped by an unexpected {type(error).__name__}: {error} (-v shows where)", err=True)
        return 1
    if given["as_json"]:
        click.echo(json.dumps(final, indent=2))
    else:
        status.say(status.summary(final))
    if given["profile"]:
        status.profile(final)
    sys.stdout.flush()
    given_up = [entry["trouble"] for entry in final["outputs"] if entry["trouble"]]
    return 1 if given_up and len(given_up) == len(final["outputs"]) and not live.window_closed else 0


def _listen_to_signals(live: Session) -> None:
    """Ctrl-C ends the run, and so does a terminal that is closed; without one, SIGHUP has the file read again."""
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):  # the last on Windows
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: live.interrupt())
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # that is nohup's wish
        hung_up = live.interrupt if _has_terminal() else live.request_reload
        signal.signal(signal.SIGHUP, lambda *_: hung_up())


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _findable(live: Session, settings: Settings, say: Callable[[str], None]) -> Iterator[None]:
    """Let `stylecam ctl`, and a second `stylecam run`, know of this one; where they cannot, the call goes on."""
    names = [sink.name for sink in live.sinks]
    with contextlib.ExitStack() as closing:
        try:
            closing.enter_context(
                instances.registered(instances.current_instance(settings.outputs, names, *_reached(live)))
            )
        except OSError as error:
            say(f"stylecam ctl will not find this stylecam: {error}")
        yield


def _reached(live: Session) -> tuple[str, int, str]:
    """Host, port and token of the server; nothing where there is none."""
    server = live.server
    return ("", 0, "") if server is None else (server.host, server.port, server.token)


def settings_of(context: click.Context) -> Settings:
    """What was asked for, by whatever of flags, variables and file.

    Raises:
        UsageError: a value that cannot be meant.
    """
    return settings_from(context.params, context.meta[FOUND])
