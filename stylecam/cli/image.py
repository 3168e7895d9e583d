"""`stylecam image`: pictures and folders of them, painted."""

from __future__ import annotations

import io
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stylecam.cli import painting
from stylecam.cli.complete import complete_style
from stylecam.errors import UsageError

if TYPE_CHECKING:
    from stylecam.batch import Outcome
    from stylecam.painter import Painter

STDIO = "-"


@click.command(
    "image",
    epilog="""\b
Examples:
  stylecam image photo.jpg -o painted.jpg
  stylecam image photo.jpg -o painted.png --style "great_wave:0.6,the_scream:0.4" --preserve-color
  stylecam image ~/Pictures -o ~/Painted --style the_scream --max-size 2048
      a folder and all in it; the same tree is made in the other
  stylecam image - -o - < photo.jpg > painted.png
\b
Kept: size, transparency, colour profile, and the EXIF data about the photograph. EXIF orientation is applied, so the
result needs none. Results have 8 bits a channel, also of 16-bit pictures. From standard input comes PNG.
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
@painting.device
@painting.as_json
def command(
    inputs: tuple[str, ...], output: str, overwrite: bool, as_json: bool, max_size: int | None, **given: Any
) -> int:
    """Paint pictures: files, folders, or - for standard input."""
    from stylecam.batch import paint, plan
    from stylecam.cli.progress import Bar
    from stylecam.files import user_path

    if STDIO in (*inputs, output):
        return _piped(inputs, output, overwrite, as_json, max_size, given)
    jobs = plan([user_path(text) for text in inputs], user_path(output), overwrite)
    painter = painting.painter_for(**given)
    started, outcomes = time.perf_counter(), []
    with Bar("pictures", len(jobs)) as bar:
        for outcome in paint(jobs, painter, max_size, bar.within):
            outcomes.append(outcome)
            bar.advance()
            if outcome.error is not None and len(jobs) > 1:
                bar.say(f"failed: {outcome.error}")
    return _tell(outcomes, painter, time.perf_counter() - started, as_json)


def _piped(
    inputs: tuple[str, ...], output: str, overwrite: bool, as_json: bool, max_size: int | None, given: dict[str, Any]
) -> int:
    from stylecam.batch import painted, plan
    from stylecam.files import user_path
    from stylecam.picture import Picture

    if len(inputs) > 1:
        raise UsageError("standard input and output are one picture; name one input")
    if output == STDIO and as_json:
        raise UsageError("--json and -o - both want standard output; give -o a file")
    target = None if output == STDIO else user_path(output)
    if target is not None:
        target = target / "stdin.png" if target.is_dir() else target
        plan([Path("stdin.png")], target, overwrite)
    painter = painting.painter_for(**given)
    started = time.perf_counter()
    source = sys.stdin.buffer.read() if inputs[0] == STDIO else user_path(inputs[0])
    picture = painted(Picture.read(source), painter, max_size)
    if target is None:
        whole = io.BytesIO()  # whole first: what reads the pipe gets all or nothing
        picture.encode(whole)
        sys.stdout.buffer.write(whole.getbuffer())
        sys.stdout.buffer.flush()
        return 0
    picture.save(target)
    height, width = picture.image.shape[:2]
    entry = {"input": inputs[0], "output": str(target), "size": [width, height]}
    seconds = time.perf_counter() - started
    _print([entry], [], painter, seconds, as_json)
    return 0


def _tell(outcomes: list[Outcome], painter: Painter, seconds: float, as_json: bool) -> int:
    done = [
        {
            "input": str(one.job.source),
            "output": str(one.job.target),
            "size": one.size,
            "seconds": round(one.seconds, 3),
        }
        for one in outcomes
        if one.error is None
    ]
    failed = [{"input": str(one.job.source), "error": one.error} for one in outcomes if one.error is not None]
    if len(outcomes) == 1 and failed:
        raise UsageError(str(failed[0]["error"]))
    _print(done, failed, painter, seconds, as_json)
    if failed:
        click.echo(f"stylecam: {len(failed)} of {len(outcomes)} pictures failed", err=True)
    return 0 if not failed else 1 if done else 2


def _print(
    done: list[dict[str, Any]], failed: list[dict[str, Any]], painter: Painter, seconds: float, as_json: bool
) -> None:
    if as_json:
        report = {"style": painter.mix.label, "seconds": round(seconds, 3), "painted": done, "failed": failed}
        click.echo(json.dumps(report, indent=2))
    elif len(done) == 1:
        click.echo(f"painted {done[0]['output']} with {painter.mix.label} in {seconds:.1f} s")
    elif done:
        click.echo(f"painted {len(done)} pictures with {painter.mix.label} in {seconds:.1f} s")
