"""`stylecam evaluate`: measure how good styles are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stylecam.cli import shared_options as shared
from stylecam.cli.completion import complete_style
from stylecam.cli.progress import ProgressDisplay, stopped_by_ctrl_c
from stylecam.cli.shared_options import FILE, check_picture
from stylecam.errors import StylecamError, TrainingFailedError, TrainingUnavailableError, UsageError
from stylecam.utils.files import check_writable

if TYPE_CHECKING:
    from stylecam.evaluation.quality.report import QualityReport

PLAIN_EVERY_S = 60.0
"""Seconds between lines of progress, where standard error is no terminal."""


def _numbers(_: click.Context, __: click.Parameter, text: str) -> tuple[int, ...]:
    """Parse `50,100` to sorted numbers."""
    try:
        numbers = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a list of numbers such as 50,100") from error
    if not 1 <= numbers[0] <= numbers[-1] <= 100_000:
        raise click.BadParameter(f"{text!r} must hold numbers from 1 to 100000")
    return numbers


@click.command(
    "evaluate",
    epilog="""\b
Examples:
  stylecam evaluate three.onnx --photos ~/Kept --paintings ~/Paintings
      losses, flicker and cost of every style, and how many iterations of Gatys' method each is worth
  stylecam evaluate old.onnx new.onnx --photos ~/Kept --paintings ~/Paintings --clips ~/Clips --no-gatys --baseline
      two banks side by side, on moving clips too, and against Johnson's network
  stylecam evaluate three.onnx --style calm --photos ~/Kept --painting calm=c.jpg --plot calm.png --sheet looks.png
      one style, as a plot and as a sheet of what it paints
  stylecam evaluate three.onnx --photos ~/Kept --paintings ~/Paintings --write-card --json
      keep the figures in the file, where `stylecam styles` shows them
\b
A painting in --paintings is found by the name of the file it was trained from, else by the style's name.
Ctrl-C stops early and prints the figures so far.""",
)
@click.argument("banks", **FILE, nargs=-1, required=True, metavar="BANK...")
@click.option(
    "--photos", **FILE, multiple=True, required=True, metavar="DIR",
    help="Folder with photographs that were not trained on; several times for more.",
)  # fmt: skip
@click.option("--paintings", **FILE, multiple=True, metavar="DIR", help="Folder with the styles' paintings.")
@click.option("--painting", "named", multiple=True, metavar="NAME=FILE", help="The painting of the style NAME.")
@click.option("--clips", **FILE, multiple=True, metavar="PATH", help="Video, or folder of them, to measure flicker on.")
@click.option(
    "--style", "styles", multiple=True, metavar="NAME", shell_complete=complete_style,
    help="Only this style; several times for more.",
)  # fmt: skip
@click.option("--count", type=click.IntRange(1, 10_000), default=20, help="Number of photographs to measure on.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Random seed.")
@shared.vgg
@click.option(
    "--fine", type=click.FloatRange(0, 1e6),
    help="Share of fine shapes (relu2_2) in the content loss.  [default: the bank's own]",
)  # fmt: skip
@click.option(
    "--style-weight", type=click.FloatRange(0, 1e6, min_open=True),
    help="Weight of the style loss.  [default: the bank's own]",
)  # fmt: skip
@click.option(
    "--style-scale", "scale", type=click.IntRange(64, 2048),
    help="Short side of the paintings, in pixels.  [default: the bank's own]",
)  # fmt: skip
@click.option(
    "--iterations", callback=_numbers, default="50,100,300,500", metavar="LIST",
    help="Iterations after which Gatys' method is compared; it stops after the last.",
)  # fmt: skip
@click.option(
    "--gatys-photos", type=click.IntRange(0, 1000), default=3, help="Number of photographs that Gatys' method paints."
)
@click.option("--no-gatys", is_flag=True, help="Leave out Gatys' method, which takes most of the time.")
@click.option(
    "--face-model", **FILE, metavar="FILE.onnx",
    help="YuNet (face_detection_yunet_2023mar.onnx of the OpenCV Zoo), to measure whether faces are found again.",
)  # fmt: skip
@click.option("--baseline", is_flag=True, help="Measure Johnson's network too, for comparison.")
@shared.device
@shared.as_json
@click.option("--plot", **FILE, metavar="FILE.png", help="Draw the figures as a chart.")
@click.option("--sheet", **FILE, metavar="FILE.png", help="Write a sheet of what the styles paint.")
@click.option("--write-card", is_flag=True, help="Store the figures in the banks, for `stylecam styles`.")
def command(
    *, gatys_photos: int, no_gatys: bool, as_json: bool, plot: Path | None, sheet: Path | None, write_card: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Measure how good styles are: losses, marks, faces, flicker, multiply-adds and time.

    It measures the content and style loss on photographs, the marks on a plain wall, whether faces are found again, the
    flicker of a still noisy picture, the shimmer of a panned one and the warped error of moving clips. Pictures are
    painted on the processor at their own size, without the rim that live frames get.
    """
    from stylecam.utils.optional import require

    require("torch", "onnx", purpose="evaluation", extra="train", error=TrainingUnavailableError)
    if plot is not None:
        require("matplotlib", purpose="--plot", extra="train", error=TrainingUnavailableError)
    from stylecam.evaluation.plots import write_quality_chart
    from stylecam.evaluation.quality.config import EvaluationConfig
    from stylecam.evaluation.quality.evaluator import Evaluator, write_cards

    if plot is not None and plot == sheet:
        raise UsageError(f"--plot and --sheet are both {plot}; name two files")
    check_picture(plot, sheet)
    for path in options["banks"] if write_card else ():
        check_writable(path)
    config = EvaluationConfig(gatys_photos=0 if no_gatys else gatys_photos, **options)
    with stopped_by_ctrl_c() as stop, ProgressDisplay(PLAIN_EVERY_S, "reading") as progress:
        evaluator = Evaluator(config, progress=progress, stop=stop)
        report = evaluator.run()
        written: list[Path] = []
        failed: OSError | StylecamError | None = report.failure
        try:  # the report is printed in any case: it may have taken hours
            if plot is not None:
                write_quality_chart(plot, report)
                written.append(plot)
            if sheet is not None and not report.stopped:
                evaluator.write_sheet(sheet)
                written.append(sheet)
            if write_card and not report.stopped:
                written.extend(write_cards(report))  # those before one that cannot be written stay in it
        except (OSError, StylecamError) as error:
            failed = failed or error
    if as_json:
        shared.print_json({**report.as_dict(), "wrote": list(map(str, written))})
    else:
        from stylecam.cli.tables import print_tables, quality_tables

        print_tables(quality_tables(report), 160)
    left = "; no card was written" * write_card + "; no sheet was drawn" * (sheet is not None)
    _print_notes(report, written, left)
    if failed is not None:
        raise _as_stylecam_error(failed)


def _print_notes(report: QualityReport, written: list[Path], left: str) -> None:
    for note in report.notes:
        click.echo(f"note: {note}", err=True)
    if report.stopped:
        click.echo(f"stopped early: these are the figures so far{left}", err=True)
    for path in written:
        click.echo(f"wrote {path}", err=True)


def _as_stylecam_error(failed: OSError | StylecamError) -> StylecamError:
    if isinstance(failed, StylecamError):
        return failed
    what = failed.filename or "the result"
    return TrainingFailedError(f"{what} cannot be written: {failed.strerror or failed}")
