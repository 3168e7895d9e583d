"""Map keys to commands: plain keys, global hotkeys, and which key events count as a press.

Everything here works on key names and times in seconds. It opens no keyboard and reads no clock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from stylecam.control.actions import ACTIONS
from stylecam.control.command import Command
from stylecam.errors import UsageError
from stylecam.utils.message import Message, joined

MODIFIERS = ("ctrl", "alt", "shift", "cmd")
_ALIASES = {
    "control": "ctrl", "option": "alt", "super": "cmd", "win": "cmd", "meta": "cmd",
    "pgup": "page_up", "pageup": "page_up", "pgdn": "page_down", "pagedown": "page_down",
    "return": "enter", "escape": "esc", "plus": "+", "minus": "-",
}  # fmt: skip
_NAMED = frozenset({
    "page_up", "page_down", "up", "down", "left", "right", "home", "end", "insert", "delete", "space", "tab", "enter",
    "esc", "backspace", "pause", "print_screen", "media_next", "media_previous", "media_play_pause",
    *(f"f{i}" for i in range(1, 25)),
})  # fmt: skip

_TYPING = frozenset({"space", "tab", "enter", "backspace", "delete", "up", "down", "left", "right", "home", "end"})
_UNSHIFTED = dict(zip("!@#$%^&*()", "1234567890", strict=True)) | dict(zip("&é\"'(-è_çà", "1234567890", strict=True))
"""The digit of a key that produces another character: with Shift on a US keyboard, without Shift on a French one."""

DEBOUNCE_S = 0.2
"""A combination pressed twice within this time counts once."""
AUTOREPEAT_S = 0.03
"""A key released and pressed again within this time is the keyboard's automatic repeat, not a second press."""
FORGET_S = 5.0
"""After this long without any key event, all modifiers count as released: Alt+Tab and a screen lock hide releases."""


@dataclass(frozen=True, slots=True)
class KeyCombination:
    """One key and exactly the modifiers that must be held with it.

    `key` is one lower-case character, or the name of a key such as `page_up`.
    """

    modifiers: frozenset[str]
    key: str

    @classmethod
    def parse(cls, text: str) -> KeyCombination:
        """Parse `ctrl+alt+n`, `ctrl+shift+f9` or `pause`.

        Raises:
            UsageError: the key is unknown, or it is a plain letter, which would fire while the user types.
        """
        parts = [_ALIASES.get(part, part) for part in re.split(r"\+(?!$)", text.strip().lower().replace(" ", ""))]
        *modifiers, key = parts
        unknown = [part for part in modifiers if part not in MODIFIERS]
        if unknown or (len(key) != 1 and key not in _NAMED):
            raise UsageError(f"hotkey {text!r}: {(unknown or [key])[0]!r} is not a key; write for example ctrl+alt+n")
        if (len(key) == 1 or key in _TYPING) and not set(modifiers) - {"shift"}:
            raise UsageError(f"hotkey {text!r} would fire while typing; add ctrl, alt or cmd")
        return cls(frozenset(modifiers), key)

    def __str__(self) -> str:
        return "+".join([m for m in MODIFIERS if m in self.modifiers] + [self.key])


Bindings = dict[KeyCombination, Command]


def default_hotkeys() -> dict[str, str]:
    """Return command to combination: the hotkeys of the actions, and ctrl+alt+1 to 9 for the first styles."""
    hotkeys = {action.name: action.hotkey for action in ACTIONS.values() if action.hotkey}
    return hotkeys | {f"select:{number}": f"ctrl+alt+{number}" for number in range(1, 10)}


def bind(changes: Mapping[str, str]) -> Bindings:
    """Return the default hotkeys with `changes` applied.

    Args:
        changes: command to combination, as written in the configuration file; an empty combination removes a hotkey.

    Raises:
        UsageError: a command or key is unknown, or one combination stands for two commands.
    """
    bindings: Bindings = {}
    for name, text in (default_hotkeys() | dict(changes)).items():
        command = Command.parse(name)
        if not text.strip():
            continue
        combination = KeyCombination.parse(text)
        if combination in bindings:
            raise UsageError(
                f"hotkey {combination} is set for both {bindings[combination]} and {command}; change one of them"
            )
        bindings[combination] = command
    return bindings


