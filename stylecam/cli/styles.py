"""`stylecam styles`: list the styles; show, learn, improve, add, export, remove or rename one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from stylecam.cli import shared_options as shared
from stylecam.cli import styles_improve, styles_learn
from stylecam.cli.completion import complete_own_style, complete_style, complete_user_style
from stylecam.cli.paint_options import report_taken_over
from stylecam.cli.suggestions import SuggestingGroup
from stylecam.errors import UsageError
from stylecam.utils.files import user_path
from stylecam.utils.text import printable

if TYPE_CHECKING:
    from stylecam.models.card import StyleCard
    from stylecam.models.user_styles import UserStyles


@click.group(
    "styles",
    cls=SuggestingGroup,
    invoke_without_command=True,
    subcommand_metavar="[list|show|learn|improve|add|export|remove|rename]",
    epilog="""\b
Examples:
  stylecam styles
  stylecam styles --json
  stylecam styles --tier lean
  stylecam styles show the_scream
  stylecam styles learn harvest.jpg     a style from any picture, in a second
  stylecam styles export harvest        one small file, to give away
  stylecam styles add harvest.style     a style that somebody has sent you
  stylecam styles add mosaic.onnx       a network from elsewhere: .t7, .onnx or .pth""",
)
@shared.tier
@shared.as_json
@click.pass_context
def command(context: click.Context, tier: str, as_json: bool) -> None:
    """List the styles, numbered as the keys 1 to 9 select them; or learn, improve, show, share or change one.

    For styles that `stylecam evaluate --write-card` has measured, ms is the time for one 640×360 picture on that
    computer, and flicker that of a still noisy picture (1: as much as the camera itself). A style that is there in two
    tiers is listed once, as --tier chooses; --json lists both.
    """
    if context.invoked_subcommand is None:
        _list(as_json, tier)


@command.command("list")
@shared.tier
@shared.as_json
def list_styles(as_json: bool, tier: str) -> None:
    """List the styles, as `stylecam styles` alone does."""
    _list(as_json, tier)


def _list(as_json: bool, tier: str) -> None:
    from stylecam.cli.paint_options import catalog as load_catalog
    from stylecam.cli.tables import print_tables

    catalog = load_catalog(tier)
    if as_json:
        shared.print_json([_describe(card) for card in catalog.all_cards])
        return
    tiers = ("tier",) if len({card.tier for card in catalog.all_cards}) > 1 else ()
    measures = ("ms", "flicker") if any(card.measured is not None for card in catalog.all_cards) else ()
    table = Table(
        Column("key", no_wrap=True),
        Column("name", no_wrap=True),
        "painting",  # these two columns shrink on a narrow terminal
        "artist",
        Column("year", no_wrap=True),
        Column("licence", no_wrap=True),
        Column("network", no_wrap=True),
        *(Column(name, no_wrap=True) for name in tiers),
        *(Column(name, justify="right", no_wrap=True) for name in measures),
        box=None,
        pad_edge=False,
    )
    for number, card in enumerate(catalog.cards, 1):
        table.add_row(*_row(str(number) if number <= 9 else "", card.name, card, bool(tiers)))
    tier_of = {card.name: card.tier for card in catalog.cards}
    for card in catalog.all_cards:
        if card not in catalog.cards and card.tier == tier_of[card.name]:  # that of another tier has --tier
            table.add_row(*_row("", card.full_name, card, bool(tiers)))
    print_tables([(table, "")], 160)


@command.command(
    "show",
    epilog="""\b
