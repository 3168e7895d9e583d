"""`stylecam compare`: let people judge two ways to paint without knowing which is which."""

from __future__ import annotations

from pathlib import Path

import click
from rich.table import Column, Table

from stylecam.cli import shared_options as shared
from stylecam.cli.shared_options import FILE
from stylecam.cli.suggestions import SuggestingGroup
from stylecam.errors import TrainingFailedError, TrainingUnavailableError


@click.group(
    "compare",
    cls=SuggestingGroup,
    subcommand_metavar="pairs|votes",
    epilog="""\b
Examples:
  stylecam compare pairs ours theirs -o look    write the pairs, and a page to vote on
  stylecam compare votes look votes*.json       count the votes""",
)
def command() -> None:
    """Compare two ways to paint by eye, without knowing which is which."""
    from stylecam.utils.optional import require

    require("torch", purpose="a comparison", extra="train", error=TrainingUnavailableError)


@command.command(
    "pairs",
    epilog="""\b
Example:
  stylecam image photos -o ours --style udnie
  stylecam image photos -o theirs --style classic_udnie
  stylecam compare pairs ours theirs -o look
      then open look/index.html in a browser, and keep key.json from those who judge""",
)
@click.argument("first", **FILE)
@click.argument("second", **FILE)
@click.option("-o", "--output", **FILE, required=True, metavar="DIR", help="New folder for the pairs.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Random seed of the order and the sides.")
def pairs(first: Path, second: Path, output: Path, seed: int) -> None:
    """Write pairs of the pictures that have the same name in the folders FIRST and SECOND.

    Each pair is shown twice, with the sides swapped. The page index.html asks two questions on each.
    """
    from stylecam.evaluation.quality.blind import make_pairs

    try:
        count = make_pairs(first, second, output, seed)
    except OSError as error:
        raise TrainingFailedError(f"{error.filename or output} cannot be written: {error.strerror or error}") from error
    click.echo(f"wrote {count} pictures and {output / 'index.html'}", err=True)


@command.command(
    "votes",
    epilog="""\b
Example:
  stylecam compare votes look anna.json ben.json --json""",
)
@click.argument("folder", **FILE)
@click.argument("files", **FILE, nargs=-1, required=True, metavar="VOTES...")
@shared.as_json
def votes(folder: Path, files: tuple[Path, ...], as_json: bool) -> None:
    """Count the votes of one or more judges on the pairs in FOLDER.

    Where a judge chose differently once the sides were swapped, the pair is discarded. p is the probability that chance
    alone gives so many wins.
    """
    from stylecam.cli.tables import print_tables
    from stylecam.evaluation.quality.blind import QUESTIONS, count_votes

    results = count_votes(folder, files)
    if as_json:
        shared.print_json([result.as_dict() for result in results])
        return
    table = Table(
        "question", *(Column(name, justify="right") for name in ("first wins", "of", "share", "discarded", "p")),
        box=None, pad_edge=False,
    )  # fmt: skip
    for result in results:
        share = f"{result.wins / result.decided:.0%}" if result.decided else ""
        cells = (str(result.wins), str(result.decided), share, str(result.discarded), f"{result.p:.3f}")
        table.add_row(QUESTIONS[result.question], *cells)
    print_tables([(table, "")], 100)
