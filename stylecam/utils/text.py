"""Clean and format text for people."""

from __future__ import annotations

from collections.abc import Iterable


def printable(text: str, max_length: int = 200) -> str:
    """Return the first `max_length` characters of `text`, with those that control a terminal replaced by U+FFFD."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)[:max_length]


def format_shape(dims: Iterable[int | str | None]) -> str:
    """Return `dims` as `1×3×H×W`, with `?` for an unknown dimension."""
    return "×".join("?" if dim is None else str(dim) for dim in dims)
