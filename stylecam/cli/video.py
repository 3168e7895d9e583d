"""`stylecam video`: paint a clip."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import click

from stylecam.cli import paint_options as painting
from stylecam.cli import shared_options as shared
from stylecam.cli.completion import complete_file
from stylecam.cli.declared import flag
from stylecam.cli.interrupts import says_what_is_kept
from stylecam.stylize.look import Look


@click.command(
    "video",
    epilog="""\b
Examples:
  stylecam video clip.mp4                  writes clip-painted.mp4
  stylecam video clip.mp4 painted.mp4 --style great_wave
  stylecam video clip.mov painted.mp4 --style "udnie:1,great_wave:1" --scale 0.5 --strength 0.8
  stylecam video clip.mp4 --steadiness 0   every frame for itself
  stylecam video clip.mp4 --paint room     the person stays as the camera saw them
\b
Size, sound, length and the time of every frame are kept; rotation is applied. While it is written, the result is called
OUT.part.mp4; after Ctrl-C it is removed. Needs: pip install "stylecam[video]".""",
)
@click.argument("clip", metavar="IN", shell_complete=complete_file)
@click.argument("result", required=False, metavar="[OUT]", shell_complete=complete_file)
@click.option(
    "-o", "--output", metavar="OUT", shell_complete=complete_file,
    help="The clip to write: .mp4, .m4v, .mov or .mkv. Without: the argument OUT, or a name beside IN.",
)  # fmt: skip
@painting.style
@painting.scale
@flag(Look, "steadiness")
@painting.overwrite
@painting.stylist_options
def command(
    clip: str, result: str | None, output: str | None, overwrite: bool, as_json: bool, **options: Any
) -> None:  # fmt: skip
    """Paint every frame of a video clip."""
    from stylecam.cli.progress import CountProgress
    from stylecam.media.video_file import check_target, result_suffix, transform_video
    from stylecam.utils.files import user_path

    source, named = user_path(clip), painting.one_output(result, output)
    if named is None:
        target = painting.name_beside(source, "painted", result_suffix(source), replace=overwrite)
    else:
        target = user_path(named)
    check_target(target)
    painting.check_new(target, overwrite)
    with says_what_is_kept(lambda: f"nothing is kept, and {target} was not written"), painting.sigterm_as_interrupt():
        stylist = painting.stylist_for(**options)
        started_at = time.perf_counter()
        with CountProgress("frames", None) as bar:
            made = transform_video(source, target, stylist, bar.set_count)
    seconds = time.perf_counter() - started_at
    if as_json:
        report = {"input": clip, "output": str(target), "style": stylist.mix.label, "took": round(seconds, 3)}
        shared.print_json({**report, **asdict(made)})
    else:
        click.echo(f"painted {target} with {stylist.mix.label}: {made.frames} frames in {seconds:.0f} s")
    painting.report_damage(source, made)
    note = stylist.reduction_note(made.size)
    if note is not None:
        click.echo(f"{source} {note}", err=True)
