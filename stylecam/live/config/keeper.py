"""Keep what the user changes while stylecam runs, presets and favorites, in the configuration file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylecam.control.command import Command
from stylecam.control.command_queue import CommandQueue
from stylecam.control.state import LiveState
from stylecam.errors import CommandRefusedError, UsageError
from stylecam.live.config.file import PRESET_OPTIONS
from stylecam.live.config.setter import Tables, change, set_value
from stylecam.live.config.template import toml
from stylecam.live.config.toml_lines import with_table_name, with_value, without_table
from stylecam.stylize.look import Preset
from stylecam.utils.message import Message

MAX_PRESETS = 100
"""Whoever controls stylecam may add presets; the file shall not grow without end."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The configuration file of a run, as the run may change it.

    Attributes:
        path: the file, which need not exist.
        beginning: returns the text of a new file.
        check: raises `ConfigError` for a text that is no valid configuration.
    """

    path: Path
    beginning: Callable[[], str]
    check: Callable[[str], None]


class ConfigKeeper:
    """Carries out the commands that change presets and favorites: first in the file, then in the run.

    Only the main thread calls it, as it does a reload.
    """

    def __init__(
        self,
        file: ConfigFile | None,
        control: CommandQueue,
        kept: Callable[[Mapping[str, Any]], None],
        changed: Callable[[], None],
    ) -> None:
        """Keep in `file`, None where there is none, what `control` has.

        `kept` is called with the settings that the file and the run have from now on, and `changed` after it.
        """
        self._file, self._control = file, control
        self._kept, self._changed = kept, changed
        self._work: Mapping[str, Callable[..., None]] = {
            "save_preset": self._save_preset,
            "rename_preset": self._rename_preset,
            "delete_preset": self._delete_preset,
            "favorite": self._favorite,
        }

    @property
    def actions(self) -> frozenset[str]:
        """The names of the actions that `carry_out` knows."""
        return frozenset(self._work)

    def carry_out(self, command: Command) -> None:
        """Carry out a command.

        Raises:
            StylecamError: it is refused, or the file cannot be changed; neither file nor run is then.
        """
        self._work[command.action](**command.arguments)

    def _save_preset(self, name: str) -> None:
        presets = dict(self._control.presets)
        if name not in presets and len(presets) >= MAX_PRESETS:
            raise UsageError(
                Message("there are {most} presets, which is the most there can be; delete one first", most=MAX_PRESETS)
            )
        preset = preset_of(self._control.state)

        def edit(text: str) -> str:
            for key, value in preset.items():
                text = with_value(text, ("presets", name), key, toml(value))
            return text

        self._change(edit, lambda tables: _into(tables, name, preset), f"presets.{name}")
        self._keep_presets({**presets, name: {**presets.get(name, {}), **preset}})

    def _rename_preset(self, name: str, new_name: str) -> None:
        presets = self._control.presets

        def expected(tables: Tables) -> bool:
            _check_unused(name, tables)
            kept = tables.get("presets", {})
            return name in kept and new_name not in kept and _into(tables, new_name, kept.pop(name))

        self._change(lambda text: with_table_name(text, ("presets", name), new_name), expected, f"presets.{name}")
        self._keep_presets({new_name if each == name else each: preset for each, preset in presets.items()})

    def _delete_preset(self, name: str) -> None:
        def expected(tables: Tables) -> bool:
            _check_unused(name, tables)
            kept = tables.get("presets", {})
            present = kept.pop(name, None) is not None
            if not kept:
                tables.pop("presets", None)
            return present

        self._change(lambda text: without_table(text, ("presets", name)), expected, f"presets.{name}")
        self._keep_presets({each: preset for each, preset in self._control.presets.items() if each != name})

    def _favorite(self, style: str, on: bool | None = None) -> None:
        before = self._control.favorites
        if on is (style in before):
            return
        favorites = tuple(each for each in before if each != style) if style in before else (*before, style)
        file, value = self._required_file(), list(favorites)
        set_value(file.path, file.beginning(), ("run", "favorite"), value, toml(value), file.check)
        self._control.favorites = favorites
        self._kept({"favorites": favorites})
        self._changed()

    def _keep_presets(self, presets: Mapping[str, Preset]) -> None:
        self._control.presets = presets
        self._kept({"presets": presets})
        self._changed()

    def _change(self, edit: Callable[[str], str], expected: Callable[[Tables], bool], what: str) -> None:
        file = self._required_file()
        change(file.path, file.beginning(), edit, expected, file.check, what=what)

    def _required_file(self) -> ConfigFile:
        if self._file is None:
            raise CommandRefusedError("there is no configuration file to keep it in; start with: stylecam run")
        return self._file


def preset_of(state: LiveState) -> dict[str, Any]:
    """Return the look of `state` as a preset, with everything that a preset can set."""
    look = state.look
    return {
        name: look.label if name == "style" else option.written(getattr(look, option.attribute))
        for name, option in PRESET_OPTIONS.items()
    }


def _into(tables: Tables, name: str, preset: Preset) -> bool:
    """Add `preset` to `tables`; return False where something other than a table is in the way."""
    presets = tables.setdefault("presets", {})
    table = presets.setdefault(name, {}) if isinstance(presets, dict) else None
    if not isinstance(table, dict):
        return False
    table.update(preset)
    return True


def _check_unused(name: str, tables: Tables) -> None:
    """Check that no scene and no hotkey of the file chooses the preset `name`."""
    for scene, look in tables.get("scenes", {}).items():
        if look == name:
            raise UsageError(
                Message(
                    "{user} chooses the preset {name}; change that in the configuration file first",
                    user=Message("the scene {scene}", scene=scene),
                    name=name,
                )
            )
    if keys := tables.get("hotkeys", {}).get(f"preset:{name}"):
        raise UsageError(
            Message(
                "{user} chooses the preset {name}; change that in the configuration file first",
                user=Message("the hotkey {keys}", keys=keys),
                name=name,
            )
        )
