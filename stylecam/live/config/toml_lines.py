"""Find the place of each key in a TOML text, which `tomllib` does not report: for error messages, and to change one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

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
    for keys, statement in _entries(text.replace("\r\n", "\n")):
        lines.setdefault(keys, statement.line)
    return lines


def with_value(text: str, table: Keys, key: str, value: str) -> str:
    """Return `text` with `key` of `table` set to `value`; all else, comments too, stays as it is.

    A new key takes the place of a line of the table that has it in a comment, as in the file that `stylecam config
    init` writes; else it comes last in its table. A value inside an inline table is not found, and so set twice: parse
    what is returned.

    Args:
        text: valid TOML, with line feeds as line ends.
        table: where the key belongs.
        key: its name.
        value: in TOML, on one line.
    """
    entries = list(_entries(text))
    for keys, statement in entries:
        if keys == (*table, key) and not statement.text.startswith("["):
            return text[: statement.value_start] + value + text[statement.value_end :]
    setting = f"{toml_key(key)} = {value}"
    header = _header(entries, table)
    if header is None:
        name = ".".join(map(toml_key, table))
        return f"{text.rstrip()}\n\n[{name}]\n{setting}\n".lstrip("\n")
    end = _next_header(entries, header, text)
    section = text[header.start : end]
    commented = re.search(rf"^#[ \t]*{re.escape(toml_key(key))}[ \t]*=.*$", section, re.MULTILINE)
    if commented is not None:
        changed = section[: commented.start()] + setting + section[commented.end() :]
    else:
        last = max(one.value_end for _, one in entries if header.start <= one.start < end)
        at = text.find("\n", last, end)
        at = (at if at >= 0 else end) - header.start
        changed = f"{section[:at]}\n{setting}{section[at:] or chr(10)}"
    return text[: header.start] + changed + text[end:]


def without_table(text: str, table: Keys) -> str:
    """Return `text` without the table that begins with `[table]`; comments above its header stay.

    What else `text` says about the table, in another form, stays too: parse what is returned.
    """
    entries = list(_entries(text))
    header = _header(entries, table)
    if header is None:
        return text
    last = max(one.value_end for _, one in entries if header.start <= one.start < _next_header(entries, header, text))
    end = text.find("\n", last) + 1 or len(text)
    before, after = text[: header.start], text[end:]
    if before.endswith("\n\n"):  # one empty line is enough, and none at the end
        before, after = (before, after.lstrip("\n")) if after.strip() else (before.rstrip("\n") + "\n", "")
    return before + after


def with_table_name(text: str, table: Keys, name: str) -> str:
    """Return `text` with the last part of the header `[table]` changed to `name`, as `without_table` finds it."""
    header = _header(list(_entries(text)), table)
    if header is None:
        return text
    written = ".".join(map(toml_key, (*table[:-1], name)))
    return f"{text[: header.start]}[{written}]{text[header.value_end :]}"


class _Statement(NamedTuple):
    """A table's header, or a key with its value.

    Attributes:
        line: of its beginning, from 1.
        text: without comments.
        start: where it begins, as an index of the whole text.
        value_start: where its value begins; for a header its end.
        value_end: behind its last character that is no comment and no space.
    """

    line: int
    text: str
    start: int
    value_start: int
    value_end: int


def _header(entries: list[tuple[Keys, _Statement]], table: Keys) -> _Statement | None:
    return next((one for keys, one in entries if keys == table and one.text.startswith("[")), None)


def _next_header(entries: list[tuple[Keys, _Statement]], header: _Statement, text: str) -> int:
    """Return where the table after `header` begins, or the end of `text`."""
    return min((one.start for _, one in entries if one.start > header.start and one.text[0] == "["), default=len(text))


def _entries(text: str) -> Iterator[tuple[Keys, _Statement]]:
    """Yield the full key of each table and value, and where it stands."""
    table: Keys = ()
    for statement in _statements(text):
        if statement.text.startswith("["):
            table, _ = _keys(statement.text.lstrip("["))
            yield table, statement
        elif keys := _keys(statement.text)[0]:
            yield table + keys, statement


def _statements(text: str) -> Iterator[_Statement]:
    """Yield each statement; a value in brackets or a long string may span several lines."""
    line, depth, statement = 1, 0, ""
    began = start = end = 0
    for match in _PIECE.finditer(text + "\n"):
        piece = match[0]
        if piece == "\n" and depth == 0:
            if statement.strip():
                written = statement.strip()
                value = _value_index(written)
                yield _Statement(began, written, start, end if value is None else start + value, end)
            statement = ""
        elif not piece.startswith("#"):
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(piece, 0)
            if not statement.strip():
                statement = piece.lstrip()
                began, start = line, match.end() - len(statement)
            else:
                statement += piece
            if piece.strip():
                end = match.start() + len(piece.rstrip())
        line += piece.count("\n")


def _value_index(statement: str) -> int | None:
    """Return where in `statement` its value begins; None for a header."""
    if statement.startswith("["):
        return None
    _, at = _keys(statement)
    return len(statement) - len(statement[at:].lstrip().removeprefix("=").lstrip())


def _keys(text: str) -> tuple[Keys, int]:
    """Return the dotted key at the start of `text`, and where it ends."""
    keys: list[str] = []
    at = 0
    while match := _KEY.match(text, at):
        basic, literal, bare = match.groups()
        keys.append(_unescaped(basic) if basic is not None else literal if literal is not None else bare)
        at = match.end()
        if text[at : at + 1] != ".":
            break
        at += 1
    return tuple(keys), at


def toml_key(name: str) -> str:
    """Return a key in TOML, quoted if it has to be."""
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else json.dumps(name, ensure_ascii=False)


def _unescaped(text: str) -> str:
    return re.sub(
        r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))",
        lambda m: chr(int(m[1] or m[2], 16)) if m[1] or m[2] else {"n": "\n", "t": "\t"}.get(m[3], m[3]),
        text,
    )
