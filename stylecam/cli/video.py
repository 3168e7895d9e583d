"""`stylecam video`: paint clips and folders of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from stylecam.cli import paint_options as painting
from stylecam.cli import shared_options as shared
from stylecam.cli.completion import complete_file
from stylecam.cli.declared import flag
from stylecam.cli.interrupts import says_what_is_kept
from stylecam.errors import StylecamError, UsageError
from stylecam.stylize.look import Look

if TYPE_CHECKING:
    from stylecam.stylize.batch import BatchItem
    from stylecam.stylize.clip_batch import ClipResult


@click.command(
    "video",
    epilog="""\b
Examples:
  stylecam video clip.mp4                  writes clip-painted.mp4
  stylecam video clip.mp4 painted.mp4 --style great_wave
  stylecam video clip.mov painted.mp4 --style "udnie:1,great_wave:1" --scale 0.5 --strength 0.8
  stylecam video clip.mp4 --steadiness 0   every frame for itself
  stylecam video clip.mp4 --paint room     the person stays as the camera saw them
  stylecam video films -o painted          a folder and its subfolders
  stylecam video films -o painted --on ray://192.168.1.10:10001
      by all cores of a cluster, whose computers all have that folder
\b
Size, sound, length and the time of every frame are kept; rotation is applied. While it is written, the result is called
OUT.part.mp4; after Ctrl-C it is removed. On a cluster what is painted is kept in OUT.segments until the result is
complete, and the same command with --skip-existing goes on with it. Needs: pip install "stylecam[video]", or with --on
"stylecam[cluster]".
Exit status: 0; 1 if some clips failed; 2 if all failed or nothing was started.""",
)
@click.argument("inputs", nargs=-1, required=True, metavar="IN... [OUT]", shell_complete=complete_file)
@click.option(
    "-o", "--output", metavar="OUT", shell_complete=complete_file,
    help="The clip to write: .mp4, .m4v, .mov or .mkv; or a folder. Without: the argument OUT, or a name beside IN.",
)  # fmt: skip
@painting.style
@painting.scale
@flag(Look, "steadiness")
@painting.overwrite
@click.option("--skip-existing", is_flag=True, help="Paint only clips without a result yet.")
@painting.on
@painting.stylist_options
def command(
    inputs: tuple[str, ...], output: str | None, overwrite: bool, skip_existing: bool, as_json: bool, on: str | None,
    **options: Any,
) -> int:  # fmt: skip
    """Paint every frame of video clips."""
    from stylecam.stylize.batch import pending

    if overwrite and skip_existing:
        raise UsageError("--overwrite and --skip-existing contradict each other; give one")
    planned = _planned(inputs, output, overwrite or skip_existing)
    items = pending(planned) if skip_existing else planned
    results: list[ClipResult] = []
    started_at = time.perf_counter()
    with says_what_is_kept(lambda: _kept(items, results, on is not None)):
        run = _here(items, options) if on is None else _on_cluster(on, items, options)
        for result in run:
            results.append(result)
            if result.error is not None and len(items) > 1:
                click.echo(f"failed: {result.error}", err=True)
    return _report(results, len(planned) - len(items), time.perf_counter() - started_at, as_json)


def _planned(inputs: tuple[str, ...], output: str | None, replace: bool) -> Sequence[BatchItem]:
    """Return what is to be painted and where to.

    Raises:
        UsageError: a result is named twice or exists, or cannot be written.
    """
    from stylecam.media.video_file import check_target, result_suffix
    from stylecam.stylize.batch import CLIPS, BatchItem, plan
    from stylecam.utils.files import user_path

    sources = [user_path(text) for text in inputs]
    if len(sources) == 2 and output is not None and not sources[1].exists():
        painting.one_output(inputs[1], output)  # refuses two names for one result
    if len(sources) > 1 and output is None:
        if len(sources) == 2 and sources[1].is_file():  # a second clip to paint, as likely as not
            last = sources[1]
            raise UsageError(f"{last} is there already; -o {last} --overwrite replaces it, -o FOLDER paints both clips")
        output = str(sources.pop())
    if len(sources) > 1 or sources[0].is_dir() or (output is not None and user_path(output).is_dir()):
        if output is None:
            output = str(painting.name_beside(sources[0], "painted", "", replace=replace))
        return plan(sources, user_path(output), replace, CLIPS)
    if output is None:
        target = painting.name_beside(sources[0], "painted", result_suffix(sources[0]), replace=replace)
    else:
        target = user_path(output)
    check_target(target)
    painting.check_new(target, replace)
    return [BatchItem(sources[0], target)]


def _here(items: Sequence[BatchItem], options: dict[str, Any]) -> Iterator[ClipResult]:
    """Paint clips one after the other in this process."""
    from stylecam.cli.progress import CountProgress
    from stylecam.media.video_file import transform_video
    from stylecam.stylize.clip_batch import ClipResult

    with painting.sigterm_as_interrupt():
        stylist = painting.stylist_for(**options)
        for item in items:
            stylist.reset()
            started_at = time.perf_counter()
            made = note = failure = None
            try:
                with CountProgress("frames", None) as bar:
                    item.target.parent.mkdir(parents=True, exist_ok=True)
                    made = transform_video(item.source, item.target, stylist, bar.set_count)
                note = stylist.reduction_note(made.size)
            except StylecamError as error:
                failure = str(error)
            except OSError as error:
                failure = f"{item.target} cannot be written: {error.strerror or error}"
            yield ClipResult(item, stylist.label, time.perf_counter() - started_at, made, failure, note)


def _on_cluster(on: str, items: Sequence[BatchItem], options: dict[str, Any]) -> Iterator[ClipResult]:
    """Paint clips on the cluster `on`."""
    from stylecam.cli.progress import PLAIN_EVERY_S, ProgressDisplay
    from stylecam.stylize.clip_batch import paint_clips

    recipe = painting.recipe_for(**options)
    if not items:
        return
    results: list[ClipResult] = []
    with (
        painting.cluster(on, recipe.device) as executor,
        painting.sigterm_as_interrupt(),  # Ray has its own way with that signal
        ProgressDisplay(PLAIN_EVERY_S, "painting clips") as bar,
    ):
        for result in paint_clips(
            painting.absolute(items), recipe, executor, executor.width,
            lambda share: bar(share, f"{len(results)} of {len(items)} clips"),
        ):  # fmt: skip
            results.append(result)
            yield result


def _kept(items: Sequence[BatchItem], results: Sequence[ClipResult], on_cluster: bool) -> str:
    """Return what is there when the user stops."""
    from stylecam.stylize.clip_batch import segments_folder

    done = sum(result.error is None for result in results)
    folders = [str(folder) for folder in (segments_folder(item.target) for item in items) if folder.is_dir()]
    if on_cluster and folders:
        more = f" and {len(folders) - 1} more" if len(folders) > 1 else ""
        return f"{done} of {len(items)} clips are complete, {folders[0]}{more} is kept; --skip-existing goes on"
    if len(items) > 1:
        return f"{done} of {len(items)} clips are complete; --skip-existing paints the others"
    return f"nothing is kept, and {items[0].target} was not written"


def _report(results: Sequence[ClipResult], skipped: int, seconds: float, as_json: bool) -> int:
    """Print what was painted, and return the exit status."""
    done = [result for result in results if result.error is None]
    failed = [result for result in results if result.error is not None]
    existing = f"; skipped {skipped} with existing results" if skipped else ""
    if failed and len(results) + skipped == 1:
        raise UsageError(str(failed[0].error))
    reports = [_describe(result) for result in done]
    if as_json and len(results) + skipped == 1 and done:
        shared.print_json(reports[0])
    elif as_json:
        errors = [{"input": str(result.item.source), "error": result.error} for result in failed]
        shared.print_json({"painted": reports, "failed": errors, "skipped": skipped, "took": round(seconds, 3)})
    elif len(done) == 1:
        click.echo(
            f"painted {done[0].item.target} with {done[0].style}: {done[0].frames} frames in {done[0].seconds:.0f} s"
            f"{existing}"
        )
    elif done:
        folders = {result.item.target.parent for result in done}
        where = f"{folders.pop()}: " if len(folders) == 1 else ""
        frames = sum(result.frames for result in done)
        click.echo(
            f"{where}painted {len(done)} clips with {done[0].style}: {frames} frames in {seconds:.0f} s{existing}"
        )
    elif not failed:
        click.echo(f"nothing to paint{existing}")
    for result in done:
        assert result.made is not None
        painting.report_damage(result.item.source, result.made)
        if result.note is not None:
            click.echo(f"{result.item.source} {result.note}", err=True)
    if failed:
        click.echo(f"stylecam: {len(failed)} of {len(results)} clips failed", err=True)
    return 0 if not failed else 1 if done or skipped else 2


def _describe(result: ClipResult) -> dict[str, Any]:
    assert result.made is not None
    paths = {"input": str(result.item.source), "output": str(result.item.target)}
    return {**paths, "style": result.style, "took": round(result.seconds, 3), **asdict(result.made)}
