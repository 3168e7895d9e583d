"""Writing files so that a reader never sees half of one."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import stat
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


def check_file_name(text: str) -> str:
    """`text`, if it can begin a file's name on any system and leads to no other folder.

    Raises:
        UsageError: it has something else than letters, digits, spaces, - and _.
    """
    if not text.strip() or len(text) > 80 or not all(c.isalnum() or c in " -_" for c in text):
        raise UsageError(f"{text[:60]!r} cannot be a file's name: use up to 80 letters, digits, spaces, - and _")
    return text.strip()


def create_unique_file(folder: Path, stem: str, suffix: str) -> Path:
    """An empty file in `folder`, made just now: `STEM.SUFFIX`, or with a number where that is taken.

    Raises:
        OSError: the folder cannot be written.
    """
    number = 1
    while True:
        path = folder / f"{stem}{'' if number == 1 else f'-{number}'}{suffix}"
        try:
            path.open("xb").close()
        except FileExistsError:
            number += 1
        else:
            return path


def check_writable(path: Path) -> None:
    """See that `write_json` can write `path`, leaving no trace.

    Raises:
        UsageError: it is a folder, or its folder is missing or cannot be written.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file")
    try:
        trial = _beside(resolve_target(path))
        trial.open("xb").close()
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}; choose another place") from error
    trial.unlink()


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
    with atomic_file(path) as file:
        file.write(data)


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to, which gets the name `path` when the block ends well and is taken away when it does not.

    Who may read it is as the user's umask says, or as it was for the file that is replaced; of a link, the file it
    leads to is written.

    Raises:
        OSError: the folder is missing or cannot be written, the disk is full, or `path` is a device or a pipe.
    """
    target = resolve_target(path)
    part = _beside(target)
    try:
        with part.open("x+b") as file:
            yield file
        with contextlib.suppress(FileNotFoundError):
            part.chmod(stat.S_IMODE(target.stat().st_mode))
        part.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def resolve_target(path: Path) -> Path:
    """The file that is written when `path` is: behind a link, what it leads to.

    Raises:
        OSError: it is a device or a pipe, which must not be replaced by a file; or links lead in a circle.
    """
    try:
        target = path.resolve() if path.is_symlink() else path
    except RuntimeError as error:  # before Python 3.13
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from error
    if target.is_symlink():  # since: it stops in the circle
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    if target.exists() and not target.is_file() and not target.is_dir():
        raise OSError(errno.EINVAL, "it is no plain file")
    return target


def _beside(path: Path) -> Path:
    """A name in the folder of `path` that nobody has; hidden, and of no kind that anyone looks for."""
    return path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}")
