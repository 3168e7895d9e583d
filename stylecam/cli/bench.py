"""`stylecam bench`: measures how fast and how steadily this machine paints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from stylecam.cli.completion import complete_camera, complete_style
from stylecam.cli.file_options import FILE, check_picture
from stylecam.cli.progress import ProgressDisplay, stopped_by_ctrl_c
from stylecam.errors import BenchError
from stylecam.evaluation.performance.config import (
    DEFAULT_MEASUREMENTS,
    MAX_SECONDS,
    MEASUREMENTS,
    MIN_SECONDS,
    BenchConfig,
)
from stylecam.media.frame import Size

PLAIN_EVERY_S = 30.0
"""Seconds between lines of progress, where standard error is no terminal."""


def _kinds(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Join `--what engines,live --what soak` to one list."""
    named = tuple(part.strip() for text in values for part in text.split(",") if part.strip())
    for kind in named:
        if kind not in MEASUREMENTS:
            raise click.BadParameter(f"{kind!r} cannot be measured; choose {', '.join(MEASUREMENTS)}")
    return tuple(dict.fromkeys(named))


def _scales(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[float | None, ...]:
    try:
        scales = tuple(None if text == "auto" else float(text) for text in values)
    except ValueError:
        scales = (0.0,)
    if not all(scale is None or 0.25 <= scale <= 1 for scale in scales):
        raise click.BadParameter(f"{', '.join(values)} must be auto, or numbers from 0.25 to 1")
    return scales


@click.command(
    "bench",
    epilog="""\b
Examples:
  stylecam bench                                      engines, stages of a frame and latency, in about a minute
  stylecam bench --what engines --seconds 20 --plot engines.png
      every installed engine in turns at three sizes, against Johnson's network and the processor's own limit
  stylecam bench --what live --camera demo --camera clip.mp4 --engine opencv --engine openvino
      four minutes of live painting in one table
  stylecam bench --what live --scale 0.5 --scale auto --seconds 30
  stylecam bench --what governor --plot governor.png
      a busy program comes and goes: which sizes the governor chooses, and how soon
  stylecam bench --what soak --samples soak.jsonl     half an hour of switches, load and lost cameras
\b
Ctrl-C prints what is known so far.""",
)
@click.option(
    "--what", multiple=True, callback=_kinds, metavar="LIST",
    help=f"What to measure: {', '.join(MEASUREMENTS)}; several with commas or several times.  "
    f"[default: {', '.join(DEFAULT_MEASUREMENTS)}]",
)  # fmt: skip
@click.option(
    "--camera", "cameras", multiple=True, metavar="WHICH", shell_complete=complete_camera,
    help="As for stylecam run; several times for live runs of each.  [default: demo]",
)  # fmt: skip
@click.option(
    "--engine", "engines", multiple=True, metavar="NAME",
    help="Only this engine, or NAME:DEVICE; several times for more. Without: all installed ones on all devices found, "
    "and for live runs the usual one.",
)  # fmt: skip
@click.option("--device", default="auto", show_default=True, help="As for stylecam run.")
@click.option("--threads", type=click.IntRange(1, 512), help="Processor threads the networks may use. Without: all.")
@click.option("--cpu", type=click.FloatRange(5, 100), metavar="PERCENT", help="As for stylecam run.")
@click.option("--style", metavar="NAME", shell_complete=complete_style, help="As for stylecam run.")
@click.option(
    "--size", metavar="WxH",
    help="Published size, 1280x720 without; with engines, the size of the pictures, three sizes without.",
)  # fmt: skip
@click.option("--fps", type=click.FloatRange(1, 120), default=30.0, show_default=True, help="Rate of live runs.")
@click.option(
    "--scale", "scales", multiple=True, callback=_scales, default=("auto",), show_default=True,
    help="Processing size of live runs, as for stylecam run; several times for runs at each.",
)  # fmt: skip
@click.option(
    "--seconds", type=click.FloatRange(MIN_SECONDS, MAX_SECONDS),
    help="Of each measurement: of a size with engines, of a run with live.  "
    f"[default: {', '.join(f'{kind} {seconds:g}' for kind, seconds in MEASUREMENTS.items())}]",
)  # fmt: skip
@click.option(
    "--samples", **FILE, metavar="FILE.jsonl", help="Write the samples of live runs to this file, line by line."
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON on standard output.")
@click.option("--plot", **FILE, metavar="FILE.png", help="Draw the figures.")
def command(*, what: tuple[str, ...], size: str | None, as_json: bool, plot: Path | None, **options: Any) -> int:
    """Measure how fast and how steadily this machine paints.

    Engines take turns with each other and with Johnson's network, so that the ratios hold whatever else the machine
    does. Live runs go through the whole program, each in a process of its own, without an output.
    """
    from stylecam.evaluation.performance.suite import BenchSuite
    from stylecam.evaluation.plots import write_bench_chart
    from stylecam.models.catalog import shipped_models
    from stylecam.utils import paths
    from stylecam.utils.optional import require

    check_picture(plot)
    if plot is not None:
        require("matplotlib", purpose="--plot", extra="bench", error=BenchError)
    cameras = options.pop("cameras") or ("demo",)
    config = BenchConfig(
        what=what or DEFAULT_MEASUREMENTS,
        cameras=cameras,
        size=None if size is None else Size.parse(size),
        folders=(shipped_models(), paths.user_styles()),
        **options,
    )
    with stopped_by_ctrl_c() as stop, ProgressDisplay(PLAIN_EVERY_S) as progress:
        report = BenchSuite(config, progress, stop).run()
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=2))
    else:
        from stylecam.cli.tables import bench_tables, console_for_tables

        console = console_for_tables(180)
        console.print(str(report.host), markup=False, soft_wrap=True)
        for table, note in bench_tables(report):
            console.print()
            console.print(table)
            if note:
                console.print(note, markup=False, soft_wrap=True)
    if report.stopped:
        click.echo("stopped early: this is what is known so far", err=True)
    if plot is not None:
        try:
            write_bench_chart(plot, report)
        except OSError as error:
            raise BenchError(f"{plot} cannot be written: {error.strerror or error}") from error
        click.echo(f"wrote {plot}", err=True)
    if report.failure is not None:
        raise report.failure
    return 1 if any(run.crash for run in report.runs) else 0
