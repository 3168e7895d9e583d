"""Read the configuration file: defaults for `stylecam run`, hotkeys, presets and OBS scenes.

[run]                       # any long option of `stylecam run`, with _ for -
style = "great_wave"
output = ["virtual", "window"]

[hotkeys]                   # command = "combination"; an empty one removes it
next = "ctrl+alt+right"
"preset:calm" = "ctrl+alt+c"

[presets.calm]              # a look with a name; what is left out stays as it is
style = "water_lilies"
strength = 0.7
preserve_color = true

[scenes]                    # OBS scene = style or preset
"Just chatting" = "calm"
"Game" = "none"

[server]
listen = "127.0.0.1:8765"

[panic]
picture = "~/Pictures/back-soon.png"

The keys of [run], [server], [panic], [obs] and of presets follow from the declared options. They are checked here
and not by a validation library, which could not name the line of a wrong value.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stylecam.errors import ConfigError, StylecamError, UsageError
from stylecam.live.config.toml_lines import Keys, key_lines
from stylecam.live.config.toml_mistakes import mistake_in
from stylecam.live.settings import Settings
from stylecam.models.catalog import is_style_file
from stylecam.stylize.look import Look, Preset, check_preset_name
from stylecam.stylize.room import Room
from stylecam.utils.options import Option, Value, options_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PRESET_OPTIONS = {each.name: each for each in (*options_of(Settings), *options_of(Look)) if each.preset}
"""The options that a preset may set, by key."""


@dataclass(frozen=True, slots=True)
class Config:
    """The content of the configuration file.

    Attributes:
        path: the file; None where there is none.
        run: option to value, from whichever table.
        hotkeys: command to key combination.
        presets: name to look.
        scenes: OBS scene to style or preset.
        places: option to the table and key that set it.
        lines: table and key to line.
    """

    path: Path | None = None
    run: dict[str, Value] = field(default_factory=dict)
    hotkeys: dict[str, str] = field(default_factory=dict)
    presets: dict[str, Preset] = field(default_factory=dict)
    scenes: dict[str, str] = field(default_factory=dict)
    places: dict[str, Keys] = field(default_factory=dict)
    lines: Mapping[Keys, int] = field(default_factory=dict)

    def line(self, keys: Keys) -> int | None:
        """Return the line of a key, or of the inline table that holds it; None if it is unknown."""
        return next((self.lines[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in self.lines), None)

    def place(self, keys: Keys) -> str:
        """Return file and line of a key, for messages."""
        line = self.line(keys)
        return str(self.path) if line is None else f"{self.path}, line {line}"

    def error(self, keys: Keys, message: str) -> ConfigError:
        """Make an error about the value at `keys`: `message` with file, line and key in front."""
        key = f" {keys[-1]}" if len(keys) > 1 else ""
        return ConfigError(f"{self.place(keys)}: [{'.'.join(keys[:-1] or keys)}]{key}: {message}")

    def check_styles(self, parse: Callable[[str], object]) -> None:
        """Check that the styles named in [run], presets and scenes exist; `parse` is that of the catalog.

        Raises:
            ConfigError: for the first style that does not.
        """
        named: dict[Keys, str | None] = {
            ("presets", name, "style"): preset.get("style") for name, preset in self.presets.items()
        }
        named |= {
            ("presets", name, "room"): Room.parse(preset["room"]).style
            for name, preset in self.presets.items()
            if "room" in preset
        }
        if "room" in self.run:
            named[self.places["room"]] = Room.parse(str(self.run["room"])).style
        named |= {("scenes", scene): style for scene, style in self.scenes.items() if style not in self.presets}
        first = str(self.run.get("style", ""))
        if first and not is_style_file(first):  # a file is read when it is used
            named = {self.places["style"]: first, **named}
        for keys, style in named.items():
            if style is None:
                continue
            try:
                parse(style)
            except StylecamError as error:
                presets = f"; of presets there are {', '.join(self.presets)}" if self.presets else ""
                raise self.error(keys, f"{error}{presets if keys[0] == 'scenes' else ''}") from error


def load(path: Path, options: Iterable[Option]) -> Config:
    """Read `path`; an empty configuration when there is no such file.

    Args:
        path: the TOML file.
        options: the options that it may set.

    Raises:
        ConfigError: the file is unreadable, is not TOML, or has an unknown table or key or a wrong value; the message
            names the line.
    """
    try:
        text = path.read_text("utf-8-sig")  # Windows editors write a byte order mark
    except FileNotFoundError:
        return Config()
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error
    return parse(text, path, options)


def unreadable(path: Path, error: OSError | UnicodeDecodeError) -> ConfigError:
    """Make the error that says why `path` cannot be read, and what to do."""
    if isinstance(error, UnicodeDecodeError):
        return ConfigError(f"{path} is no UTF-8 text; save it as UTF-8, or delete it and run: stylecam config init")
    return ConfigError(
        f"{path} cannot be read: {error.strerror or error}; make it a file that you may read, or move it"
    )


def parse(text: str, path: Path, options: Iterable[Option]) -> Config:
    """Parse the `text` of a configuration file called `path`; raises as `load`."""
    try:
        tables = tomllib.loads(text)
        lines = key_lines(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}{mistake_in(text, str(error)) or f': {error}'}") from error
    return _ConfigReader(Config(path, lines=lines), tables, {option.name: option for option in options}).read()


class _ConfigReader:
    """Checks the tables and fills `config` from them."""

    def __init__(self, config: Config, tables: dict[str, Any], options: dict[str, Option]) -> None:
        self._config, self._tables, self._options = config, tables, options

    def read(self) -> Config:
        config = self._config
        small: dict[str, dict[str, str]] = {}
        for option in self._options.values():
            table, key = option.place
            if table != "run":
                small.setdefault(table, {})[key] = option.name
        allowed = ("run", "hotkeys", "presets", "scenes", *small)
        for name, value in self._tables.items():
            if name not in allowed and not isinstance(value, dict):
                where = config.place((name,))
                raise ConfigError(f"{where}: {name} stands in no table; write [run] on a line of its own above it")
        self._check_names((), self._tables, allowed)
        self._read_options(("run",), {name: name for name in self._options})
        for table, names in small.items():
            self._read_options((table,), names)
        config.hotkeys.update(self._texts("hotkeys", 'a text like "ctrl+alt+n"'))
        config.scenes.update(self._texts("scenes", "the name of a style or preset"))
        for name, table in self._table(("presets",)).items():
            config.presets[name] = self._preset(name, table)
        return config

    def _read_options(self, table: Keys, names: Mapping[str, str]) -> None:
        """Read a table whose keys set options; `names` maps a key to the option's name."""
        values = self._table(table)
        self._check_names(table, values, names)
        for key, value in values.items():
            option, keys = self._options[names[key]], (*table, key)
            if not option.accepts(value):
                raise self._config.error(keys, f"must be {option.expected}")
            if option.name in self._config.places:
                other = self._config.places[option.name]
                raise self._config.error(keys, f"is set by [{other[0]}] {other[1]} as well; remove one of them")
            self._config.run[option.name] = value
            self._config.places[option.name] = keys

    def _preset(self, name: str, value: object) -> Preset:
        keys = ("presets", name)
        if not isinstance(value, dict):
            raise self._config.error(keys, f"must be a table; write [presets.{name}] on a line of its own")
        try:
            check_preset_name(name)
        except UsageError as error:
            raise self._config.error(keys, str(error)) from error
        self._check_names(keys, value, PRESET_OPTIONS)
        if not value:
            raise self._config.error(keys, f"sets nothing; it can set {', '.join(PRESET_OPTIONS)}")
        preset = {}
        for key, entry in value.items():
            option = PRESET_OPTIONS[key]
            is_text = isinstance(entry, str) or option.kind != "text"
            if is_text and option.accepts(entry):
                try:
                    preset[key] = option.written(option.read(entry))
                except UsageError as error:
                    raise self._config.error((*keys, key), str(error)) from error
            if key not in preset or not option.in_range(preset[key]):
                raise self._config.error((*keys, key), f"must be {option.expected}")
        return preset

    def _texts(self, table: str, expected: str) -> dict[str, str]:
        values = self._table((table,))
        for key, value in values.items():
            if not isinstance(value, str):
                raise self._config.error((table, key), f"must be {expected}")
        return values

    def _table(self, keys: Keys) -> dict[str, Any]:
        table = self._tables.get(keys[0], {})
        if not isinstance(table, dict):
            raise self._config.error(keys, f"{keys[0]} must be a table; write [{keys[0]}] on a line of its own")
        return table

    def _check_names(self, table: Keys, names: Iterable[str], allowed: Collection[str]) -> None:
        for name in names:
            if name not in allowed:
                near = difflib.get_close_matches(name, allowed, 1)
                hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(allowed)}"
                kind = "such key" if table else "such table"
                raise self._config.error((*table, name), f"there is no {kind}; {hint}")
