"""Text: cleaning foreign text before it is shown, and the type of message callbacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable

Say = Callable[[str], None]


def printable(text: str, most: int = 200) -> str:
    """`text` without what would steer a terminal or cannot be written, and not longer than `most`."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)[:most]


def format_shape(dims: Iterable[int | str | None]) -> str:
    """Return `dims` as `1×3×H×W`, with `?` for an unknown dimension."""
    return "×".join("?" if dim is None else str(dim) for dim in dims)
