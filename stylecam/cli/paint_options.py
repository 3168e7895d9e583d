"""Options and helpers that the commands for image and video files share."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stylecam.cli import shared_options as shared
from stylecam.cli.completion import complete_style, complete_words
from stylecam.cli.declared import SHARE, flag
from stylecam.engines.names import AUTO, ENGINES, EngineSettings
from stylecam.errors import UsageError
from stylecam.stylize.look import Look
from stylecam.utils.message import Message

if TYPE_CHECKING:
    from stylecam.media.video_file import VideoResult
    from stylecam.models.catalog import Catalog
    from stylecam.models.style_mix import StyleMix
    from stylecam.stylize.batch import BatchItem
    from stylecam.stylize.image import Stylist
    from stylecam.stylize.recipe import Recipe
    from stylecam.utils.ray_executor import RayExecutor

_STYLIST_OPTIONS = (
    flag(Look, "strength", help="0 (picture) to 1 (painting)."),
    flag(Look, "preserve_color", help="Keep the picture's own colours."),
    flag(Look, "brush", help="How large strokes are: 0.5 (half, and finer) to 2 (twice the usual size)."),
    flag(Look, "paint", help="Who is painted: everything, the person or the room."),
    flag(
        Look,
        "room",
        help="What the room shows: camera, blur[:STRENGTH], color:#RRGGBB, picture:FILE, style:NAME, none.",
    ),
    flag(Look, "face", help="How clear eyes and mouths stay in the painting, 0 to 1."),
    flag(
        EngineSettings,
        "engine",
        help=f"What runs the network: {', '.join(ENGINES)}, or {AUTO}: the fastest that is installed, measured once.",
    ),
    flag(EngineSettings, "device"),
    shared.tier,
    shared.as_json,
)
style = click.option(
    "--style", shell_complete=complete_style,
    help="A name, bank/name, a blend a:0.6,b:0.4 or an .onnx file.  [default: the first of `stylecam styles`]",
)  # fmt: skip
scale = click.option(
    "--scale", type=SHARE, default=1.0, help="Share of the size to paint at (0.1 to 1): less is faster and coarser."
)
on = click.option(
    "--on", metavar="CLUSTER", shell_complete=complete_words(("ray", "ray://")),
    help="Paint in as many processes as there are cores: of this computer (ray) or of a Ray cluster (ray://HOST:PORT).",
)  # fmt: skip
overwrite = click.option("--overwrite", is_flag=True, help="Replace an existing result.")


def stylist_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that its stylist takes, and --json."""
    for option in reversed(_STYLIST_OPTIONS):
        command = option(command)
    return command


def catalog(tier: str) -> Catalog:
    """Load all styles, those of `tier` first; files that are no styles are named on standard error.

    Raises:
        UsageError: there is no such tier, or no network of it.
    """
    from stylecam.models.catalog import Catalog
    from stylecam.stylize.style_learning import redraft_folder
    from stylecam.utils import paths

    if names := redraft_folder(paths.user_styles()):
        click.echo(f"learned anew for the networks of this version: {', '.join(names)}", err=True)
    report_taken_over()
    found = Catalog.installed()
    for problem in found.problems:
        click.echo(f"skipped: {problem}", err=True)
    found.prefer(tier)
    return found


def report_taken_over() -> None:
    """Take over the networks of earlier versions, and say so on standard error."""
    for line in taken_over():
        click.echo(line, err=True)


def taken_over() -> list[Message]:
    """Turn networks of earlier versions into own styles; return a line for each, or why it cannot be done now."""
    from stylecam.models.catalog import shipped_models
    from stylecam.models.user_styles import UserStyles
    from stylecam.utils import paths

    try:
        taken = UserStyles(paths.user_styles(), shipped_models()).take_over()
    except UsageError as error:  # the networks go on as they are
        return [Message("networks of an earlier version stay as they are: {error}", error=error)]
    return [
        Message(
            "your styles of {file} are own styles now: {names}; the network is kept as {path}",
            file=path.name, names=", ".join(names) or "-", path=path,
        )
        for path, names in taken.items()
    ]  # fmt: skip


