"""`stylecam styles learn`: make styles of pictures at once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stylecam.cli import shared_options as shared
from stylecam.cli.completion import complete_file
from stylecam.cli.interrupts import says_what_is_kept
from stylecam.cli.styles_improve import improve, result_of
from stylecam.errors import StylecamError, UsageError
from stylecam.utils.files import user_path
from stylecam.utils.text import printable, read_share

if TYPE_CHECKING:
    from stylecam.models.own_style import OwnStyle


def _read_crop(_: click.Context, __: click.Parameter, text: str | None) -> tuple[float, ...] | None:
    """Read `0.1,0.1,0.8,0.8` or `10%,10%,80%,80%`."""
    if text is None:
        return None
    try:
        return tuple(read_share(part) for part in text.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not four shares such as 0.1,0.1,0.8,0.8") from error


@click.command(
    "learn",
    epilog="""\b
Examples:
  stylecam styles learn harvest.jpg
      wear it a second later: stylecam --style harvest
  stylecam styles learn IMG_2041.heic --name meadow --title "My meadow" --artist "Ada Lang" --licence CC-BY-4.0
      with what its card says
  stylecam styles learn scan.png --crop 0.1,0.05,0.8,0.9
      without the frame around the painting
  stylecam styles learn harvest.jpg --minutes 5
      and train it further for five minutes, which needs PyTorch
  stylecam styles learn ~/Paintings
      one style for each picture in a folder
\b
Any picture will do, a photograph too, of a person if they agree: the style takes colors, forms and strokes
and nobody's face. But the style's file holds the picture, and whoever gets the file can see it.
Exit status: 0; 1 if some pictures failed; 2 if all failed or nothing was started.""",
)
@click.argument("pictures", nargs=-1, required=True, metavar="PICTURE...", shell_complete=complete_file)
@click.option("--name", metavar="NAME", help="Name of the style.  [default: name of the file]")
@click.option("--title", metavar="TEXT", help="Title of the picture.  [default: from the name of its file]")
@click.option("--artist", metavar="TEXT", help="Who made the picture.  [default: unknown]")
@click.option("--licence", metavar="TEXT", help="Licence of the picture, kept in the style.  [default: not stated]")
@click.option(
    "--crop", metavar="LEFT,TOP,WIDTH,HEIGHT", callback=_read_crop,
    help="The part of the picture to learn from, as shares of it.  [default: all of it]",
)  # fmt: skip
@click.option("--minutes", type=float, help="Train each style further for so long, as stylecam styles improve does.")
@shared.as_json
def command(pictures: tuple[str, ...], minutes: float | None, as_json: bool, **options: Any) -> int:
    """Make a style of a picture, or of each of several, in a second and without training.

    A small network predicts what the shipped networks need to paint like the picture.
    """
    from stylecam.live.improving import check_installed, check_minutes
    from stylecam.models.catalog import shipped_models
    from stylecam.models.user_styles import UserStyles
    from stylecam.stylize.style_learning import StyleLearner, style_name
    from stylecam.stylize.style_picture import check_crop
    from stylecam.utils import paths

    sources = _sources(pictures)
    if len(sources) > 1 and (options["name"] or options["title"]):
        raise UsageError("--name and --title are those of one picture; without them each style is named after its file")
    check_crop(options["crop"])
    if minutes is not None:
        check_installed()
        check_minutes(minutes)
    styles = UserStyles(paths.user_styles(), shipped_models())
    learned: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    with says_what_is_kept(lambda: f"{len(learned)} of {len(sources)} styles are learned"):
        learner = StyleLearner()
        for source in sources:
            started, notes = time.perf_counter(), list[str]()
            try:
                styles.check_free(style_name(source, options["name"]))
                style = learner.learn(source, note=notes.append, **options)
                path = styles.keep(style)
            except StylecamError as error:
                if len(sources) == 1:
                    raise
                failed.append({"picture": str(source), "error": str(error)})
                click.echo(f"failed: {printable(str(error), 1000)}", err=True)
                continue
            seconds = time.perf_counter() - started
            learned.append(_describe(source, style, path, notes, seconds))
            if not as_json:
                _print(learned[-1], bool(options["licence"]))
            if minutes is not None:
                learned[-1]["gain"], stopped = improve(path, minutes, listener=_ignore if as_json else None)
                if not as_json:
                    click.echo(f"{style.name} {result_of(learned[-1]['gain'])}")
                if stopped:
                    break
    if as_json:
        shared.print_json({"learned": learned, "failed": failed})
    return 0 if not failed else 1 if learned else 2


def _ignore(_: object) -> None:
    """Take no note of an event."""


def _sources(texts: tuple[str, ...]) -> list[Path]:
    """Return the pictures that are named, and those in the folders that are named.

    Raises:
        UsageError: a folder holds none.
    """
    from stylecam.media.image_file import READABLE_SUFFIXES, files_in

    sources: list[Path] = []
    for path in map(user_path, texts):
        found = list(files_in(path, READABLE_SUFFIXES)) if path.is_dir() else [path]
        if not found:
            raise UsageError(f"{path}: no pictures in there; name the pictures themselves")
        sources += found
    return sources


def _describe(source: Path, style: OwnStyle, path: Path, notes: list[str], seconds: float) -> dict[str, Any]:
    return {
        "picture": str(source),
        "name": style.name,
        "title": style.title,
        "artist": style.artist,
        "licence": style.licence,
        "file": str(path),
        "bytes": path.stat().st_size,
        "seconds": round(seconds, 3),
        "notes": notes,
    }


def _print(learned: dict[str, Any], stated: bool) -> None:
    for note in learned["notes"]:
        click.echo(printable(f"{learned['picture']} {note}", 1000))
    click.echo(printable(f"learned: {learned['name']} in {learned['seconds']:.1f} s ({learned['file']})", 1000))
    hint = "" if stated else "; say it with --licence if you share the style"
    click.echo(f"licence: {learned['licence']}{hint}")
    click.echo(f"try it: stylecam --style {learned['name']}")
