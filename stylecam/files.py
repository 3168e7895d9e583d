"""Writing files so that a reader never sees half of one."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from stylecam.errors import UsageError


def user_path(text: str) -> Path:
    """The path a user wrote, `~` expanded.

    Raises:
        UsageError: it names another user's home that is not there, or no file can be called so.
    """
    try:
        path = Path(text).expanduser()
        path.exists()  # raises for names longer than the system allows, and for NUL bytes
    except (RuntimeError, OSError, ValueError) as error:
        raise UsageError(f"{text[:60]!r} is no path: {error}") from error
    return path


def check_writable(path: Path) -> None:
    """See that `write_json` can write `path`, leaving no trace.

    Raises:
        UsageError: it is a folder, or its folder is missing or cannot be written.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}; choose another place") from error
    os.close(handle)
    Path(name).unlink()


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` as JSON, whole or not at all.

    Raises:
        OSError: the folder is missing or cannot be written.
    """
    write_bytes(path, (json.dumps(value, indent=2) + "\n").encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all.

    Raises:
        OSError: the folder is missing or cannot be written, or the disk is full.
    """
    with whole_file(path) as file:
        file.write(data)


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to, which gets the name `path` when the block ends well and is taken away when it does not.

    Raises:
        OSError: the folder is missing or cannot be written, or the disk is full.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
        Path(name).chmod(0o644)  # mkstemp's own choice keeps other users' dashboards out
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
