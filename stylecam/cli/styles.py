"""`stylecam styles`: what there is to paint with, and commands that change it."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from stylecam.cli import own
from stylecam.models.card import StyleCard
from stylecam.utils.text import printable


@click.group(
    "styles",
    invoke_without_command=True,
    subcommand_metavar="[show|add|remove|rename]",
    commands=[own.show, own.add, own.remove, own.rename],
    epilog="""\b
Examples:
  stylecam styles
  stylecam styles --json
  stylecam styles show the_scream
  stylecam styles add mosaic.onnx       someone else's network: .t7, .onnx or .pth""",
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List the styles, numbered as the keys 1 to 9 choose them; add, show, rename or remove one.

    Where `stylecam evaluate` has measured a style: the milliseconds of one 640×360 picture on the machine it ran on,
    and the flicker of a still noisy picture (1 is the camera's own).
    """
    if context.invoked_subcommand is not None:
        return
    from stylecam.models.catalog import Catalog, shipped_models
    from stylecam.utils import paths

    catalog = Catalog.load([shipped_models(), paths.user_styles()])
    for problem in catalog.problems:
        click.echo(f"skipped: {problem}", err=True)
    if as_json:
        click.echo(json.dumps([{**asdict(card), "full_name": card.full_name} for card in catalog.all_cards], indent=2))
        return
    figures = any(card.measured is not None for card in catalog.all_cards)
    table = Table(
        Column("key", no_wrap=True),
        Column("name", no_wrap=True),
        "painting",  # these two make room where the terminal is narrow
        "artist",
        Column("year", no_wrap=True),
        Column("licence", no_wrap=True),
        Column("network", no_wrap=True),
        *(Column(figure, justify="right", no_wrap=True) for figure in (("ms", "flicker") if figures else ())),
        box=None,
        pad_edge=False,
    )
    for number, card in enumerate(catalog.cards, 1):
        table.add_row(*_row(str(number) if number <= 9 else "", card.name, card))
    for card in catalog.all_cards:
        if card not in catalog.cards:
            table.add_row(*_row("", card.full_name, card))
    console = Console()
    (console if console.is_terminal else Console(width=160)).print(table)


def _row(key: str, name: str, card: StyleCard) -> list[Text]:
    cells = [key, name, card.title, card.artist, str(card.year or ""), card.licence, card.bank]
    if card.measured is not None:
        ms, flicker = card.measured.ms, card.measured.flicker
        cells += ["" if ms is None else f"{ms:.0f}", "" if flicker is None else f"{flicker:.2f}"]
    # a file's own name may steer a terminal too
    return [Text(printable(cell), no_wrap=True, overflow="ellipsis") for cell in cells]