Examples:
  stylecam styles show the_scream
  stylecam styles show la_muse --json""",
)
@click.argument("name", shell_complete=complete_style)
@shared.tier
@shared.as_json
def show(name: str, tier: str, as_json: bool) -> None:
    """Show all details of one style: card, file, licence and origin."""
    from stylecam.models.card import read_cards
    from stylecam.utils import paths

    catalog = _user_styles().catalog()
    catalog.prefer(tier)
    mix = catalog.parse(name)
    indices = [index for index, weight in enumerate(mix.weights) if weight] if mix else []
    if mix is None or len(indices) != 1:
        raise UsageError(f"{name!r} is no single style; stylecam styles lists them")
    model = mix.model
    card = read_cards(model)[indices[0]]
    path = paths.user_styles() / f"{card.name}.style" if card.own else model.path
    facts: dict[str, Any] = {
        **_describe(card),
        "file": str(path),
        "bytes": path.stat().st_size,
        "styles_in_file": 1 if card.own else model.style_count - model.own_count,
        **{
            key: model.metadata[key]
            for key in ("source", "importer", "imported")
            if key in model.metadata and not card.own
        },
    }
    if as_json:
        shared.print_json(facts)
        return
    table = Table.grid(padding=(0, 2))
    for key, value in facts.items():
        table.add_row(Text(key.replace("_", " ")), Text("" if value is None else printable(str(value), 1000)))
    Console().print(table)


@command.command(
    "add",
    epilog="""\b
Examples:
  stylecam styles add harvest.style
      a style that somebody learned from a picture, from the page or with stylecam styles export
  stylecam styles add la_muse.t7 --title "La Muse" --artist "Pablo Picasso"
      a Torch network of fast-neural-style (Johnson), either family
  stylecam styles add mosaic.onnx
      from the ONNX model zoo and others; its range and order of colours are detected and shown
  stylecam styles add cartoon.onnx --layout nhwc --range -1..1
      the same, with layout and range given
  stylecam styles add candy.pth --name sweet --licence BSD-3-Clause
      weights of PyTorch's fast-neural-style example
  stylecam styles add friends.onnx
      a network that somebody else trained with stylecam train
\b
Ranges: 0..1, 0..255, -1..1, caffe (BGR minus VGG's means), resnet (over ImageNet's deviation), or IN:OUT.""",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the style.  [default: name of the file]")
@click.option("--title", help="Title of the painting.")
@click.option("--artist", help="Painter.")
@click.option("--licence", help="Licence of the network.  [default: unknown]")
@click.option("--layout", metavar="nchw|nhwc", help="ONNX: channels first or last.  [default: detected]")
@click.option("--range", "color_range", metavar="RANGE", help="ONNX: range of colour values.  [default: detected]")
@click.option("--order", metavar="rgb|bgr", help="ONNX: order of colours.  [default: detected, mostly rgb]")
@shared.as_json
def add(file: Path, as_json: bool, **options: Any) -> None:
    """Add a style that somebody has sent you, or a network from elsewhere, to your styles."""
    from stylecam.models.card import slug
    from stylecam.models.importers.base import ImportOptions
    from stylecam.stylize.import_check import import_and_check

    path = user_path(str(file))
    styles = _user_styles()
    notes: Sequence[str] = ()
    if path.suffix.lower() == ".style":
        cards = _add_style_file(styles, path, options)
    else:
        styles.check_free(slug(options["name"] or path.stem))
        imported = import_and_check(path, ImportOptions(**options))
        cards, notes = styles.add(imported.name, imported.data), imported.notes
    if as_json:
        shared.print_json({"added": [_describe(card) for card in cards], "notes": notes})
        return
    for note in notes:
        click.echo(printable(note))
    click.echo(f"added: {', '.join(dict.fromkeys(card.name for card in cards))}")
    alone = len(cards) == 1 or cards[0].own
    click.echo(f"try it: stylecam --style {cards[0].name if alone else cards[0].full_name}")


def _add_style_file(styles: UserStyles, path: Path, options: dict[str, Any]) -> tuple[StyleCard, ...]:
    """Add the `.style` file `path`; title, artist and licence may be given anew."""
    from stylecam.models.card import slug
    from stylecam.models.own_style import OwnStyle
    from stylecam.stylize.style_learning import redraft

    foreign = [name for name in ("layout", "color_range", "order") if options[name]]
    if foreign:
        raise UsageError(f"--{foreign[0].removeprefix('color_')} is for networks; {path} is a style file")
    style = OwnStyle.read(path)
    given = {key: options[key] for key in ("title", "artist", "licence") if options[key]}
    style = replace(style, name=slug(options["name"] or style.name), **given)
    styles.check_free(style.name)
    cards = styles.add_style(redraft(style))
    if not cards:
        raise UsageError(f"{path} has neither rows for a network that is installed nor a picture to draft them from")
    return cards


@command.command(
    "export",
    epilog="""\b
