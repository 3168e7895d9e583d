"""Files and folders on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stylecam.files import user_path


def _expanded(_: click.Context, __: click.Parameter, value: Any) -> Any:
    """The path or paths as users write them, `~` included."""
    if value is None or isinstance(value, tuple):
        return value and tuple(user_path(str(path)) for path in value)
    return user_path(str(value))


FILE: dict[str, Any] = {"type": click.Path(path_type=Path), "callback": _expanded}
"""What an option or argument that names a file or folder is given; with tab completion."""
