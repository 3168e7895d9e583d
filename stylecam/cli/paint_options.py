"""What the commands that paint files share: their options and how a painter is made of them."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stylecam.cli.declared import flag
from stylecam.engines.names import EngineSettings
from stylecam.errors import UsageError
from stylecam.stylize.look import Look

if TYPE_CHECKING:
    from stylecam.media.video_file import VideoResult
    from stylecam.models.catalog import Catalog, StyleMix
    from stylecam.stylize.image import Stylist

engine = flag(EngineSettings, "engine")
device = flag(EngineSettings, "device")
strength = flag(Look, "strength", help="0 (picture) to 1 (painting).")
preserve_color = flag(Look, "preserve_color", help="Keep the picture's own colours.")
scale = click.option(
    "--scale", type=float, default=1.0, show_default=True, help="Paint reduced so much (0.1 to 1), for larger strokes."
)
overwrite = click.option("--overwrite", is_flag=True, help="Replace a result that is there already.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print what was painted as JSON on standard output.")


def catalog() -> Catalog:
    """All styles; files that are none are named on standard error."""
    from stylecam.models.catalog import Catalog, shipped_models
    from stylecam.utils import paths

    found = Catalog.load([shipped_models(), paths.user_styles()])
    for problem in found.problems:
        click.echo(f"skipped: {problem}", err=True)
    return found


def mixes(styles: Sequence[str]) -> list[StyleMix]:
    """The styles named, or all there are.

    Raises:
        StyleNotFoundError, UsageError, ModelFormatError: as `Catalog.parse`; the style `none` is not among them.
    """
    known = catalog()
    named = [known.parse(style) for style in styles] or [known.mix_of(card) for card in known.cards]
    found = [mix for mix in named if mix is not None]
    if len(found) < len(named) or not found:
        raise UsageError("the style 'none' paints nothing; name a style")
    return found


def painter_for(style: str | None, **given: Any) -> Stylist:
    """The painter for the options of a command; without a style, for the first of the catalog."""
    from stylecam.stylize.image import Stylist

    styles = catalog()
    mix = styles.mix_of(styles.cards[0]) if style is None and styles.cards else styles.parse(style or "")
    return Stylist(mix if mix is not None else "none", **given)


def check_new(path: Path, replace: bool) -> None:
    """See that a result may be written to `path`.

    Raises:
        UsageError: it is a folder, lies in none, or is there already and may not be replaced.
    """
    from stylecam.utils.files import check_writable

    if path.exists() and not path.is_dir() and not replace:
        raise UsageError(f"{path} is there already; --overwrite replaces it")
    check_writable(path)


@contextmanager
def undone_by_sigterm() -> Iterator[None]:
    """Being ended from outside is like Ctrl-C: what is unfinished is taken away."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def tell_damage(source: Path, result: VideoResult) -> None:
    """Say on standard error where a clip was not whole."""
    if result.damaged:
        click.echo(f"{source}: {result.damaged} damaged pieces were passed over", err=True)
    if result.cut_off:
        click.echo(f"{source} claims to be longer than it is: it was cut off", err=True)
