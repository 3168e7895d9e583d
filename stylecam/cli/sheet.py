"""`stylecam sheet`: every style on one picture."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stylecam.cli import paint_options as painting
from stylecam.cli.completion import complete_style

if TYPE_CHECKING:
    from stylecam.models.catalog import StyleMix
    from stylecam.stylize.contact_sheet import ContactSheet
    from stylecam.stylize.image import Stylist


@click.command(
    "sheet",
    epilog="""\b
Examples:
  stylecam sheet photo.jpg -o styles.png
  stylecam sheet photo.jpg -o three.jpg --style udnie --style "udnie:1,great_wave:1" --style great_wave --columns 2
  stylecam sheet clip.mp4 -o styles.mp4 --video --cell 320
\b
The picture's colour profile is kept; where it is transparent the paper shows. A style that cannot be painted has a cell
that says why. Exit status: 0, 1 if some styles failed, 2 if all did or nothing could be begun.""",
)
@click.argument("picture", metavar="IN")
@click.option("-o", "--output", required=True, metavar="OUT", help="The sheet, for instance OUT.png.")
@click.option(
    "--style",
    "styles",
    multiple=True,
    shell_complete=complete_style,
    help="Show this one; several times.  [default: all]",
)
@click.option("--columns", type=click.IntRange(1, 100), help="Pictures side by side.  [default: what suits a screen]")
@click.option(
    "--cell",
    type=click.IntRange(32, 4096),
    default=480,
    show_default=True,
    help="Longer side of one picture, in pixels.",
)
@click.option("--video", "moving", is_flag=True, help='IN and OUT are clips. Needs: pip install "stylecam[video]".')
@painting.strength
@painting.preserve_color
@painting.overwrite
@painting.engine
@painting.device
@painting.as_json
def command(
    picture: str,
    output: str,
    styles: tuple[str, ...],
    columns: int | None,
    cell: int,
    moving: bool,
    overwrite: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Show every style on one picture, or on one clip, with names."""
    from stylecam.stylize.image import Stylist
    from stylecam.utils.files import user_path
    from stylecam.utils.text import printable

    source, target = user_path(picture), user_path(output)
    _check_suffix(target, moving)
    painting.check_new(target, overwrite)
    mixes = painting.mixes(styles)
    painter = Stylist(mixes[0], **given)
    started = time.perf_counter()
    draw = _draw_clip if moving else _draw_picture
    sheet = draw(source, target, painter, mixes, columns, cell)
    seconds = time.perf_counter() - started
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
        click.echo(json.dumps(report, indent=2))
    else:
        click.echo(f"{target}: {len(mixes) - len(sheet.failed)} styles in {seconds:.1f} s")
    for label, reason in sheet.failed.items():
        click.echo(f"failed: {label}: {printable(reason, 1000)}", err=True)
    return 0 if not sheet.failed else 1 if len(sheet.failed) < len(mixes) else 2


def _check_suffix(target: Path, moving: bool) -> None:
    if moving:
        from stylecam.media.video_file import check_target

        check_target(target)
    else:
        from stylecam.media.image_file import check_suffix

        check_suffix(target)


def _draw_picture(
    source: Path, target: Path, painter: Stylist, mixes: list[StyleMix], columns: int | None, cell: int
) -> ContactSheet:
    from stylecam.cli.progress import Bar
    from stylecam.media.frame import Size
    from stylecam.media.image_file import ImageFile
    from stylecam.stylize.contact_sheet import ContactSheet

    original = ImageFile.read(source)
    sheet = ContactSheet(painter, mixes, Size(original.image.shape[1], original.image.shape[0]), columns, cell)
    with Bar("styles", len(mixes)) as bar:
        drawn = sheet.draw(original.image, lambda number: bar.reach(number, len(mixes)), original.alpha)
    ImageFile(drawn, profile=original.profile).save(target)
    return sheet


def _draw_clip(
    source: Path, target: Path, painter: Stylist, mixes: list[StyleMix], columns: int | None, cell: int
) -> ContactSheet:
    from stylecam.cli.progress import Bar
    from stylecam.media.video_file import transform_video
    from stylecam.stylize.contact_sheet import VideoContactSheet

    sheets = VideoContactSheet(painter, mixes, columns, cell)
    with painting.undone_by_sigterm(), Bar("frames", None) as bar:
        result = transform_video(source, target, sheets, bar.reach)
    painting.tell_damage(source, result)
    assert sheets.layout is not None
    return sheets.layout
