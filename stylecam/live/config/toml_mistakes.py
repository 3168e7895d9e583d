"""Explain the mistakes that people make in TOML: a text without quotes, True for true, a comma in a number."""

from __future__ import annotations

import json
import re
import sys

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_PLACE = re.compile(r"\(at line (\d+), column \d+\)")
_SETTING = re.compile(r"""\s*([\w."'-]+)\s*=\s*([^"'\[{#\s][^#]*)""")


def mistake_in(text: str, message: str) -> str | None:
    """Return the line of a likely mistake and what to write, to follow the file's name; None if no reason is known.

    Args:
        text: the file, which is not TOML.
        message: that of the parser, with the line at which it gave up.
    """
    place = _PLACE.search(message)
    lines = text.split("\n")
    if place is None or int(place[1]) > len(lines):
        return None
    line = lines[int(place[1]) - 1]
    setting = _SETTING.match(line)
    if setting is None or _is_toml(line):  # where the line alone is right, the mistake is another
        return None
    key, value = setting[1], setting[2].strip()
    if value.lower() in ("true", "false"):
        advice = f"write {value.lower()} in small letters"
    elif re.fullmatch(r"[+-]?\d+,\d+", value):
        advice = f"write the number with a point: {value.replace(',', '.')}"
    else:
        advice = f"put it in quotes: {key} = {json.dumps(value, ensure_ascii=False)}"
    return f", line {place[1]}: {key} = {value[:60]} is no TOML; {advice}"


def _is_toml(line: str) -> bool:
    try:
        tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return False
    return True