HELP_KEYS = "?hH"
"""The plain keys that show all keys."""


def command_for_key(key: str) -> Command | None:
    """Return the command of a plain key in the terminal or the preview window, or None.

    A digit from 1 to 9 selects a style. `=` counts as `+` and `_` as `-`, so Shift does not matter.
    """
    if len(key) == 1 and key in "123456789":
        return Command.from_json("select", {"style": key})
    key = {"=": "+", "_": "-"}.get(key, key.lower())
    return next((Command(action.name) for action in ACTIONS.values() if action.key == key), None)


def keys_table(bindings: Bindings) -> str:
    """Return what each key does, one to a line: the plain keys of the terminal, and the global hotkeys `bindings`."""
    everywhere = {str(command): str(combination) for combination, command in bindings.items()}
    plain = {action.name: action.key for action in ACTIONS.values() if action.key}
    styles = [name for name in everywhere if name in {f"select:{number}" for number in range(1, 10)}]
    rows: list[tuple[str, str, str]] = [
        (plain.get(name, ""), everywhere.pop(name, ""), Message(ACTIONS[name].help)) for name in plain
    ]
    numbers = [everywhere.pop(name) for name in styles]
    rows.append(("1-9", " – ".join(dict.fromkeys([*numbers[:1], *numbers[-1:]])), Message("a style by its number")))
    rows += [("", keys, name) for name, keys in everywhere.items()]
    rows.append(("? h", "", Message("these keys")))
    width = max(len(keys) for _, keys, _ in rows)
    return joined((joined((f"{key:>5}", f"{keys:<{width}}", text), "  ") for key, keys, text in rows), "\n")


class KeyMatcher:
    """Follows key presses and releases and reports when a bound combination was pressed. Not thread-safe."""

    def __init__(self, bindings: Mapping[KeyCombination, Command]) -> None:
        self._bindings = bindings
        self._modifiers: set[str] = set()
        self._down: set[str] = set()
        self._released_at: dict[str, float] = {}
        self._fired_at: dict[KeyCombination, float] = {}
        self._last_event_at = float("-inf")

    def press(self, key: str, now: float) -> Command | None:
        """Record that `key` went down at `now` (s).

        Args:
            key: the name of the key; modifiers come as `ctrl_l`, `shift_r` and so on. `alt_gr` is a modifier that no
                combination contains.
            now: the time of the event, in seconds.

        Returns:
            The command bound to this key with exactly the modifiers that are held, or None.
        """
        self._release_all_after_pause(now)
        if _modifier(key) is not None:
            self._modifiers.add(key)
            return None
        repeating = key in self._down or now - self._released_at.get(key, float("-inf")) < AUTOREPEAT_S
        self._down.add(key)
        combination = self._bound(frozenset(_modifier(name) or name for name in self._modifiers), key)
        if combination is None or repeating or now - self._fired_at.get(combination, float("-inf")) < DEBOUNCE_S:
            return None
        self._fired_at[combination] = now
        return self._bindings[combination]

    def release(self, key: str, now: float) -> None:
        """Record that `key` went up at `now` (s)."""
        self._release_all_after_pause(now)
        self._modifiers.discard(key)
        if _modifier(key) is None and key not in self._down:
            self._down.clear()  # a modifier pressed in between has changed the key's name
        self._down.discard(key)
        self._released_at[key] = now

    def _bound(self, modifiers: frozenset[str], key: str) -> KeyCombination | None:
        for name in (key, _UNSHIFTED.get(key)):
            if name is not None and (combination := KeyCombination(modifiers, name)) in self._bindings:
                return combination
        return None

    def _release_all_after_pause(self, now: float) -> None:
        if now - self._last_event_at > FORGET_S:
            self._modifiers.clear()
            self._down.clear()
        self._last_event_at = now


def _modifier(key: str) -> str | None:
    """Return `ctrl` for `ctrl_l`, `ctrl_r` and `ctrl`; None for a key that is not a modifier."""
    name = key.removesuffix("_l").removesuffix("_r")
    return name if name in MODIFIERS else "alt_gr" if key == "alt_gr" else None
