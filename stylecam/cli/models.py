"""`stylecam models`: write the networks for a server."""

from __future__ import annotations

from pathlib import Path

import click

from stylecam.cli import shared_options as shared
from stylecam.cli.suggestions import SuggestingGroup


@click.group("models", cls=SuggestingGroup, subcommand_metavar="export")
def command() -> None:
    """Write the networks for a server that paints: NVIDIA Triton or OpenVINO Model Server."""


@command.command(
    "export",
    epilog="""\b
Examples:
  stylecam models export served
  tritonserver --model-repository served
  stylecam run --engine remote --remote grpc://gpu.local:8001""",
)
@click.argument("folder", **shared.FILE)
@shared.as_json
def export(folder: Path, as_json: bool) -> None:
    """Write all networks, shipped and your own, to FOLDER as a model repository.

    Give the folder to Triton as its model repository, or to OpenVINO Model Server with its config.json. A network that
    is there already is replaced; networks of other versions of stylecam stay.
    """
    from stylecam.models.catalog import Catalog
    from stylecam.models.repository import export as write

    catalog = Catalog.installed()
    for problem in catalog.problems:
        click.echo(f"skipped: {problem}", err=True)
    written = write(catalog.models, folder)
    if as_json:
        shared.print_json({"folder": str(folder), "networks": [path.name for path in written]})
        return
    for path in written:
        click.echo(path.name)
    click.echo(f"{len(written)} networks in {folder}; start a server with it, for example: ", nl=False)
    click.echo(f"tritonserver --model-repository {folder}")
