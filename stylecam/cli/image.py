"""`stylecam image`: pictures and folders of them, painted."""

from __future__ import annotations

import io
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stylecam.cli import paint_options as painting
from stylecam.cli.completion import complete_style
from stylecam.errors import UsageError

if TYPE_CHECKING:
    from stylecam.stylize.batch import BatchResult

STDIO = "-"


@click.command(
    "image",
    epilog="""\b
Examples:
  stylecam image photo.jpg -o painted.jpg
  stylecam image photo.jpg -o painted.png --style "great_wave:0.6,the_scream:0.4" --preserve-color
  stylecam image ~/Pictures -o ~/Painted --style the_scream --max-size 2048
      a folder and all in it; the same tree is made in the other
  stylecam image ~/Pictures -o ~/Painted --style the_scream --skip-existing
      only what is new, or was not reached
  stylecam image - -o - < photo.jpg > painted.png
\b
Kept: size, transparency, colour profile, and the EXIF data about the photograph. EXIF orientation is applied, so the
result needs none. Results have 8 bits a channel, also of 16-bit pictures. From standard input comes PNG. What cannot be
kept, as the further pictures of an animation, is said.
Exit status: 0, 1 if some pictures failed, 2 if all did or nothing could be begun.""",
)
@click.argument("inputs", nargs=-1, required=True, metavar="IN...")
@click.option("-o", "--output", required=True, metavar="OUT", help="A file, a folder, or - for standard output (PNG).")
@click.option("--style", shell_complete=complete_style, help="A name, bank/name, a blend a:0.6,b:0.4 or an .onnx file.")
@painting.strength
@painting.preserve_color
@painting.scale
@click.option("--max-size", type=click.IntRange(16), help="Make pictures with a longer side smaller.")
@click.option("--overwrite", is_flag=True, help="Replace results that are there already, also the picture itself.")
@click.option("--skip-existing", is_flag=True, help="Paint only what has no result yet.")
@painting.engine
@painting.device
@painting.as_json
def command(
    inputs: tuple[str, ...],
    output: str,
    overwrite: bool,
    skip_existing: bool,
    as_json: bool,
    max_size: int | None,
    **given: Any,
) -> int:
    """Paint pictures: files, folders, or - for standard input."""
    from stylecam.cli.progress import Bar
    from stylecam.stylize.batch import paint, pending, plan
    from stylecam.utils.files import user_path

    if overwrite and skip_existing:
        raise UsageError("--overwrite and --skip-existing contradict each other; give one")
    if STDIO in (*inputs, output) and len(inputs) > 1:
        raise UsageError("standard input and output are one picture; name one input")
    piped = inputs[0] == STDIO
    if output == STDIO:
        if as_json or skip_existing:
            option = "--json" if as_json else "--skip-existing"
            raise UsageError(f"{option} and -o -, the picture itself on standard output, exclude each other")
        return _to_stdout(user_path(inputs[0]), piped, max_size, given)
    sources = [Path("stdin.png")] if piped else [user_path(text) for text in inputs]
    planned = plan(sources, user_path(output), overwrite or skip_existing)
    jobs = pending(planned) if skip_existing else planned
    painter = painting.painter_for(**given)
    if piped:
        jobs = tuple(replace(job, source=Path(STDIO), data=sys.stdin.buffer.read()) for job in jobs)
    started, outcomes = time.perf_counter(), []
    with Bar("pictures", len(jobs)) as bar:
        for outcome in paint(jobs, painter, max_size, bar.within):
            outcomes.append(outcome)
            bar.advance()
            if outcome.error is not None and len(planned) > 1:
                bar.say(f"failed: {outcome.error}")
            for note in outcome.notes:
                bar.say(f"{outcome.job.source} {note}")
    seconds = time.perf_counter() - started
    return _tell(outcomes, len(planned) - len(jobs), painter.mix.label, seconds, as_json)


def _to_stdout(source: Path, piped: bool, max_size: int | None, given: dict[str, Any]) -> int:
    from stylecam.media.image_file import ImageFile
    from stylecam.stylize.batch import painted

    painter = painting.painter_for(**given)
    picture = painted(ImageFile.read(sys.stdin.buffer.read() if piped else source), painter, max_size)
    for note in picture.notes:
        click.echo(f"{source} {note}", err=True)
    whole = io.BytesIO()  # whole first: what reads the pipe gets all or nothing
    picture.encode(whole)
    sys.stdout.buffer.write(whole.getbuffer())
    sys.stdout.buffer.flush()
    return 0


def _tell(outcomes: list[BatchResult], skipped: int, style: str, seconds: float, as_json: bool) -> int:
    """Print what was painted, and give the exit status."""
    done = [one for one in outcomes if one.error is None]
    failed = [one for one in outcomes if one.error is not None]
    there = f"; skipped {skipped} whose results are there" if skipped else ""
    if as_json:
        report = {
            "style": style,
            "seconds": round(seconds, 3),
            "painted": [_described(one) for one in done],
            "failed": [{"input": str(one.job.source), "error": one.error} for one in failed],
            "skipped": skipped,
        }
        click.echo(json.dumps(report, indent=2))
    elif len(done) == 1:
        click.echo(f"painted {done[0].job.target} with {style} in {seconds:.1f} s{there}")
    elif done:
        click.echo(f"painted {len(done)} pictures with {style} in {seconds:.1f} s{there}")
    elif not failed:
        click.echo(f"nothing to paint{there}")
    if failed and len(outcomes) + skipped == 1:
        raise UsageError(str(failed[0].error))
    if failed:
        click.echo(f"stylecam: {len(failed)} of {len(outcomes)} pictures failed{'' if done else there}", err=True)
    return 0 if not failed else 1 if done or skipped else 2


def _described(one: BatchResult) -> dict[str, Any]:
    return {
        "input": str(one.job.source),
        "output": str(one.job.target),
        "size": one.size,
        "seconds": round(one.seconds, 3),
        "notes": one.notes,
    }
