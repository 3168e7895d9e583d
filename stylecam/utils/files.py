"""Write files so that no reader ever sees half of one, and check paths and file names."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from stylecam.errors import UsageError
from stylecam.utils.message import Message


def user_path(text: str) -> Path:
    """Turn a path that the user wrote into a `Path`, with `~` expanded.

    Raises:
        UsageError: it names the home of an unknown user, is too long or holds a NUL byte.
    """
    try:
        path = Path(text).expanduser()
        path.exists()  # raises for names longer than the system allows, and for NUL bytes
    except (RuntimeError, OSError, ValueError) as error:
        raise UsageError(Message("{text!r} is not a valid path: {error}", text=text[:60], error=error)) from error
    return path


def check_file_name(text: str) -> str:
    """Check that `text` can start a file name on any system and leads to no other folder; return it without margins.

    Raises:
        UsageError: it holds something other than letters, digits, spaces, - and _, or is too long.
    """
    if not text.strip() or len(text) > 80 or not all(c.isalnum() or c in " -_" for c in text):
        raise UsageError(
            Message("{text!r} cannot be a file's name: use up to 80 letters, digits, spaces, - and _", text=text[:60])
        )
    return text.strip()


def create_unique_file(folder: Path, stem: str, suffix: str) -> Path:
    """Create an empty file in `folder`, called `STEM.SUFFIX` or, where that exists, `STEM-2.SUFFIX` and so on.

    Raises:
        OSError: the folder cannot be written.
    """
    return _create_first(_numbered(folder / f"{stem}{suffix}"))


def unused_name(path: Path) -> Path:
    """Return `path`, or `STEM-2.SUFFIX` and so on where that name exists or is being written to. Nothing is created."""
    names = _numbered(path)
    return next(name for name in names if not (os.path.lexists(name) or os.path.lexists(_part_name(name))))


def create_part_file(target: Path) -> Path:
    """Create an empty file `STEM.part.SUFFIX` beside `target`.

    For encoders, which write to a named file and choose the format by its suffix. When the work is done, the caller
    gives the new file the name `target` with `Path.replace`.

    Raises:
        FileExistsError: there is such a file; it is left as it is.
        OSError: the folder cannot be written.
    """
    return _create_first(iter([_part_name(target)]))


def create_numbered_part(target: Path) -> tuple[Path, Path]:
    """Create the part file of `target`, or of `STEM-2.SUFFIX` and so on where a name exists or has a part file.

    So two programs that write the same file at the same time get two names.

    Returns:
        The name that is free, and its empty part file. When the work is done, `rename_part` gives it that name.

    Raises:
        OSError: the folder cannot be written.
    """
    for path in _numbered(target):
        if os.path.lexists(path):
            continue
        with contextlib.suppress(FileExistsError):
            part = create_part_file(path)
            if not os.path.lexists(path):
                return path, part
            part.unlink()  # another program has finished that file in between
    raise AssertionError("numbers do not end")


def rename_part(part: Path, target: Path) -> Path:
    """Rename `part` to `target`, or to `STEM-2.SUFFIX` and so on where that exists by now; replace no file.

    Returns:
        The new name.

    Raises:
        OSError: `part` is gone, or the folder cannot be written.
    """
    path = _create_first(_numbered(target))
    try:
        return part.replace(path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def check_writable(path: Path) -> None:
    """Check that `write_json` and `write_bytes` can write `path`. Leaves no trace.

    Raises:
        UsageError: it is a folder, or its folder is missing or cannot be written.
    """
    if path.is_dir():
        raise UsageError(Message("{path} is a folder; name a file", path=path))
    try:
        trial = _hidden_neighbor(resolve_target(path))
        trial.open("xb").close()
    except OSError as error:
        raise UsageError(
            Message(
                "{path} cannot be written: {reason}; choose another place", path=path, reason=error.strerror or error
            )
        ) from error
    trial.unlink()


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` as indented JSON, whole or not at all.

    Raises:
        OSError: the folder is missing or cannot be written, or the disk is full.
    """
    write_bytes(path, (json.dumps(value, indent=2) + "\n").encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all.

    Raises:
        OSError: the folder is missing or cannot be written, or the disk is full.
    """
    with atomic_file(path) as file:
        file.write(data)


def write_private(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all, readable by the user alone from the first moment.

    Raises:
        OSError: the folder is missing or cannot be written, or the disk is full.
    """
    with contextlib.suppress(FileNotFoundError):
        path.chmod(0o600)
    with atomic_file(path, mode=0o600) as file:
        file.write(data)


@contextlib.contextmanager
def atomic_file(path: Path, mode: int = 0o666) -> Iterator[IO[bytes]]:
    """Open a hidden file to write to, which is renamed to `path` if the block succeeds and removed if it fails.

    A new file has the permissions `mode` less the user's umask; an existing one keeps its own. Where `path` is a
    symbolic link, the file behind the link is replaced.

    Raises:
        OSError: the folder is missing or cannot be written, the disk is full, or `path` is a device or a pipe.
    """
    target = resolve_target(path)
    part = _hidden_neighbor(target)
    with contextlib.suppress(FileNotFoundError):
        mode &= stat.S_IMODE(target.stat().st_mode)  # what others may not read, they may not read meanwhile either
    try:
        with open(part, "x+b", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            yield file
        with contextlib.suppress(FileNotFoundError):
            part.chmod(stat.S_IMODE(target.stat().st_mode))
        part.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def resolve_target(path: Path) -> Path:
    """Return the file that writing `path` would change: the one behind a symbolic link, else `path` itself.

    Raises:
        OSError: it is a device or a pipe, which a file must not replace, or the links form a circle.
    """
    try:
        target = path.resolve() if path.is_symlink() else path
    except RuntimeError as error:  # a circle, before Python 3.13
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from error
    if target.is_symlink():  # a circle, from Python 3.13 on
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    if target.exists() and not target.is_file() and not target.is_dir():
        raise OSError(errno.EINVAL, "it is not a regular file")
    return target


def _part_name(target: Path) -> Path:
    return target.with_name(f"{target.stem}.part{target.suffix}")


def _numbered(path: Path) -> Iterator[Path]:
    """Yield `path`, then `STEM-2.SUFFIX` and so on."""
    yield path
    for number in itertools.count(2):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")


def _create_first(paths: Iterator[Path]) -> Path:
    """Create the first of `paths` that does not exist; raises FileExistsError if all do."""
    for path in paths:
        with contextlib.suppress(FileExistsError):
            path.open("xb").close()
            return path
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _hidden_neighbor(path: Path) -> Path:
    """Return an unused hidden name in the folder of `path`, without a suffix that any program looks for."""
    return path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}")
