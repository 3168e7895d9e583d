"""On which line of a TOML text each key stands: `tomllib` tells values only, and an error should name the line."""

from __future__ import annotations

import re

_KEY = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*""")
_PIECE = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}]|\n|[^\n"\'#\[\]{}]+',
    re.DOTALL,
)

Keys = tuple[str, ...]


def key_lines(text: str) -> dict[Keys, int]:
    """For every table and key of `text`, which is valid TOML, its line, from 1; `("run", "fps")` for fps of [run].

    Keys inside an inline table have none of their own: they stand where the table begins.
    """
    lines: dict[Keys, int] = {}
    table: Keys = ()
    for number, statement in _statements(text):
        if statement.startswith("["):
            table = _keys(statement.lstrip("["))
            lines.setdefault(table, number)
        elif keys := _keys(statement):
            lines.setdefault(table + keys, number)
    return lines


def _statements(text: str) -> list[tuple[int, str]]:
    """Each statement with the line it begins on: a value may go on over several lines, in brackets or long strings."""
    found: list[tuple[int, str]] = []
    line, began, depth, statement = 1, 1, 0, ""
    for piece in _PIECE.findall(text.replace("\r\n", "\n") + "\n"):
        if piece == "\n" and depth == 0:
            if statement.strip():
                found.append((began, statement.strip()))
            statement = ""
            began = line + 1
        elif not piece.startswith("#"):
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(piece, 0)
            statement += piece
        line += piece.count("\n")
    return found


def _keys(text: str) -> Keys:
    """The dotted key that `text` begins with."""
    keys: list[str] = []
    at = 0
    while match := _KEY.match(text, at):
        basic, literal, bare = match.groups()
        keys.append(_unescaped(basic) if basic is not None else literal if literal is not None else bare)
        at = match.end()
        if text[at : at + 1] != ".":
            break
        at += 1
    return tuple(keys)


def _unescaped(text: str) -> str:
    return re.sub(
        r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))",
        lambda m: chr(int(m[1] or m[2], 16)) if m[1] or m[2] else {"n": "\n", "t": "\t"}.get(m[3], m[3]),
        text,
    )
