"""The configuration file: defaults for `stylecam run`, and hotkeys.

[run]                       # any long option of `stylecam run`, with _ for -
style = "great_wave"
output = ["virtual", "window"]

[hotkeys]                   # order = "combination"; an empty one removes it
next = "ctrl+alt+right"
"select:1" = "ctrl+alt+1"
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from stylecam.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Value = str | int | float | bool | list[str]


@dataclass(frozen=True, slots=True)
class Config:
    """What the file says. Values are checked where flags are checked; here only names and kinds."""

    run: dict[str, Value] = field(default_factory=dict)
    hotkeys: dict[str, str] = field(default_factory=dict)


def default_path() -> Path:
    """Where the file lies on this system (`~/.config/stylecam/config.toml` on Linux)."""
    return platformdirs.user_config_path("stylecam", appauthor=False) / "config.toml"


def user_styles() -> Path:
    """Where the user's own styles lie on this system (`~/.local/share/stylecam/styles` on Linux)."""
    return platformdirs.user_data_path("stylecam", appauthor=False) / "styles"


def load(path: Path, options: Collection[str]) -> Config:
    """Read `path`; an empty configuration when there is no such file.

    Args:
        path: the TOML file.
        options: the names allowed under `[run]`.

    Raises:
        ConfigError: unreadable, not TOML (with the line), or an unknown table, key or kind of value.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return Config()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from error
    _check_names(path, "table", tables, ("run", "hotkeys"))
    run, hotkeys = _table(path, tables, "run"), _table(path, tables, "hotkeys")
    _check_names(path, "[run]", run, options)
    for key, value in run.items():
        plain = isinstance(value, str | int | float | bool)
        if not plain and not (isinstance(value, list) and all(isinstance(v, str) for v in value)):
            raise ConfigError(f"{path}: [run] {key} must be a text, a number, true or false, or a list of texts")
    for key, value in hotkeys.items():
        if not isinstance(value, str):
            raise ConfigError(f'{path}: [hotkeys] {key} must be a text like "ctrl+alt+n"')
    return Config(run, hotkeys)


def _table(path: Path, tables: dict[str, Any], name: str) -> dict[str, Any]:
    table = tables.get(name, {})
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: {name} must be a table; write [{name}] on a line of its own")
    return table


def _check_names(path: Path, where: str, given: Collection[str], allowed: Collection[str]) -> None:
    for name in given:
        if name not in allowed:
            near = difflib.get_close_matches(name, allowed, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(allowed)}"
            raise ConfigError(f"{path}: {where} has no {name!r}; {hint}")
