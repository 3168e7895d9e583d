"""Change one thing in the configuration file; comments and everything else stay as they are."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stylecam.errors import UsageError
from stylecam.live.config.file import unreadable
from stylecam.live.config.toml_lines import Keys, with_value
from stylecam.utils.files import write_bytes, write_private
from stylecam.utils.options import Value

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Tables = dict[str, Any]
"""What a TOML file says."""
_BOM = "\ufeff"
_WRITABLE = 0o222


def set_value(
    path: Path,
    beginning: str,
    keys: Keys,
    value: Value,
    written: str,
    check: Callable[[str], None],
    *,
    secret: bool = False,
) -> None:
    """Set the value at `keys` of the file `path`, which is written whole or not at all.

    Args:
        path: the configuration file.
        beginning: the text of a new file.
        keys: the table, or tables, and the key.
        value: the new value.
        written: the same in TOML, on one line.
        check: raises `ConfigError` for a text that is no valid configuration.
        secret: only the user may read the file from then on. A new file is always private.

    Raises:
        ConfigError, UsageError: as for `change`.
    """
    change(
        path,
        beginning,
        lambda text: with_value(text, keys[:-1], keys[-1], written),
        lambda tables: _set(tables, keys, value),
        check,
        what=".".join(keys),
        secret=secret,
    )


def change(
    path: Path,
    beginning: str,
    edit: Callable[[str], str],
    expected: Callable[[Tables], bool],
    check: Callable[[str], None],
    *,
    what: str,
    secret: bool = False,
) -> None:
    """Change the text of the file `path`, which is written whole or not at all.

    Args:
        path: the configuration file.
        beginning: the text of a new file.
        edit: returns the changed text; its line ends are line feeds.
        expected: makes the same change in the tables that were read; False where it cannot be made there.
        check: raises `ConfigError` for a text that is no valid configuration.
        what: the name of what is changed, for messages.
        secret: only the user may read the file from then on. A new file is always private.

    Raises:
        ConfigError: the file was wrong before, or would be wrong then; it is unchanged.
        UsageError: the file cannot be read or written, or has `what` in a form that only an editor can change.
    """
    try:
        exists = path.exists()
        text = path.read_bytes().decode() if exists else beginning
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error
    plain = text.removeprefix(_BOM).replace("\r\n", "\n")
    check(plain)
    tables = tomllib.loads(plain)
    changed = edit(plain)
    if not expected(tables) or _read(changed) != tables:
        raise UsageError(f"{path} has {what} in a form that is not changed here; use: stylecam config edit")
    check(changed)
    if "\r\n" in text:
        changed = changed.replace("\n", "\r\n")
    data = (_BOM * text.startswith(_BOM) + changed).encode()
    try:
        if exists and not path.stat().st_mode & _WRITABLE:  # else its folder alone would decide
            raise PermissionError(errno.EACCES, "it is read-only")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, data) if exists and not secret else write_private(path, data)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error


def _set(tables: Tables, keys: Keys, value: Value) -> bool:
    """Set the value at `keys` of `tables`; return False where something other than a table is on the way."""
    table: Any = tables
    for name in keys[:-1]:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            return False
    table[keys[-1]] = value
    return True


def _read(text: str) -> Tables | None:
    try:
        read: Tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    return read
