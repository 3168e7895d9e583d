"""`stylecam sheet`: every style on one picture."""

from __future__ import annotations

import json
import time

import click

from stylecam.cli import painting
from stylecam.cli.complete import complete_style


@click.command(
    "sheet",
    epilog="""\b
Examples:
  stylecam sheet photo.jpg -o styles.png
  stylecam sheet photo.jpg -o three.jpg --style udnie --style "udnie:1,great_wave:1" --style great_wave --columns 2""",
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
@painting.strength
@painting.preserve_color
@painting.overwrite
@painting.device
@painting.as_json
def command(
    picture: str,
    output: str,
    styles: tuple[str, ...],
    columns: int | None,
    cell: int,
    strength: float,
    preserve_color: bool,
    overwrite: bool,
    device: str,
    as_json: bool,
) -> None:
    """Show every style on one picture, with names."""
    from stylecam.cli.progress import Bar
    from stylecam.files import user_path
    from stylecam.frame import Size
    from stylecam.painter import Painter
    from stylecam.picture import Picture, check_suffix
    from stylecam.sheet import Sheet

    target = user_path(output)
    check_suffix(target)
    painting.check_new(target, overwrite)
    mixes = painting.mixes(styles)
    original = Picture.read(user_path(picture)).image
    painter = Painter(mixes[0], strength=strength, preserve_color=preserve_color, device=device)
    started = time.perf_counter()
    sheet = Sheet(painter, mixes, Size(original.shape[1], original.shape[0]), columns, cell)
    with Bar("styles", len(mixes)) as bar:
        drawn = sheet.draw(original, lambda number: bar.advance() if number else None)
    Picture(drawn).save(target)
    seconds = time.perf_counter() - started
    if as_json:
        report = {
            "output": str(target),
            "size": sheet.size,
            "cell": sheet.cell,
            "columns": sheet.columns,
            "labels": sheet.labels,
            "seconds": round(seconds, 3),
        }
        click.echo(json.dumps(report, indent=2))
    else:
        click.echo(f"{target}: {len(mixes)} styles in {seconds:.1f} s")
