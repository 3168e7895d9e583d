"""`stylecam image`: paint pictures and folders of them."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stylecam.cli import paint_options as painting
from stylecam.cli import shared_options as shared
from stylecam.cli.completion import complete_file, complete_size
from stylecam.cli.interrupts import says_what_is_kept
from stylecam.errors import UsageError

if TYPE_CHECKING:
    from stylecam.cli.progress import CountProgress
    from stylecam.stylize.batch import BatchItem, BatchResult

STDIO = "-"


class LongerSideType(click.IntRange):
    """The longer side of a picture in pixels, as a number or as the name of a size such as `720p`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the pixels."""
        from stylecam.media.frame import SIZE_NAMES

        named = SIZE_NAMES.get(str(value).strip().lower())
        try:
            pixels = int(value if named is None else max(named))
        except ValueError:
            self.fail(f"{value!r} is not a number of pixels; write for example 1280 or 720p", param, ctx)
        return int(super().convert(pixels, param, ctx))


@click.command(
    "image",
    epilog="""\b
Examples:
  stylecam image photo.jpg                 writes photo-painted.jpg
  stylecam image photo.jpg painted.jpg
  stylecam image photo.jpg painted.png --style "great_wave:0.6,the_scream:0.4" --preserve-color
  stylecam image photo.jpg painted.jpg --style udnie --room style:great_wave
      two paintings at once: the person in one, the room in the other
  stylecam image photo.jpg clear.jpg --face 0.7
      eyes and mouths stay clear
  stylecam image photo.jpg person.png --room none
      the painted person alone, before nothing
  stylecam image photo.jpg blurred.jpg --style none --room blur
      nothing is painted; the room is blurred
  stylecam image ~/Pictures ~/Painted --style the_scream --max-size 2048
      a folder and its subfolders, which are created in the other
  stylecam image ~/Pictures ~/Painted --style the_scream --skip-existing
      only pictures without a result yet
  stylecam image a.jpg b.jpg -o ~/Painted
  stylecam image ~/Pictures ~/Painted --on ray://192.168.1.10:10001
      by all cores of a cluster, whose computers all have that folder
  stylecam image - - < photo.jpg > painted.png