def mixes(styles: Sequence[str], tier: str) -> list[StyleMix]:
    """Return the named styles, or all of them if none is named.

    Raises:
        StyleNotFoundError, UsageError, ModelFormatError: as for `resolve_style`.
        UsageError: the style `none` was named, or as for `catalog`.
    """
    from stylecam.stylize.style_file import resolve_style

    available = catalog(tier)
    named = [resolve_style(style, available) for style in styles] or [
        available.mix_of(card) for card in available.cards
    ]
    found = [mix for mix in named if mix is not None]
    if len(found) < len(named) or not found:
        raise UsageError("the style 'none' leaves the picture as it is; name another style")
    return found


def stylist_for(style: str | None, tier: str, **options: Any) -> Stylist:
    """Make the stylist for the options of a command; without a style, for the first of the catalog."""
    from stylecam.stylize.image import Stylist

    stylist = Stylist(_mix_for(style, tier), tier=tier, **options)
    note_fixed_brush([stylist.mix], options["brush"])
    return stylist


def recipe_for(
    style: str | None, tier: str, scale: float, engine: str, device: str, steadiness: float = 0.0, **options: Any
) -> Recipe:
    """Make the recipe of the same stylist, for other processes."""
    from stylecam.stylize.recipe import Recipe
    from stylecam.stylize.still_look import still_look

    look = still_look(_mix_for(style, tier), steadiness=steadiness, tier=tier, **options)
    recipe = Recipe(look, scale, engine, device)
    recipe.check()
    if look.mix is not None:
        note_fixed_brush([look.mix], options["brush"])
    return recipe


def _mix_for(style: str | None, tier: str) -> StyleMix | str:
    from stylecam.stylize.style_file import resolve_style

    styles = catalog(tier)
    mix = styles.mix_of(styles.cards[0]) if style is None and styles.cards else resolve_style(style or "", styles)
    return "none" if mix is None else mix


def absolute(items: Sequence[BatchItem]) -> list[BatchItem]:
    """Return `items` with paths that mean the same in processes that run elsewhere."""
    return [replace(item, source=item.source.absolute(), target=item.target.absolute()) for item in items]


def cluster(address: str, device: str) -> RayExecutor:
    """Connect to the cluster of `--on`.

    Raises:
        UsageError, ClusterError: as for `RayExecutor`.
    """
    from stylecam.utils.ray_executor import RayExecutor

    return RayExecutor(address, gpus=int(device.startswith("cuda")))


def note_fixed_brush(mixes: Sequence[StyleMix], brush: float) -> None:
    """Say on standard error which of `mixes` take no notice of the brush that was asked for."""
    fixed = [mix.label for mix in mixes if not mix.model.has_brush]
    if brush != 1 and fixed:
        click.echo(f"--brush changes nothing in {', '.join(fixed)}: the strokes there have one size", err=True)


def one_output(argument: str | None, option: str | None) -> str | None:
    """Return the result's name, which may be the last argument or the option -o; None if there is neither.

    Raises:
        UsageError: both are given.
    """
    if argument is not None and option is not None:
        raise UsageError(f"the result is named twice: {argument} and -o {option}; leave one of them out")
    return option if argument is None else argument


def name_beside(source: Path, word: str, suffix: str, *, replace: bool) -> Path:
    """Return a name for the result beside `source`: photo.jpg becomes photo-WORD.jpg.

    Args:
        source: the picture, clip or folder that is painted.
        word: what is added to its name.
        suffix: of the result; the result of a folder is a folder and has none.
        replace: take that name even where it exists; otherwise it gets a number.
    """
    from stylecam.utils.files import unused_name

    if source.name in ("", ".."):
        source = source.resolve()
    name = f"{source.name}-{word}" if source.is_dir() else f"{source.stem}-{word}{suffix}"
    path = source.with_name(name)
    return path if replace else unused_name(path)


def check_new(path: Path, replace: bool) -> None:
    """Check that a result may be written to `path`.

    Raises:
        UsageError: it is a folder, its folder is missing, or the file exists and may not be replaced.
    """
    from stylecam.utils.files import check_writable

    if path.exists() and not path.is_dir() and not replace:
        raise UsageError(f"{path} is there already; --overwrite replaces it")
    check_writable(path)


@contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """Treat SIGTERM like Ctrl-C inside the context, so that unfinished files are removed."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def report_damage(source: Path, result: VideoResult) -> None:
    """Report damage of the clip on standard error."""
    if result.damaged:
        click.echo(f"{source}: {result.damaged} damaged pieces were skipped", err=True)
    if result.cut_off:
        click.echo(f"{source} claims to be longer than it is: it was cut off", err=True)
