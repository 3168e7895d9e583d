"""The language of the terminal: that of `run`, `setup` and `doctor`, and of the error that ends one of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from stylecam.utils import languages
from stylecam.utils.languages import ENGLISH, Language
from stylecam.utils.message import Message

_VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
"""Where the language of messages is set, the strongest first, as gettext reads them."""

_current: Language = ENGLISH


def say(text: str, /, **values: object) -> str:
    """Return `text`, or the message made of it and `values`, in the language of the terminal."""
    return _current.say(Message(text, **values) if values else text)


def current() -> Language:
    """Return the language of the terminal."""
    return _current


def speak(named: str | None) -> None:
    """Use the language `named` from now on; without a name, that of the environment."""
    global _current
    _current = _printable(languages.choose([named] if named else of_environment(os.environ)))


def of_environment(environment: Mapping[str, str]) -> list[str]:
    """Return the languages that the variables of a Unix system ask for, such as `de_AT.UTF-8`, the first one first."""
    wanted = [text for name in _VARIABLES if (text := environment.get(name))]
    locale = next((environment[name] for name in _VARIABLES[1:] if environment.get(name)), "")
    if locale.partition(".")[0] in ("C", "POSIX"):  # no language, and LANGUAGE does not count then
        return []
    return wanted[0].split(":") if wanted else []


def _printable(language: Language) -> Language:
    """Return `language`, or English where the terminal has not all of its letters."""
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    try:
        "".join(language.messages.values()).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ENGLISH
    return language