\b
Without OUT the result lies beside the picture and replaces nothing: photo-painted.jpg, photo-painted-2.jpg.
Size, transparency, colour profile and EXIF data are kept; EXIF orientation is applied. Results have 8 bits a channel,
also those of 16-bit pictures. A picture from standard input becomes a PNG. If something is lost, such as the further
pictures of an animation, a message says so.
Exit status: 0; 1 if some pictures failed; 2 if all failed or nothing was started.""",
)
@click.argument("inputs", nargs=-1, required=True, metavar="IN... [OUT]", shell_complete=complete_file)
@click.option(
    "-o", "--output", metavar="OUT", shell_complete=complete_file,
    help="A file, a folder, or - for standard output (PNG). Without: the last argument, or a name beside IN.",
)  # fmt: skip
@painting.style
@painting.scale
@click.option(
    "--max-size", type=LongerSideType(16), metavar="PIXELS", shell_complete=complete_size,
    help="Reduce pictures with a longer side to this many pixels, or to that of 720p, 1080p, 4k.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace existing results, also the picture itself.")
@click.option("--skip-existing", is_flag=True, help="Paint only pictures without a result yet.")
@painting.on
@painting.stylist_options
def command(
    inputs: tuple[str, ...], output: str | None, overwrite: bool, skip_existing: bool, as_json: bool,
    max_size: int | None, on: str | None, **options: Any,
) -> int:  # fmt: skip
    """Paint pictures: files, folders, or - for standard input."""
    from stylecam.cli.progress import CountProgress
    from stylecam.stylize.batch import paint, pending, plan
    from stylecam.utils.files import user_path

    if overwrite and skip_existing:
        raise UsageError("--overwrite and --skip-existing contradict each other; give one")
    if output is None:
        inputs, output = _with_output(inputs, replace=overwrite or skip_existing)
    if STDIO in (*inputs, output) and len(inputs) > 1:
        raise UsageError("standard input and output carry one picture; name one input")
    piped = inputs[0] == STDIO
    if on is not None and (piped or output == STDIO):
        raise UsageError("--on paints files that all computers of the cluster see, not standard input or output")
    if output == STDIO:
        if as_json or skip_existing:
            option = "--json" if as_json else "--skip-existing"
            raise UsageError(f"{option} and -o - exclude each other: standard output carries the picture")
        with says_what_is_kept(lambda: "nothing was written"):
            return _to_stdout(user_path(inputs[0]), piped, max_size, options)
    sources = [Path("stdin.png")] if piped else [user_path(text) for text in inputs]
    planned = plan(sources, user_path(output), overwrite or skip_existing)
    items = pending(planned) if skip_existing else planned
    results: list[BatchResult] = []
    with says_what_is_kept(lambda: _kept(results, len(items))):
        if on is not None:
            return _on_cluster(on, items, len(planned) - len(items), max_size, as_json, results, options)
        stylist = painting.stylist_for(**options)
        if piped:
            items = tuple(replace(item, source=Path(STDIO), data=sys.stdin.buffer.read()) for item in items)
        started_at = time.perf_counter()
        with CountProgress("pictures", len(items)) as bar:
            for result in paint(items, stylist, max_size, bar.set_share):
                results.append(result)
                _show(result, bar, len(planned) > 1)
    seconds = time.perf_counter() - started_at
    return _report(results, len(planned) - len(items), stylist.label, seconds, as_json)


def _on_cluster(
    on: str, items: Sequence[BatchItem], skipped: int, max_size: int | None, as_json: bool,
    results: list[BatchResult], options: dict[str, Any],
) -> int:  # fmt: skip
    """Paint `items` on the cluster `on`, add their `results`, and return the exit status."""
    from stylecam.cli.progress import CountProgress
    from stylecam.stylize.batch import paint_apart
    from stylecam.stylize.still_look import painted_style

    recipe = painting.recipe_for(**options)
    started_at = time.perf_counter()
    if items:
        with painting.cluster(on, recipe.device) as executor, CountProgress("pictures", len(items)) as bar:
            for result in paint_apart(painting.absolute(items), recipe, max_size, executor, executor.width):
                results.append(result)
                _show(result, bar, len(items) + skipped > 1)
    return _report(results, skipped, painted_style(recipe.look), time.perf_counter() - started_at, as_json)


def _show(result: BatchResult, bar: CountProgress, several: bool) -> None:
    """Count a result, and say what has failed or is lost."""
    bar.advance()
    if result.error is not None and several:
        bar.note(f"failed: {result.error}")
    for note in result.notes:
        bar.note(f"{result.item.source} {note}")


def _with_output(words: tuple[str, ...], *, replace: bool) -> tuple[tuple[str, ...], str]:
    """Return the inputs and the output that the arguments name: the last one, or a name beside a single picture.

    Raises:
        UsageError: several pictures and no folder for their results.
    """
    from stylecam.media.image_file import result_suffix
    from stylecam.utils.files import user_path

    *inputs, last = words
    if not inputs:
        if last == STDIO:
            return words, STDIO
        source = user_path(last)
        return words, str(painting.name_beside(source, "painted", result_suffix(source), replace=replace))
    target = user_path(last)
    if len(inputs) > 1 and last != STDIO and not target.is_dir() and (target.suffix or target.exists()):
        raise UsageError("several pictures are to be painted; name a folder for the results: -o FOLDER")
    if len(inputs) == 1 and target.is_file():  # a second picture to paint, as likely as not
        raise UsageError(f"{last} is there already; -o {last} --overwrite replaces it, -o FOLDER paints both pictures")
    return tuple(inputs), last


def _to_stdout(source: Path, piped: bool, max_size: int | None, options: dict[str, Any]) -> int:
    from stylecam.media.image_file import ImageFile
    from stylecam.stylize.batch import painted

    if sys.stdout.isatty():
        raise UsageError("standard output is this terminal, which shows no picture; name a file")
    stylist = painting.stylist_for(**options)
    picture = painted(ImageFile.read(sys.stdin.buffer.read() if piped else source), stylist, max_size)
    for note in picture.notes:
        click.echo(f"{source} {note}", err=True)
    encoded = io.BytesIO()  # encoded first, so that the reader of the pipe gets the whole picture or nothing
    picture.encode(encoded)
    sys.stdout.buffer.write(encoded.getbuffer())
    sys.stdout.buffer.flush()
    return 0


def _kept(results: list[BatchResult], count: int) -> str:
    """Return what is there of `count` pictures when the user stops."""
    done = sum(result.error is None for result in results)
    return (
        f"{done} of {count} pictures are painted; --skip-existing paints the others" if done else "nothing was written"
    )


def _report(results: list[BatchResult], skipped: int, style: str, seconds: float, as_json: bool) -> int:
    """Print what was painted, and return the exit status."""
    done = [result for result in results if result.error is None]
    failed = [result for result in results if result.error is not None]
    existing = f"; skipped {skipped} with existing results" if skipped else ""
    if as_json:
        report = {
            "style": style,
            "seconds": round(seconds, 3),
            "painted": [_describe(result) for result in done],
            "failed": [{"input": str(result.item.source), "error": result.error} for result in failed],
            "skipped": skipped,
        }
        shared.print_json(report)
    elif len(done) == 1:
        click.echo(f"painted {done[0].item.target} with {style} in {seconds:.1f} s{existing}")
    elif done:
        folders = {str(result.item.target.parent) for result in done}
        where = f"{folders.pop()}: " if len(folders) == 1 else ""
        click.echo(f"{where}painted {len(done)} pictures with {style} in {seconds:.1f} s{existing}")
    elif not failed:
        click.echo(f"nothing to paint{existing}")
    if failed and len(results) + skipped == 1:
        raise UsageError(str(failed[0].error))
    if failed:
        click.echo(f"stylecam: {len(failed)} of {len(results)} pictures failed{'' if done else existing}", err=True)
    return 0 if not failed else 1 if done or skipped else 2


def _describe(result: BatchResult) -> dict[str, Any]:
    return {
        "input": str(result.item.source),
        "output": str(result.item.target),
        "size": result.size,
        "seconds": round(result.seconds, 3),
        "notes": result.notes,
    }
