"""What may be set: each option of `stylecam run` once, as the file and its template see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Value = str | int | float | bool | list[str]
Kind = Literal["text", "number", "whole number", "flag", "texts"]

TABLES = {
    "server": ("server", "enabled"),
    "listen": ("server", "listen"),
    "token": ("server", "token"),
    "panic_picture": ("panic", "picture"),
    "obs": ("obs", "url"),
}
"""Options that have a place in a table of their own; all others, and these too, can be set under [run]."""
SECRET = frozenset({"token", "obs"})

_WANTED = {
    "text": "a text",
    "number": "a number",
    "whole number": "a whole number",
    "flag": "true or false",
    "texts": "a list of texts",
}


@dataclass(frozen=True, slots=True)
class Option:
    """One option of `stylecam run`.

    Attributes:
        name: its long flag, with _ for -; its key under [run].
        kind: what it takes; `texts` may be given several times.
        help: what it is for, in one or two sentences.
        default: what it is without anybody setting it; None where nothing is.
    """

    name: str
    kind: Kind
    help: str
    default: Value | None = None

    @property
    def place(self) -> tuple[str, str]:
        """Table and key where the template puts it."""
        return TABLES.get(self.name, ("run", self.name))

    @property
    def secret(self) -> bool:
        """True if its value must not be shown."""
        return self.name in SECRET

    @property
    def wanted(self) -> str:
        """What it takes, in words."""
        return _WANTED[self.kind]

    def takes(self, value: object) -> bool:
        """True if `value`, as TOML has it, is of the right kind. A number is fine where a text is wanted."""
        if isinstance(value, bool):
            return self.kind == "flag"
        if isinstance(value, list):
            return self.kind == "texts" and all(isinstance(one, str) for one in value)
        if self.kind == "whole number":
            return isinstance(value, int)
        if self.kind == "number":
            return isinstance(value, int | float)
        return self.kind in ("text", "texts") and isinstance(value, str | int | float)
