"""`stylecam bench`: measure how fast and how steadily this computer paints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stylecam.cli import shared_options as shared
from stylecam.cli.completion import complete_camera, complete_style
from stylecam.cli.declared import flag
from stylecam.cli.progress import ProgressDisplay, stopped_by_ctrl_c
from stylecam.cli.shared_options import FILE, check_picture
from stylecam.engines.names import EngineSettings
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
Ctrl-C stops early and prints the figures so far.""",
)
@click.option(
    "--what", multiple=True, callback=_kinds, metavar="LIST",
    help=f"What to measure: {', '.join(MEASUREMENTS)}; several with commas or several times.  "
    f"[default: {', '.join(DEFAULT_MEASUREMENTS)}]",
)  # fmt: skip
@click.option(
    "--camera", "cameras", multiple=True, metavar="WHICH", shell_complete=complete_camera,
    help="Camera of live runs, as for stylecam run; several times for a run with each.  [default: demo]",
)  # fmt: skip
@click.option(
    "--engine", "engines", multiple=True, metavar="NAME",
    help="Engine to measure, or NAME:DEVICE; several times for more.  [default: all that are installed, on all their "
    "devices; for live runs the one that stylecam run would use]",
)  # fmt: skip
@click.option("--device", default="auto", help="Device of the engines, as for stylecam run.")
@flag(EngineSettings, "tier", help="Networks of styles that are there in both, as for stylecam run.")
@click.option("--threads", type=click.IntRange(1, 512), help="Processor threads the networks may use.  [default: all]")
@click.option("--cpu", type=click.FloatRange(5, 100), metavar="PERCENT", help="Processor time, as for stylecam run.")
@click.option("--style", metavar="NAME", shell_complete=complete_style, help="Style to paint, as for stylecam run.")
@click.option(
    "--size", metavar="WxH",
    help="Size of the pictures.  [default: 1280x720; for engines three sizes]",
)  # fmt: skip
@click.option("--fps", type=click.FloatRange(1, 120), default=30.0, help="Frames a second in live runs.")
@click.option(
    "--scale", "scales", multiple=True, callback=_scales, default=("auto",),
    help="Processing size of live runs, as for stylecam run; several times for a run at each.",
)  # fmt: skip
@click.option(
    "--seconds", type=click.FloatRange(MIN_SECONDS, MAX_SECONDS),
    help="Length of each measurement; for engines of each size, for live of each run.  "
    f"[default: {', '.join(f'{kind} {seconds:g}' for kind, seconds in MEASUREMENTS.items())}]",
)  # fmt: skip
@click.option("--samples", **FILE, metavar="FILE.jsonl", help="Write the samples of live runs, one a line.")
@shared.as_json
@click.option("--plot", **FILE, metavar="FILE.png", help="Draw the figures as a chart.")
def command(*, what: tuple[str, ...], size: str | None, as_json: bool, plot: Path | None, **options: Any) -> int:
    """Measure how fast and how steadily this computer paints.

    Engines take turns with each other and with Johnson's network, so that their ratios hold even on a busy computer.
    Each live run is the whole program in a process of its own, without an output.
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
        shared.print_json(report.as_dict())
    else:
        from stylecam.cli.tables import bench_tables, print_tables

        click.echo(f"{report.host}\n")
        print_tables(bench_tables(report), 180)
    if report.stopped:
        click.echo("stopped early: these are the figures so far", err=True)
    if plot is not None:
        try:
            write_bench_chart(plot, report)
        except OSError as error:
            raise BenchError(f"{plot} cannot be written: {error.strerror or error}") from error
        click.echo(f"wrote {plot}", err=True)
    if report.failure is not None:
        raise report.failure
    return 1 if any(run.crash for run in report.runs) else 0
