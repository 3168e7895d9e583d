"""Find the line of each key in a TOML text, which `tomllib` does not report and error messages name."""

from __future__ import annotations

import re

_KEY = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*""")
_PIECE = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}]|\n|[^\n"\'#\[\]{}]+',
    re.DOTALL,
)

Keys = tuple[str, ...]


def key_lines(text: str) -> dict[Keys, int]:
    """Return the line, from 1, of every table and key of `text`; `("run", "fps")` stands for fps of [run].

    A key inside an inline table has no entry of its own. `text` must be valid TOML.
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
    """Return each statement with its first line; a value in brackets or a long string may span several lines."""
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
    """Return the dotted key at the start of `text`."""
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
