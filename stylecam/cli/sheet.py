"""`stylecam sheet`: show every style on one picture."""

from __future__ import annotations

import time
from typing import Any

import click

from stylecam.cli import paint_options as painting
from stylecam.cli import shared_options as shared
from stylecam.cli.completion import complete_file, complete_style
from stylecam.cli.interrupts import says_what_is_kept


@click.command(
    "sheet",
    epilog="""\b
Examples:
  stylecam sheet photo.jpg                writes photo-styles.jpg
  stylecam sheet photo.jpg styles.png
  stylecam sheet photo.jpg three.jpg --style udnie --style "udnie:1,great_wave:1" --style great_wave --columns 2
  stylecam sheet photo.jpg persons.png --paint person     the person in every style, the room as it is
  stylecam sheet clip.mp4 styles.mp4 --video --cell 320
\b
The picture's colour profile is kept. If a style cannot be painted, its cell says why.
Exit status: 0; 1 if some styles failed; 2 if all failed or nothing was started.""",
)
@click.argument("picture", metavar="IN", shell_complete=complete_file)
@click.argument("result", required=False, metavar="[OUT]", shell_complete=complete_file)
@click.option(
    "-o", "--output", metavar="OUT", shell_complete=complete_file,
    help="The sheet, for instance OUT.png. Without: the argument OUT, or a name beside IN.",
)  # fmt: skip
@click.option(
    "--style", "styles", multiple=True, shell_complete=complete_style,
    help="A style to show; may be given several times.  [default: all]",
)  # fmt: skip
@click.option("--columns", type=click.IntRange(1, 100), help="Pictures side by side.  [default: to fit a screen]")
@click.option("--cell", type=click.IntRange(32, 4096), default=480, help="Longer side of one picture, in pixels.")
@click.option("--video", "moving", is_flag=True, help='IN and OUT are clips. Needs: pip install "stylecam[video]".')
@painting.overwrite
@painting.stylist_options
def command(
    picture: str, result: str | None, output: str | None, styles: tuple[str, ...], columns: int | None, cell: int,
    moving: bool, overwrite: bool, as_json: bool, tier: str, **options: Any,
) -> int:  # fmt: skip
    """Paint one picture or clip in every style, and put the results with their names on one sheet."""
    from stylecam.cli.progress import CountProgress
    from stylecam.media import image_file, video_file
    from stylecam.stylize.contact_sheet import write_sheet, write_video_sheet
    from stylecam.stylize.image import Stylist
    from stylecam.utils.files import user_path
    from stylecam.utils.text import printable

    source, named = user_path(picture), painting.one_output(result, output)
    if named is None:
        suffix = (video_file if moving else image_file).result_suffix(source)
        target = painting.name_beside(source, "styles", suffix, replace=overwrite)
    else:
        target = user_path(named)
    video_file.check_target(target) if moving else image_file.check_suffix(target)
    painting.check_new(target, overwrite)
    with says_what_is_kept(lambda: f"nothing is kept, and {target} was not written"):
        mixes = painting.mixes(styles, tier)
        stylist = Stylist(mixes[0], tier=tier, **options)
        painting.note_fixed_brush(mixes, options["brush"])
        started_at = time.perf_counter()
        if moving:
            with painting.sigterm_as_interrupt(), CountProgress("frames", None) as bar:
                sheet, made = write_video_sheet(source, target, stylist, mixes, columns, cell, bar.set_count)
            painting.report_damage(source, made)
        else:
            with CountProgress("styles", len(mixes)) as bar:
                sheet = write_sheet(source, target, stylist, mixes, columns, cell, bar.set_count)
    seconds = time.perf_counter() - started_at
    if as_json:
        report = {
            "output": str(target),
            "size": sheet.size,
            "cell": sheet.cell,
            "columns": sheet.columns,
            "labels": sheet.labels,
            "failed": sheet.failed,
            "seconds": round(seconds, 3),
        }
        shared.print_json(report)
    else:
        click.echo(f"{target}: {len(mixes) - len(sheet.failed)} styles in {seconds:.1f} s")
    for label, reason in sheet.failed.items():
        click.echo(f"failed: {label}: {printable(reason, 1000)}", err=True)
    return 0 if not sheet.failed else 1 if len(sheet.failed) < len(mixes) else 2
