"""`stylecam video`: paint a clip."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import click

from stylecam.cli import paint_options as painting
from stylecam.cli import shared_options as shared


@click.command(
    "video",
    epilog="""\b
Examples:
  stylecam video clip.mp4 -o painted.mp4 --style great_wave
  stylecam video clip.mov -o painted.mp4 --style "udnie:1,great_wave:1" --scale 0.5 --strength 0.8
\b
Size, sound, length and the time of every frame are kept; rotation is applied. While it is written, the result is called
OUT.part.mp4; after Ctrl-C it is removed. Needs: pip install "stylecam[video]".""",
)
@click.argument("clip", metavar="IN")
@click.option("-o", "--output", required=True, metavar="OUT", help="The clip to write: .mp4, .m4v, .mov or .mkv.")
@painting.style
@painting.scale
@painting.overwrite
@painting.stylist_options
def command(clip: str, output: str, overwrite: bool, as_json: bool, **options: Any) -> None:
    """Paint every frame of a video clip."""
    from stylecam.cli.progress import CountProgress
    from stylecam.media.video_file import check_target, transform_video
    from stylecam.utils.files import user_path

    source, target = user_path(clip), user_path(output)
    check_target(target)
    painting.check_new(target, overwrite)
    stylist = painting.stylist_for(**options)
    started_at = time.perf_counter()
    with painting.sigterm_as_interrupt(), CountProgress("frames", None) as bar:
        result = transform_video(source, target, stylist, bar.set_count)
    seconds = time.perf_counter() - started_at
    if as_json:
        report = {"input": clip, "output": str(target), "style": stylist.mix.label, "took": round(seconds, 3)}
        shared.print_json({**report, **asdict(result)})
    else:
        click.echo(f"painted {target} with {stylist.mix.label}: {result.frames} frames in {seconds:.0f} s")
    painting.report_damage(source, result)
    note = stylist.reduction_note(result.size)
    if note is not None:
        click.echo(f"{source} {note}", err=True)
