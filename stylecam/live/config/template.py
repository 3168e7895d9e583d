"""Make the commented configuration file from the declared options."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator

from stylecam.live.config.file import PRESET_OPTIONS
from stylecam.live.config.toml_lines import toml_key
from stylecam.utils.options import Option, Value

WIDTH = 100
_HEAD = """\
stylecam's configuration. A flag wins over a variable such as STYLECAM_STYLE, a variable over this file. Remove the # in
front of a line to set it. `stylecam config show` prints the settings, and `stylecam ctl reload` makes a running
stylecam read this file again."""
_TABLE_HEADS = {
    "server": "The server for the page, a phone, a Stream Deck and `stylecam ctl`.",
    "panic": "The picture that others see during a panic.",
    "obs": "OBS, whose scene chooses the style; see [scenes].",
}
_PRESETS = """\
Looks with a name. What is left out stays as it is. Choose one with `stylecam ctl preset calm`, a hotkey
"preset:calm", the page, or a scene of OBS."""


def template(options: Iterable[Option], hotkeys: Iterable[tuple[str, str]]) -> str:
    """Return the text of a file that sets nothing yet: every key is in a comment, with its default or an example.

    Args:
        options: what the file may set.
        hotkeys: the default commands and their key combinations.
    """
    return "\n".join(_lines(list(options), hotkeys)) + "\n"


def toml(value: Value) -> str:
    """Return `value` in TOML, on one line."""
    return json.dumps(value, ensure_ascii=False)  # JSON and TOML write these types alike


def _lines(options: list[Option], hotkeys: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield from _comment(_HEAD)
    yield from ("", "[run]")
    small: dict[str, list[Option]] = {}
    for option in options:
        if option.place[0] == "run":
            yield from _option(option)
        else:
            small.setdefault(option.place[0], []).append(option)
    for table, entries in small.items():
        yield from ("", *_comment(_TABLE_HEADS[table]), f"[{table}]")
        for option in entries:
            yield from _option(option)
    yield from ("", *_comment('Global hotkeys: command = "key combination"; "" removes one.'), "[hotkeys]")
    yield from (f"# {toml_key(order)} = {toml(combination)}" for order, combination in hotkeys)
    yield from ("", *_comment(_PRESETS), "# [presets.calm]")
    yield from (f"# {name} = {toml(_sample(option))}" for name, option in PRESET_OPTIONS.items())
    yield from ("", *_comment("OBS scene = style or preset."), "[scenes]", '# "Just chatting" = "great_wave"')


def _option(option: Option) -> Iterator[str]:
    yield ""
    yield from _comment(option.help)
    value = option.written_default if option.written_default is not None else _sample(option)
    yield f"# {toml_key(option.place[1])} = {toml(value)}"


def _sample(option: Option) -> Value:
    return "" if option.sample is None else option.sample


def _comment(text: str) -> list[str]:
    return [f"## {line}" for line in textwrap.wrap(text, WIDTH)]
