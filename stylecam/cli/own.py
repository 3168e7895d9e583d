"""`stylecam styles show, add, remove, rename`: the user's own styles among all."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stylecam.cli.completion import complete_own_style, complete_style
from stylecam.errors import UsageError
from stylecam.utils.files import user_path

if TYPE_CHECKING:
    from stylecam.models.card import StyleCard
    from stylecam.models.user_styles import UserStyles

_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print as JSON.")


@click.command(
    "show",
    epilog="""\b
Examples:
  stylecam styles show the_scream
  stylecam styles show la_muse --json""",
)
@click.argument("name", shell_complete=complete_style)
@_AS_JSON
def show(name: str, as_json: bool) -> None:
    """Show all that is known of one style."""
    from stylecam.models.card import read_cards
    from stylecam.utils.text import printable

    mix = _own().catalog().parse(name)
    chosen = [index for index, weight in enumerate(mix.weights) if weight] if mix else []
    if mix is None or len(chosen) != 1:
        raise UsageError(f"{name!r} is no single style; stylecam styles lists them")
    model = mix.model
    card = read_cards(model)[chosen[0]]
    about: dict[str, Any] = {
        **_described(card),
        "file": str(model.path),
        "bytes": len(model.data),
        "styles_in_file": model.style_count,
        **{key: model.metadata[key] for key in ("source", "importer", "imported") if key in model.metadata},
    }
    if as_json:
        click.echo(json.dumps(about, indent=2))
        return
    table = Table.grid(padding=(0, 2))
    for key, value in about.items():
        table.add_row(Text(key.replace("_", " ")), Text("" if value is None else printable(str(value), 1000)))
    Console().print(table)


@click.command(
    "add",
    epilog="""\b
Examples:
  stylecam styles add la_muse.t7 --title "La Muse" --artist "Pablo Picasso"
      a Torch network of fast-neural-style (Johnson), either family
  stylecam styles add mosaic.onnx
      from the ONNX model zoo and others; how it counts colours is found out and shown
  stylecam styles add cartoon.onnx --layout nhwc --range -1..1
      the same, said rather than found out
  stylecam styles add candy.pth --name sweet --licence BSD-3-Clause
      weights of PyTorch's fast-neural-style example
  stylecam styles add friends.onnx
      what somebody else trained with stylecam train
\b
Ranges: 0..1, 0..255, -1..1, caffe (BGR minus VGG's means), resnet (over ImageNet's deviation), or IN:OUT.""",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="What to call it.  [default: as the file is called]")
@click.option("--title", help="The painting's.")
@click.option("--artist", help="Who painted it.")
@click.option("--licence", help="Under which the network was given to you.  [default: unknown]")
@click.option("--layout", metavar="nchw|nhwc", help="ONNX: channels first or last.  [default: found out]")
@click.option("--range", "colours", metavar="RANGE", help="ONNX: how it counts colours.  [default: found out]")
@click.option("--order", metavar="rgb|bgr", help="ONNX: the order of colours.  [default: found out, mostly rgb]")
@_AS_JSON
def add(file: Path, as_json: bool, **said: Any) -> None:
    """Add someone else's network to your styles."""
    from stylecam.models.card import slug
    from stylecam.models.importers.detect import ImportOptions
    from stylecam.stylize.import_check import import_and_check
    from stylecam.utils.text import printable

    path = user_path(str(file))
    own = _own()
    own.check_free(slug(said["name"] or path.stem))
    made = import_and_check(path, ImportOptions(**said))
    cards = own.add(made.name, made.data)
    if as_json:
        click.echo(json.dumps({"added": [_described(card) for card in cards], "notes": made.notes}, indent=2))
        return
    for note in made.notes:
        click.echo(printable(note))
    click.echo(f"added: {', '.join(card.name for card in cards)}")
    click.echo(f"try it: stylecam --style {cards[0].full_name if len(cards) > 1 else cards[0].name}")


@click.command(
    "remove",
    epilog="""\b
Examples:
  stylecam styles remove la_muse""",
)
@click.argument("name", shell_complete=complete_own_style)
@_AS_JSON
def remove(name: str, as_json: bool) -> None:
    """Delete one of your own styles."""
    path = _own().remove(name)
    click.echo(json.dumps({"removed": str(path)}, indent=2) if as_json else f"removed: {path}")


@click.command(
    "rename",
    epilog="""\b
Examples:
  stylecam styles rename la_muse muse""",
)
@click.argument("old", shell_complete=complete_own_style)
@click.argument("new")
@_AS_JSON
def rename(old: str, new: str, as_json: bool) -> None:
    """Give one of your own styles another name."""
    cards = _own().rename(old, new)
    if as_json:
        click.echo(json.dumps({"renamed": [_described(card) for card in cards]}, indent=2))
        return
    click.echo(f"renamed: {old} is now {', '.join(card.name for card in cards)} in {cards[0].bank}.onnx")


def _own() -> UserStyles:
    from stylecam.models.catalog import shipped_models
    from stylecam.models.user_styles import UserStyles
    from stylecam.utils import paths

    return UserStyles(paths.user_styles(), shipped_models())


def _described(card: StyleCard) -> dict[str, Any]:
    return {**asdict(card), "full_name": card.full_name}
