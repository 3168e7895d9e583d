"""`stylecam cameras`: list the cameras of this computer."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stylecam.cli import shared_options as shared
from stylecam.media.v4l2 import Mode


@click.command(
    "cameras",
    epilog="""\b
Examples:
  stylecam cameras
  stylecam cameras --json""",
)
@shared.as_json
def command(as_json: bool) -> None:
    """List the cameras with their best sizes and rates, and say which are virtual; --json lists all sizes."""
    from stylecam.media.sources.devices import list_cameras

    cameras = list_cameras()
    if as_json:
        shared.print_json([camera.as_dict() for camera in cameras])
        return
    if not cameras:
        click.echo("no camera found; plug one in, or try stylecam without one: stylecam run --camera demo")
        return
    table = Table("index", "name", "path", "kind", "best sizes and rates", box=None, pad_edge=False)
    for camera in cameras:
        kind = camera.problem or ("virtual" if camera.virtual else "camera")
        table.add_row(*map(Text, (str(camera.index), camera.name, camera.path, kind, _best_modes(camera.modes))))
    Console().print(table)


def _best_modes(modes: tuple[Mode, ...]) -> str:
    """Return the three largest sizes, each with its fastest format."""
    fastest: dict[tuple[int, int], Mode] = {}
    for mode in modes:
        current = fastest.get((mode.width, mode.height))
        if current is None or mode.fps > current.fps:
            fastest[mode.width, mode.height] = mode
    largest = sorted(fastest.values(), key=lambda mode: mode.width * mode.height, reverse=True)[:3]
    return ", ".join(f"{m.width}x{m.height} {m.fourcc.strip()}" + (f" {m.fps:g} fps" if m.fps else "") for m in largest)
