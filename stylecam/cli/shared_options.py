"""Options and helpers that several commands share: files, JSON, and the losses that compare with a painting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from stylecam.cli.declared import flag
from stylecam.engines.names import EngineSettings
from stylecam.errors import UsageError
from stylecam.utils.files import check_writable, user_path


def _expand(_: click.Context, __: click.Parameter, value: Any) -> Any:
    """Expand `~` in the path or paths."""
    if value is None or isinstance(value, tuple):
        return value and tuple(user_path(str(path)) for path in value)
    return user_path(str(value))


FILE: dict[str, Any] = {"type": click.Path(path_type=Path), "callback": _expand}
"""Keywords of an option or argument that names a file or folder."""

as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on standard output.")
pid = click.option("--pid", type=int, metavar="NUMBER", help="Process to use if several run.  [default: the newest]")
tier = flag(
    EngineSettings, "tier", help="For styles that are there in both: rich (bolder), lean, or auto: rich where it is."
)
vgg = click.option(
    "--vgg", **FILE, metavar="FILE",
    help="Other weights of VGG-16, the network that compares shapes and texture: torchvision's vgg16-397923af.pth, or "
    "an .npz.  [default: those that come with stylecam, which have eight bits]",
)  # fmt: skip
device = click.option("--device", default="auto", help="Device to compute on: auto, cpu, cuda (NVIDIA) or mps (Apple).")
bfloat16 = click.option(
    "--bfloat16/--no-bfloat16", "bfloat16", default=None,
    help="Run VGG-16 in bfloat16, which is faster and less exact.  [default: if the processor is fast at it]",
)  # fmt: skip


def print_json(value: object) -> None:
    """Print `value` as JSON on standard output."""
    click.echo(json.dumps(value, indent=2))


def check_picture(*paths: Path | None) -> None:
    """Check that plots and sheets can be written to `paths`.

    Raises:
        UsageError: one cannot be written, or its name does not end in .png.
    """
    for path in filter(None, paths):
        if path.suffix.lower() != ".png":
            raise UsageError(f"{path}: the name of a plot or sheet ends in .png")
        check_writable(path)
