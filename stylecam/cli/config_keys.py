"""The keys of `stylecam config set` and `get`: which setting they name, and the values that they take."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from stylecam.cli.declared import declared_flags, declared_options
from stylecam.cli.run import command as run_command
from stylecam.cli.suggestions import nearest
from stylecam.errors import UsageError
from stylecam.live.config.file import PRESET_OPTIONS, Config
from stylecam.live.config.toml_lines import Keys
from stylecam.stylize.room import Room
from stylecam.utils.options import Option, Value

_TRUE, _FALSE = ("true", "on", "yes", "1"), ("false", "off", "no", "0")


@dataclass(frozen=True, slots=True)
class Setting:
    """What a key names.

    Attributes:
        keys: the tables and the key under which a new file has it.
        option: the option; None for a hotkey or a scene, which is a text.
    """

    keys: Keys
    option: Option | None

    @classmethod
    def parse(cls, text: str) -> Setting:
        """Read `fps`, `--fps`, `run.fps`, `server.listen`, `hotkeys.next`, `scenes.Game` or `presets.calm.strength`.

        Raises:
            UsageError: there is no such setting; the message has the nearest ones.
        """
        options = {option.name: option for option in declared_options(run_command)}
        places = {".".join(option.place): option for option in options.values()}
        name = text.strip().removeprefix("--").replace("-", "_")
        option = options.get(name.removeprefix("run.")) or places.get(name)
        if option is not None:
            return cls(option.place, option)
        table, _, rest = text.strip().partition(".")
        if table in ("hotkeys", "scenes") and rest:
            return cls((table, rest), None)
        preset, _, key = rest.rpartition(".")
        if table == "presets" and preset and key in PRESET_OPTIONS:
            return cls((table, preset, key), PRESET_OPTIONS[key])
        near = nearest(name, [*options, *places])
        hint = f"did you mean {' or '.join(near)}?" if near else "stylecam config list shows them all"
        raise UsageError(f"there is no setting {text[:60]!r}; {hint}")

    def place(self, config: Config) -> Keys:
        """Return the tables and the key under which `config` has it, or would have it."""
        run = self.option is not None and self.keys[0] != "presets"
        return config.places.get(self.option.name, self.keys) if run and self.option is not None else self.keys

    def read(self, texts: Sequence[str]) -> Value:
        """Return the value that was typed as `texts`, as a TOML file holds it.

        Raises:
            UsageError: it is of another kind, or several were typed where there is one.
        """
        option = self.option
        if option is not None and option.kind == "texts":
            return list(texts)
        if len(texts) != 1:
            raise UsageError(f"{self.keys[-1]} has one value; put it in quotes if it has spaces")
        (text,) = texts
        if option is None:
            return text
        value = _typed(option, text)
        if value is None:
            raise UsageError(f"{option.flag} {text[:60]!r} must be {option.expected}")
        return value


def _typed(option: Option, text: str) -> Value | None:
    """Return `text` as the kind of `option` has it; None if it is of another kind."""
    word = text.strip().lower()
    if option.kind == "flag":
        return True if word in _TRUE else False if word in _FALSE else None
    if option.kind in ("number", "whole number") and word != option.word:
        if option.is_share and word.endswith("%"):
            return float(option.read(text))
        if re.fullmatch(r"[+-]?\d{1,15}", word):
            return int(word)
        try:
            return None if option.kind == "whole number" else float(word)
        except ValueError:
            return None
    if option.kind == "choice":
        return word if word in option.choices else None
    if option.name == "room":
        return str(Room.parse(text))  # stylecam may be started in another folder
    if option.kind == "path" and not text.startswith("~"):
        return str(Path(text).absolute())  # stylecam may be started in another folder
    return text


def complete_key(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the settings that start with `incomplete`."""
    options = declared_options(run_command)
    return [CompletionItem(one.name, help=one.help) for one in options if one.name.startswith(incomplete)]


def complete_value(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the values of the setting that was named, which start with `incomplete`."""
    try:
        option = Setting.parse(str(context.params.get("key"))).option
    except UsageError:
        return []
    if option is None:
        return []
    if option.kind == "flag":
        return [CompletionItem(word) for word in ("true", "false") if word.startswith(incomplete)]
    flag = declared_flags(run_command).get(option.name)
    return [] if flag is None else flag.shell_complete(context, incomplete)
