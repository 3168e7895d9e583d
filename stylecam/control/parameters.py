"""The arguments of actions: names, kinds and ranges, checked the same way for every adapter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from stylecam.errors import UsageError
from stylecam.utils.options import Option, words_of
from stylecam.utils.text import read_share

Value = str | float | bool
"""A checked argument. Weights are text: `a:0.6,b:0.4`."""

TEXT, NUMBER, FLAG, WEIGHTS = "text", "number", "flag", "weights"
LONGEST = 200
"""The most characters of a text, which names a style, a preset or a file."""
_YES, _NO = ("on", "true", "yes", "1"), ("off", "false", "no", "0")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of an action.

    Attributes:
        name: its key in JSON objects and query strings.
        kind: `text`, `number`, `flag` or `weights` (style names to shares).
        required: False if the action has a default for it.
        low, high: the range of a number.
        choices: words allowed in place of a number; the only words allowed as a text, where there are some.
    """

    name: str
    kind: str
    help: str
    required: bool = True
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    @classmethod
    def of(cls, setting: Option, required: bool = True) -> Parameter:
        """The parameter `value` of the action that sets an option which is no flag."""
        if setting.kind in ("choice", "text"):
            return cls("value", TEXT, setting.help, required, choices=setting.choices)
        words = () if setting.word is None else (setting.word,)
        return cls("value", NUMBER, setting.help, required, low=setting.minimum, high=setting.maximum, choices=words)

    def check(self, value: object) -> Value:
        """Return `value`, as JSON holds it, in the form that actions take.

        Raises:
            UsageError: it is of another kind or out of range; the message says what is allowed.
        """
        if self.kind == FLAG and isinstance(value, bool):
            return value
        if self.kind == TEXT and self.choices:
            word = value.strip().lower() if isinstance(value, str) else value
            if word not in self.choices:
                raise self._wrong(value)
            return str(word)
        if self.kind == TEXT and isinstance(value, str) and 0 < len(value.strip()) <= LONGEST and value.isprintable():
            return value.strip()
        if self.kind == NUMBER and isinstance(value, str) and value in self.choices:
            return value
        if self.kind == NUMBER and isinstance(value, int | float) and not isinstance(value, bool):
            return self._number(value)
        if self.kind == WEIGHTS:
            return self._weights(value)
        raise self._wrong(value)

    def read(self, text: str) -> Value:
        """Return `text`, as people and query strings write it, in the form that actions take.

        Raises:
            UsageError: it is not of this kind or out of range; the message says what is allowed.
        """
        word = text.strip().lower()
        if self.kind == FLAG and word in (*_YES, *_NO):
            return word in _YES
        if self.kind == NUMBER and word not in self.choices:
            try:
                return self.check(read_share(word) if self.high == 1 else float(word))
            except ValueError as error:
                if isinstance(error, UsageError):
                    raise
                raise self._wrong(text) from None
        return self.check(word if self.kind == NUMBER else text)

    @property
    def allowed(self) -> str:
        """What may be given, for people: `a number from 0 to 1, for example 0.5`."""
        if self.kind == FLAG:
            return "true or false"
        if self.kind == WEIGHTS:
            return "styles with their shares, for example a:0.6,b:0.4"
        if self.kind == TEXT and self.choices:
            return words_of(self.choices)
        if self.kind == TEXT:
            return f"a text of 1 to {LONGEST} characters"
        words = "".join(f"{word} or " for word in self.choices)
        example = next((value for value in (0.5, 30.0) if self._in_range(value)), self.low)
        return f"{words}a number from {self.low:g} to {self.high:g}, for example {example:g}"

    def _in_range(self, value: float) -> bool:
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        return low <= value <= high

    def _number(self, value: float) -> float:
        if not self._in_range(value):  # before float(), for which a whole number may be too large; and never for NaN
            raise self._wrong(value)
        return float(value)

    def _weights(self, value: object) -> str:
        if isinstance(value, str) and 0 < len(value.strip()) <= LONGEST and value.isprintable():
            return value.strip()
        if not isinstance(value, Mapping) or not value:
            raise self._wrong(value)
        for name, share in value.items():
            plain = isinstance(name, str) and name.isprintable() and not set(name) & set(":,") and name.strip()
            number = isinstance(share, int | float) and not isinstance(share, bool) and 0 <= share <= 1e6
            if not plain or not number:
                raise self._wrong(value)
        return ",".join(f"{name}:{float(share):.6g}" for name, share in value.items())

    def _wrong(self, value: object) -> UsageError:
        shown = repr(value)
        return UsageError(f"{self.name} {shown[:60]}{'…' if len(shown) > 60 else ''} must be {self.allowed}")


def flag(meaning: str) -> Parameter:
    """The optional argument of a toggle, which without it changes to the other state."""
    return Parameter("on", FLAG, f"{meaning}; without: the other way round", required=False)
