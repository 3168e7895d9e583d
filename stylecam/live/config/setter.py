"""Set one value of the configuration file; comments and everything else stay as they are."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stylecam.errors import ConfigError, UsageError
from stylecam.live.config.toml_lines import Keys, with_value
from stylecam.utils.files import write_bytes, write_private
from stylecam.utils.options import Value

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_BOM = "\ufeff"


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
        ConfigError: the file was wrong before, or would be wrong then; it is unchanged.
        UsageError: the file cannot be read or written, or has this value in a form that only an editor can change.
    """
    try:
        exists = path.exists()
        text = path.read_bytes().decode() if exists else beginning
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    plain = text.removeprefix(_BOM).replace("\r\n", "\n")
    check(plain)
    changed = with_value(plain, keys[:-1], keys[-1], written)
    expected = _expected(tomllib.loads(plain), keys, value)
    if expected is None or _read(changed) != expected:
        raise UsageError(f"{path} has {'.'.join(keys)} in a form that is not changed here; use: stylecam config edit")
    check(changed)
    if "\r\n" in text:
        changed = changed.replace("\n", "\r\n")
    data = (_BOM * text.startswith(_BOM) + changed).encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, data) if exists and not secret else write_private(path, data)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error


def _read(text: str) -> dict[str, Any] | None:
    try:
        read: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    return read


def _expected(tables: dict[str, Any], keys: Keys, value: Value) -> dict[str, Any] | None:
    """Return `tables` with `value` at `keys`; None where something other than a table is on the way."""
    expected: dict[str, Any] = copy.deepcopy(tables)
    table: Any = expected
    for name in keys[:-1]:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            return None
    table[keys[-1]] = value
    return expected
