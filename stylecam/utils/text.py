"""Read and write text as people do."""

from __future__ import annotations

from collections.abc import Iterable


def printable(text: str, max_length: int = 200) -> str:
    """Return the first `max_length` characters of `text`, with those that control a terminal replaced by U+FFFD."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)[:max_length]


def read_share(text: str) -> float:
    """Read a share as people write it: `0.8` or `80%`; raises ValueError for anything else."""
    number, percent = text.strip().removesuffix("%"), text.strip().endswith("%")
    return float(number) / 100 if percent else float(number)


def format_shape(dims: Iterable[int | str | None]) -> str:
    """Return `dims` as `1×3×H×W`, with `?` for an unknown dimension."""
    return "×".join("?" if dim is None else str(dim) for dim in dims)
