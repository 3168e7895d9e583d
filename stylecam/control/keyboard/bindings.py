"""Key combinations: reading them, and telling a wanted press from everything else that happens on a keyboard.

Pure: keys come in as names, times as numbers, so a test can type anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from stylecam.control.actions import ACTIONS, Command
from stylecam.errors import UsageError

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
"""The digit on a key that gives something else: with Shift on a US keyboard, without on a French one."""

DEBOUNCE_S = 0.2
AUTOREPEAT_S = 0.03
"""A release and press of the same key within this time is the keyboard repeating, not a finger."""
FORGET_S = 5.0
"""After this long without any key, modifiers are taken as released: Alt+Tab and screen locks eat releases."""


@dataclass(frozen=True, slots=True)
class KeyCombination:
    """One key with exactly these modifiers."""

    modifiers: frozenset[str]
    key: str

    @classmethod
    def parse(cls, text: str) -> KeyCombination:
        """Read `ctrl+alt+n`, `ctrl+shift+f9`, `pause`.

        Raises:
            UsageError: unknown key, or a plain letter, which would fire while one types.
        """
        parts = [_ALIASES.get(part, part) for part in re.split(r"\+(?!$)", text.strip().lower().replace(" ", ""))]
        *modifiers, key = parts
        wrong = [part for part in modifiers if part not in MODIFIERS]
        if wrong or (len(key) != 1 and key not in _NAMED):
            raise UsageError(
                f"hotkey {text!r}: {(wrong or [key])[0]!r} is no key; write for instance ctrl+alt+n, ctrl+shift+f9"
            )
        if (len(key) == 1 or key in _TYPING) and not set(modifiers) - {"shift"}:
            raise UsageError(f"hotkey {text!r} would fire while typing; add ctrl, alt or cmd")
        return cls(frozenset(modifiers), key)

    def __str__(self) -> str:
        return "+".join([m for m in MODIFIERS if m in self.modifiers] + [self.key])


Bindings = dict[KeyCombination, Command]


def default_hotkeys(digits: int = 9) -> dict[str, str]:
    """Command to combination, as shipped: each action's own, and ctrl+alt+1..9 for the first nine styles."""
    hotkeys = {action.name: action.hotkey for action in ACTIONS.values() if action.hotkey}
    return hotkeys | {f"select:{n}": f"ctrl+alt+{n}" for n in range(1, digits + 1)}


def bind(changes: Mapping[str, str]) -> Bindings:
    """The default hotkeys with `changes` (order to combination; an empty combination removes it).

    Raises:
        UsageError: an unknown order or key, or one combination for two orders.
    """
    bindings: Bindings = {}
    for name, combination in (default_hotkeys() | dict(changes)).items():
        order = Command.parse(name)
        if not combination.strip():
            continue
        combo = KeyCombination.parse(combination)
        if combo in bindings:
            raise UsageError(f"hotkey {combo} is set for both {bindings[combo]} and {order}; change one of them")
        bindings[combo] = order
    return bindings


class KeyMatcher:
    """Follows presses and releases and says when a bound combination was meant."""

    def __init__(self, bindings: Mapping[KeyCombination, Command]) -> None:
        self._bindings = bindings
        self._modifiers: set[str] = set()
        self._down: set[str] = set()
        self._released_at: dict[str, float] = {}
        self._fired_at: dict[KeyCombination, float] = {}
        self._last_event_at = float("-inf")

    def press(self, key: str, now: float) -> Command | None:
        """`key` went down at `now` (s): the order it stands for with exactly the modifiers held, if any.

        Modifiers come as `ctrl_l`, `shift_r`, …; `alt_gr` counts as one that no combination has.
        """
        self._forget(now)
        if _modifier(key) is not None:
            self._modifiers.add(key)
            return None
        repeating = key in self._down or now - self._released_at.get(key, float("-inf")) < AUTOREPEAT_S
        self._down.add(key)
        combo = self._bound(frozenset(_modifier(name) or name for name in self._modifiers), key)
        if combo is None or repeating or now - self._fired_at.get(combo, float("-inf")) < DEBOUNCE_S:
            return None
        self._fired_at[combo] = now
        return self._bindings[combo]

    def release(self, key: str, now: float) -> None:
        """`key` went up at `now` (s)."""
        self._forget(now)
        self._modifiers.discard(key)
        if _modifier(key) is None and key not in self._down:
            self._down.clear()  # a modifier pressed meanwhile has given the key another name
        self._down.discard(key)
        self._released_at[key] = now

    def _bound(self, modifiers: frozenset[str], key: str) -> KeyCombination | None:
        for name in (key, _UNSHIFTED.get(key)):
            if name is not None and (combo := KeyCombination(modifiers, name)) in self._bindings:
                return combo
        return None

    def _forget(self, now: float) -> None:
        if now - self._last_event_at > FORGET_S:
            self._modifiers.clear()
            self._down.clear()
        self._last_event_at = now


def _modifier(key: str) -> str | None:
    """`ctrl` for `ctrl_l`, `ctrl_r` and `ctrl`; None for a key that is no modifier."""
    name = key.removesuffix("_l").removesuffix("_r")
    return name if name in MODIFIERS else "alt_gr" if key == "alt_gr" else None
