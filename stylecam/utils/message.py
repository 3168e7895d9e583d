"""Messages for people: English text that remembers how it was made, so that it can be said in another language."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any


class Message(str):
    """An English text with its template and values; everywhere but at the rim it is a plain text.

    `str(error)` of an error with a Message is that Message. An f-string around one is plain text again, so a message
    about a message is made with a value: `Message("{error}; trying again", error=error)`.

    Example:
        Message("port {port} is in use", port=8765)

    Attributes:
        template: the text with the names of the values in braces; it is the key of the translations.
        values: the values; those that are Messages are translated, too.
    """

    template: str
    values: Mapping[str, object]

    def __new__(cls, template: str, /, **values: object) -> Message:
        """Make the English text of `template` and `values`."""
        kept = {name: str(value) if isinstance(value, Exception) else value for name, value in values.items()}
        made = super().__new__(cls, template.format(**kept) if kept else template)
        made.template, made.values = template, kept
        return made

    def __str__(self) -> str:
        """Return itself, so that a text made by `str(error)` can be translated."""
        return self


def joined(texts: Iterable[str], separator: str = ", ") -> Message:
    """Return one text of several, each of which can still be translated."""
    values = {f"text{number}": text for number, text in enumerate(texts, 1)}
    return Message(separator.join(f"{{{name}}}" for name in values), **values)


def packed(text: str) -> Any:
    """Return `text` as a JSON value, from which `unpacked` makes it again in another process, still a Message."""
    if not isinstance(text, Message):
        return str(text)
    values = {
        name: packed(value) if isinstance(value, str) else value if isinstance(value, int | float) else str(value)
        for name, value in text.values.items()
    }
    return {"template": text.template, "values": values}


def unpacked(value: Any) -> str:
    """Return the text that `packed` has made `value` of."""
    if not isinstance(value, dict):
        return str(value)
    values = {
        name: inner if isinstance(inner, int | float) else unpacked(inner) for name, inner in value["values"].items()
    }
    return Message(value["template"], **values)


def message_of(record: logging.LogRecord) -> str:
    """Return what `record` says, as a Message where one was logged: alone, or as the only value of "%s"."""
    if isinstance(record.msg, Message):
        return record.msg
    if record.msg == "%s" and isinstance(record.args, tuple) and len(record.args) == 1:
        return str(record.args[0])
    return record.getMessage()