Examples:
  stylecam styles export harvest
  stylecam styles export harvest to/give/away.style""",
)
@click.argument("name", shell_complete=complete_own_style)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@shared.as_json
def export(name: str, file: Path | None, overwrite: bool, as_json: bool) -> None:
    """Write one of your own styles to a small file for others: stylecam styles add FILE.

    The file holds the picture, its title, artist and licence, and what was learned from it.
    """
    from stylecam.cli.paint_options import check_new

    style = _user_styles().own_style(name)
    path = Path(f"{style.name}.style") if file is None else user_path(str(file))
    check_new(path, overwrite)
    try:
        style.write(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}; check space and permissions") from error
    if as_json:
        shared.print_json({"file": str(path), "licence": style.licence})
        return
    click.echo(f"written: {path} ({style.title}, {style.artist}; licence: {style.licence})")


@command.command(
    "remove",
    epilog="""\b
Examples:
  stylecam styles remove la_muse
  stylecam styles remove la_muse --json""",
)
@click.argument("name", shell_complete=complete_user_style)
@shared.as_json
def remove(name: str, as_json: bool) -> None:
    """Delete one of your own styles, or a file of several."""
    path = _user_styles().remove(name)
    shared.print_json({"removed": str(path)}) if as_json else click.echo(f"removed: {name} ({path})")


@command.command(
    "rename",
    epilog="""\b
Examples:
  stylecam styles rename la_muse muse
  stylecam styles rename la_muse muse --json""",
)
@click.argument("old", shell_complete=complete_user_style)
@click.argument("new")
@shared.as_json
def rename(old: str, new: str, as_json: bool) -> None:
    """Rename one of your own styles."""
    cards = _user_styles().rename(old, new)
    if as_json:
        shared.print_json({"renamed": [_describe(card) for card in cards]})
        return
    names = ", ".join(dict.fromkeys(card.name for card in cards)) or new
    place = "" if not cards or cards[0].own else f" in {cards[0].bank}.onnx"
    click.echo(f"renamed: {old} is now {names}{place}")


command.add_command(styles_learn.command)
command.add_command(styles_improve.command)


def _user_styles() -> UserStyles:
    from stylecam.models.catalog import shipped_models
    from stylecam.models.user_styles import UserStyles
    from stylecam.utils import paths

    report_taken_over()
    return UserStyles(paths.user_styles(), shipped_models())


def _describe(card: StyleCard) -> dict[str, Any]:
    return {**asdict(card), "full_name": card.full_name}


def _origin(card: StyleCard) -> str:
    """Return the network of a shipped style, and how an own style was learned."""
    if not card.own:
        return card.bank
    if card.minutes:
        return f"own, {card.minutes:.0f} min" if card.minutes >= 1 else "own, under 1 min"
    return "own, a draft again" if card.redrafted else "own, a draft"


def _row(key: str, name: str, card: StyleCard, with_tier: bool) -> list[Text]:
    cells = [key, name, card.title, card.artist, str(card.year or ""), card.licence, _origin(card)]
    cells += [card.tier] if with_tier else []
    if card.measured is not None:
        ms, flicker = card.measured.ms, card.measured.flicker
        cells += ["" if ms is None else f"{ms:.0f}", "" if flicker is None else f"{flicker:.2f}"]
    # printable: names in a foreign file may contain terminal control codes
    return [Text(printable(cell), no_wrap=True, overflow="ellipsis") for cell in cells]
