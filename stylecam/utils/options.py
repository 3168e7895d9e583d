"""Declare an option once, as a dataclass field; its flag, file key, validation and description follow from that.

    @dataclass(frozen=True)
    class Settings:
        fps: float = option(30.0, help="Frames a second to publish.", group=OUTPUT, minimum=1.0, maximum=120.0)

`options_of(Settings)` then lists what there is to know about each one.
"""

from __future__ import annotations

import difflib
import enum
import inspect
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any, Literal, TypeVar

from stylecam.errors import UsageError
from stylecam.utils.text import read_share

T = TypeVar("T")
Value = str | int | float | bool | list[str]
"""An option's value as a TOML file holds it."""
Kind = Literal["text", "path", "choice", "number", "whole number", "flag", "texts", "table"]

CAMERA, LOOK, OUTPUT, PERFORMANCE, CONTROL, OTHER = "Camera", "Look", "Output", "Performance", "Control", "Other"
GROUPS = (CAMERA, LOOK, OUTPUT, PERFORMANCE, CONTROL, OTHER)
"""The headings under which help and template list the options, in this order."""

_KEY = "option"
_KINDS: dict[str, Kind] = {
    "bool": "flag",
    "int": "whole number",
    "float": "number",
    "Path": "path",
    "tuple[str, ...]": "texts",
}
_EXPECTED: dict[Kind, str] = {
    "text": "a text",
    "path": "a path",
    "choice": "",
    "number": "a number",
    "whole number": "a whole number",
    "flag": "true or false",
    "texts": "a list of texts",
    "table": "a table",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """All there is to know about one option. Made by `option`, found by `options_of`.

    Attributes:
        attribute: the dataclass field that holds its value.
        name: its long flag with _ for -, and its key under [run].
        kind: what it takes; `texts` may be given several times, `table` is a table of the file and no flag, `choice`
            is a word of the enumeration that its default belongs to.
        default: its value when nobody sets it.
        help: what it is for, in one or two sentences.
        group: the heading it is listed under, one of `GROUPS`.
        metavar: what the help shows for its value; None for the type's own word.
        minimum: the least number allowed, or None.
        maximum: the greatest number allowed, or None.
        word: the word that stands for None, such as `auto`, where that can be given in place of a number.
        example: a sensible value, for messages and for the template.
        live: a reload changes it while stylecam runs; otherwise the next start does.
        command: the command that changes it while stylecam runs, or None.
        brief: what that command changes, in a few words.
        preset: a preset may set it.
        secret: its value must not be shown.
        place: table and key that the template uses; under [run] it can be set as well.
        short: a one-letter flag, such as `-v`.
        bare: the value of the flag without one, if neither variable nor file has one; None if it needs a value.
        parameter: the name of its parameter in a command's context, from which its variable follows; `name` if empty.
        parse: makes its value of a text, or one key and value of each of several, raising `UsageError`; None where
            the text is the value.
    """

    attribute: str = ""
    name: str = ""
    kind: Kind = "text"
    default: Any = None
    help: str
    group: str = OTHER
    metavar: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    word: str | None = None
    example: Value | None = None
    live: bool = False
    command: str | None = None
    brief: str = ""
    preset: bool = False
    secret: bool = False
    place: tuple[str, str] = ("run", "")
    short: str | None = None
    bare: str | None = None
    parameter: str = ""
    parse: Callable[[str], Any] | None = None

    @property
    def flag(self) -> str:
        """The long flag of the command line: `--idle-after`."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"STYLECAM_{self.parameter.upper()}"

    @property
    def choices(self) -> tuple[str, ...]:
        """The words of a choice, in their order; empty for anything else."""
        return tuple(str(each.value) for each in type(self.default)) if isinstance(self.default, enum.Enum) else ()

    @property
    def is_share(self) -> bool:
        """Whether it is a share of 0..1, which may also be written as 80%."""
        return self.kind == "number" and self.maximum == 1

    @property
    def written_default(self) -> Value | None:
        """Its default as a file would say it, or None where that cannot be said."""
        if self.default is None:
            return self.word
        return None if self.kind in ("texts", "table") else self.written(self.default)

    def written(self, value: Any) -> Any:
        """Return `value`, one of its values, as a file and JSON hold it; None stays None."""
        plain = value is None or (isinstance(value, bool | int | float | str) and not isinstance(value, enum.Enum))
        return value if plain else str(value)

    @property
    def sample(self) -> Value | None:
        """A value that could be meant: its example, or its default where it has none."""
        return self.written_default if self.example is None else self.example

    @property
    def expected(self) -> str:
        """What it takes, for people: `a number from 0 to 1, for example 0.5`."""
        words = f"{self.word} or " if self.word else ""
        if self.choices:
            return words_of(self.choices)
        bounds = example = ""
        if self.minimum is not None and self.maximum is not None:
            endless = math.isinf(self.maximum)
            least, most = (f"{bound:,.15g}" for bound in (self.minimum, self.maximum))
            bounds = f" of at least {least}" if endless else f" from {least} to {most}"
        if self.kind != "flag" and self.sample is not None:
            number = isinstance(self.sample, int | float)
            example = f", for example {f'{self.sample:g}' if number else json.dumps(self.sample)}"
        return f"{words}{_EXPECTED[self.kind]}{bounds}{example}"

    def accepts(self, value: object) -> bool:
        """True if `value`, as a TOML file holds it, is of the right kind.

        A number is accepted for a text, and a text such as `80%` for a share.
        """
        if isinstance(value, bool):
            return self.kind == "flag"
        if isinstance(value, list):
            return self.kind == "texts" and all(isinstance(one, str) for one in value)
        if self.kind == "whole number":
            return isinstance(value, int)
        if self.kind == "number" and not isinstance(value, str):
            return isinstance(value, int | float)
        if self.kind == "number" and self.word is None and isinstance(value, str):
            return self._is_percentage(value)
        if self.kind == "choice":
            return isinstance(value, str) and value.strip().lower() in self.choices
        takes_text = self.kind in ("text", "path", "texts") or self.word is not None
        return takes_text and isinstance(value, str | int | float)

    def read(self, value: Any) -> Any:
        """Return the attribute's value for `value`, as the command line holds it.

        Raises:
            UsageError: it is a text that cannot be read.
        """
        if self.kind == "texts":
            return tuple(value) if self.parse is None else dict(map(self.parse, value))
        if not isinstance(value, str):
            return value
        if self.word is not None:
            return None if value == self.word else self._number(value)
        if self.is_share:
            return self._number(value)
        if self.kind == "choice":
            return self._choice(value)
        return value if self.parse is None else self.parse(value)

    def _number(self, text: str) -> float:
        try:
            return read_share(text) if self.is_share else float(text)
        except ValueError:
            raise UsageError(f"{self.flag} {text!r} must be {self.expected}") from None

    def _choice(self, text: str) -> Any:
        word = text.strip().lower()
        if word not in self.choices:
            near = difflib.get_close_matches(word, self.choices, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"{self.flag} {text[:60]!r} must be {self.expected}{hint}")
        return type(self.default)(word)

    def _is_percentage(self, value: str) -> bool:
        try:
            return self.is_share and value.strip().endswith("%") and read_share(value) >= 0
        except ValueError:
            return False

    def in_range(self, value: object) -> bool:
        """True if `value` lies within the bounds, or there are none for it; never for NaN."""
        if value is None or self.minimum is None or self.maximum is None:
            return True
        return isinstance(value, int | float) and self.minimum <= value <= self.maximum

    def check(self, value: Any, label: str | None = None) -> None:
        """Check that `value` lies within the bounds.

        Raises:
            UsageError: it does not; the message names the flag, or `label`, and what is allowed.
        """
        if not self.in_range(value):
            number = f"{value:g}" if isinstance(value, float) else str(value)[:20]
            raise UsageError(f"{label or self.flag} {number} is out of range; it must be {self.expected}")


def words_of(choices: tuple[str, ...]) -> str:
    """Return `choices` as people list them: `off, gentle or close`."""
    return " or ".join(filter(None, [", ".join(choices[:-1]), *choices[-1:]]))


def option(default: T, *, help: str, **details: Any) -> T:  # noqa: A002 - it is what click calls it, too
    """Declare a dataclass field as an option; `details` are attributes of `Option`.

    Without a `name` the option is called like its field; its kind follows from the field's annotation.
    """
    described = Option(default=default, help=help, **details)
    if isinstance(default, dict):
        made: Any = field(default_factory=dict, repr=not described.secret, metadata={_KEY: described})
    else:
        made = field(default=default, repr=not described.secret, metadata={_KEY: described})
    return made  # type: ignore[no-any-return]


@cache
def options_of(declaring: Any) -> tuple[Option, ...]:
    """List the options that a dataclass declares: by group, its own before those that it inherits."""
    own = inspect.get_annotations(declaring)
    found = sorted(_options(declaring), key=lambda entry: (GROUPS.index(entry.group), entry.attribute not in own))
    return tuple(found)


def check_options(values: Any) -> None:
    """Check that the options of the dataclass instance `values` lie within their bounds.

    Raises:
        UsageError: for the first one that does not.
    """
    declaring: Any = type(values)
    for each in options_of(declaring):
        each.check(getattr(values, each.attribute))


def _options(declaring: Any) -> Iterator[Option]:
    for one in fields(declaring):
        if (described := one.metadata.get(_KEY)) is not None:
            name = described.name or one.name
            table, key = described.place
            kind = _KINDS.get(str(one.type).removesuffix(" | None"), "text")
            if isinstance(described.default, dict):
                kind = "table" if described.parse is None else "texts"
            if isinstance(described.default, enum.Enum):
                kind = "choice"
            yield replace(
                described,
                attribute=one.name,
                name=name,
                kind=kind,
                place=(table, key or name),
                parameter=described.parameter or name,
            )
