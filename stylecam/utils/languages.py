"""The languages of the page and of messages. English is the key of every text, so it needs no table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import Any

from stylecam.errors import UsageError
from stylecam.utils.message import Message

LANGUAGES = {
    "en": "English",
    "ko": "한국어",
    "de": "Deutsch",
    "es": "Español",
    "fr": "Français",
    "ja": "日本語",
    "zh": "简体中文",
}
"""The code of each language and its own name."""
_TAGS = {"zh": "zh-Hans"}
"""Language tags for HTML where they differ from the code: which Chinese decides about the shapes of letters."""


@dataclass(frozen=True, slots=True)
class Language:
    """One language and its texts.

    Attributes:
        code: a key of `LANGUAGES`.
        page: texts of the page, by their English.
        messages: all other texts, by their English template.
    """

    code: str = "en"
    page: Mapping[str, str] = field(default_factory=dict)
    messages: Mapping[str, str] = field(default_factory=dict)

    @property
    def tag(self) -> str:
        """What the attribute `lang` of HTML calls it."""
        return _TAGS.get(self.code, self.code)

    def say(self, text: str) -> str:
        """Return `text` in this language; what nobody has translated stays English."""
        if not isinstance(text, Message):
            return self.messages.get(text, text)
        template = self.messages.get(text.template, text.template)
        values = {name: self.say(v) if isinstance(v, Message) else v for name, v in text.values.items()}
        return template.format(**values) if values else template

    def localized(self, value: Any) -> Any:
        """Return a JSON value with each `Message` in it said in this language."""
        if not self.messages:
            return value
        if isinstance(value, Message):
            return self.say(value)
        if isinstance(value, dict):
            return {key: self.localized(inner) for key, inner in value.items()}
        return [self.localized(inner) for inner in value] if isinstance(value, list | tuple) else value


ENGLISH = Language()


@lru_cache
def load(code: str) -> Language:
    """Load the language that `LANGUAGES` has under `code`."""
    if code == ENGLISH.code:
        return ENGLISH
    table = json.loads((resources.files("stylecam") / "assets" / "languages" / f"{code}.json").read_bytes())
    return Language(code, table["page"], table["messages"])


def check_language(text: str) -> None:
    """Check that there is a language called `text`, such as `de` or `de-AT`.

    Raises:
        UsageError: there is not; the message lists those that there are.
    """
    if _code(text) is None:
        names = ", ".join(f"{code} ({name})" for code, name in LANGUAGES.items())
        raise UsageError(f"there is no language {text[:40]!r}; choose {names}")


def choose(wanted: Iterable[str]) -> Language:
    """Return the first of the `wanted` languages that there is, such as `de-AT` or `de_AT.UTF-8`; else English."""
    return load(next(filter(None, map(_code, wanted)), ENGLISH.code))


def accepted(header: str) -> list[str]:
    """Return the languages of a header such as `de-AT,de;q=0.9,en;q=0.5`, the most welcome one first."""
    found = re.findall(r"([A-Za-z][A-Za-z0-9-]*)\s*(?:;\s*q=([01](?:\.\d{0,3})?))?", header[:400])
    weights = [(float(weight or 1), tag) for tag, weight in found]
    return [tag for weight, tag in sorted(weights, key=lambda pair: -pair[0]) if weight > 0]


def _code(text: str) -> str | None:
    code = re.split(r"[-_.@]", text.strip().lower(), maxsplit=1)[0]
    return code if code in LANGUAGES else None
