"""`stylecam run`: the live camera."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from stylecam.cli import paint_options as painting
from stylecam.cli.completion import complete_camera, complete_style
from stylecam.cli.options import as_given, check_each, check_variables, options_of, parameters_by_name, settings_from
from stylecam.control.http import instances as instance
from stylecam.control.obs import DEFAULT
from stylecam.errors import SinkError, SourceError, StylecamError, UsageError
from stylecam.live.config import file as config
from stylecam.system.service.notify import Notifier, Watchdog
from stylecam.utils import paths
from stylecam.utils.files import user_path
from stylecam.utils.text import printable

if TYPE_CHECKING:
    from stylecam.live.session import Session
    from stylecam.live.settings import Settings

FILE, FOUND = "stylecam.path", "stylecam.config"
"""What the context remembers of the configuration file: where it was looked for, and what was in it."""
_WORDS = "stylecam.words"


class _Run(click.Command):
    """Remembers the words it was given, so that they win again when the configuration file is read again."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_WORDS] = tuple(args)
        return super().parse_args(ctx, args)


def _load_config(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    """Make the file's values the defaults of all other options."""
    path = paths.config_file() if value is None else user_path(str(value))
    if value is not None and not path.is_file():
        raise UsageError(f"--config {path}: there is no such file")
    loaded = config.load(path, options_of(context.command))
    context.meta[FILE], context.meta[FOUND] = path, loaded
    parameters = parameters_by_name(context.command)
    context.default_map = {
        str(parameters[key].name): as_given(value, parameters[key].multiple) for key, value in loaded.run.items()
    }
    check_each(loaded, context)


@click.command(
    "run",
    cls=_Run,
    context_settings={"auto_envvar_prefix": "STYLECAM", "help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  stylecam run                                      any camera to the virtual camera
  stylecam run --camera "HD Webcam" --style great_wave
  stylecam run --camera demo --output web           no camera or driver needed: a page on this host
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
@click.option(
    "--camera",
    metavar="WHICH",
    shell_complete=complete_camera,
    help="Index, /dev/videoN, part of its name, a video, picture or folder, a URL, or demo. "
    "Without: the first camera, or the demo if there is none.",
)
@click.option(
    "--style",
    metavar="NAME",
    shell_complete=complete_style,
    help="A style, a blend a:0.6,b:0.4, an .onnx file, or none. Without: the first one.",
)
@click.option("--size", default="1280x720", show_default=True, help="Size of the published picture.")
@click.option("--fps", type=float, default=30.0, show_default=True, help="Frames a second to publish.")
@click.option(
    "--output",
    multiple=True,
    metavar="WHERE",
    help="virtual[:DEVICE] (path or label), pipewire (Linux: a camera without a driver), web[:PORT], window, "
    "file:PATH.mp4 or null; may be given several times. "
    "Without: the virtual camera, or the web page if there is none.",
)
@painting.engine
@painting.device
@click.option("--retune", is_flag=True, help="With --engine auto: measure the engines again.")
@click.option("--threads", type=int, help="Processor threads the network may use. Without: all.")
@click.option(
    "--cpu",
    type=float,
    default=80.0,
    show_default=True,
    metavar="PERCENT",
    help="Most of the computer's processor time to use; less leaves more to the call and keeps the fan quiet.",
)
@click.option("--strength", type=float, default=1.0, show_default=True, help="0 (camera) to 1 (painting).")
@click.option(
    "--steadiness",
    type=float,
    default=0.8,
    show_default=True,
    help="0 (every frame for itself) to 1: how much what stands still is kept from flickering.",
)
@click.option(
    "--scale",
    default="auto",
    show_default=True,
    help="Processing size: auto holds the frame rate; 0.25 to 1 fixes a share of the picture's size.",
)
@click.option("--mirror", is_flag=True, help="Publish the picture mirrored. (The preview window always is a mirror.)")
@click.option("--always-on", is_flag=True, help="Keep the camera on and paint also while nobody watches.")
@click.option(
    "--idle-after",
    type=float,
    metavar="MINUTES",
    help="Where stylecam cannot tell whether anybody watches: rest after so long without a key; any key wakes it.",
)
@click.option("--hotkeys/--no-hotkeys", default=True, show_default=True, help="Listen to global hotkeys.")
@click.option(
    "--hotkey",
    multiple=True,
    metavar="ORDER=KEYS",
    help="Change a hotkey: next=ctrl+alt+right, select:1=ctrl+alt+1, quit= for none.",
)
@click.option(
    "--server/--no-server",
    default=True,
    show_default=True,
    help="Serve the page with the picture, and what steers from outside: phone, Stream Deck, `stylecam ctl`.",
)
@click.option(
    "--listen",
    metavar="HOST[:PORT]",
    help="Where to serve it; 0.0.0.0 lets other computers in. Without: 127.0.0.1, the first free port from 8765.",
)
@click.option(
    "--token",
    help="What the server wants to see, 8 or more letters and digits, so that links stay good. Without: a random one.",
)
@click.option(
    "--panic-picture",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What others see after the key x or Ctrl+Alt+X. Without: a card.",
)
@click.option(
    "--obs",
    is_flag=False,
    flag_value=DEFAULT,
    metavar="[ws://:PASSWORD@HOST:PORT]",
    help="Let the scenes of OBS choose the style, as the file's [scenes] say. The password is better in the file.",
)
@click.option("--seconds", type=float, help="Stop after this long.")
@click.option(
    "--stats",
    type=click.Path(path_type=Path),
    metavar="FILE.json",
    help="Write statistics there every second and at the end.",
)
@click.option("--profile", is_flag=True, help="Print at the end how long each stage of a frame took.")
@click.option("--json", "as_json", is_flag=True, help="Print the final statistics as JSON on standard output.")
@click.option("-v", "--verbose", is_flag=True, help="Say more: the governor's reasons, tracebacks.")
@click.option(
    "--config",
    is_eager=True,
    expose_value=False,
    callback=_load_config,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"Configuration file. Without: {paths.config_file()}",
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
    instance.check_free(settings.outputs)

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
    return 1 if given_up and len(given_up) == len(final["outputs"]) and "window" not in str(given_up) else 0


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
            closing.enter_context(instance.published(instance.this_process(settings.outputs, names, *_reached(live))))
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
