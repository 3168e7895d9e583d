"""What options and arguments that name files share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stylecam.errors import UsageError
from stylecam.utils.files import check_writable, user_path


def _expand(_: click.Context, __: click.Parameter, value: Any) -> Any:
    """Expand `~` in the path or paths."""
    if value is None or isinstance(value, tuple):
        return value and tuple(user_path(str(path)) for path in value)
    return user_path(str(value))


FILE: dict[str, Any] = {"type": click.Path(path_type=Path), "callback": _expand}
"""Keywords of an option or argument that names a file or folder."""


def check_picture(*paths: Path | None) -> None:
    """Check that plots and sheets can be written to `paths`.

    Raises:
        UsageError: one cannot be written, or its name does not end in .png.
    """
    for path in paths:
        if path is not None:
            if path.suffix.lower() != ".png":
                raise UsageError(f"{path}: the name of a plot or sheet ends in .png")
            check_writable(path)
