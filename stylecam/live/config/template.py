"""The commented configuration file, made from the options themselves, so that it says what this version can do."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator

from stylecam.live.config.file import PRESET_OPTIONS
from stylecam.utils.options import Option, Value

WIDTH = 100
_HEADS = {
    "server": "The page, and what a phone, a Stream Deck or `stylecam ctl` talk to.",
    "panic": "What others see in a panic.",
    "obs": "OBS, whose scene chooses the style: see [scenes].",
}
_PRESETS = """\
Looks with a name. What is left out stays as it is. Chosen by `stylecam ctl preset calm`, the order "preset:calm", the
page, or a scene of OBS."""


def template(options: Iterable[Option], hotkeys: Iterable[tuple[str, str]]) -> str:
    """The text of a file that sets nothing yet: every key stands in a comment, with its default or an example.

    `hotkeys` are the orders and combinations as shipped.
    """
    return "\n".join(_lines(list(options), hotkeys)) + "\n"


def toml(value: Value) -> str:
    """`value` as TOML writes it, on one line."""
    return json.dumps(value, ensure_ascii=False)  # of these kinds, each is written alike


def key(name: str) -> str:
    """A key as TOML writes it."""
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else json.dumps(name, ensure_ascii=False)


def _lines(options: list[Option], hotkeys: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield from _comment("stylecam's configuration. A flag wins over a variable such as STYLECAM_STYLE, a variable over")
    yield from _comment("this file. Take the # away in front of a line to set it; `stylecam config show` tells what is")
    yield from _comment("in force, and `stylecam ctl reload` makes a running stylecam read it again.")
    yield from ("", "[run]")
    small: dict[str, list[Option]] = {}
    for option in options:
        if option.place[0] == "run":
            yield from _option(option)
        else:
            small.setdefault(option.place[0], []).append(option)
    for table, entries in small.items():
        yield from ("", *_comment(_HEADS[table]), f"[{table}]")
        for option in entries:
            yield from _option(option)
    yield from ("", *_comment('Keys from any program: order = "combination"; "" takes one away.'), "[hotkeys]")
    yield from (f"# {key(order)} = {toml(combination)}" for order, combination in hotkeys)
    yield from ("", *_comment(_PRESETS), "# [presets.calm]")
    yield from (f"# {name} = {toml(_sample(option))}" for name, option in PRESET_OPTIONS.items())
    yield from ("", *_comment("Scene of OBS = style or preset."), "[scenes]", '# "Just chatting" = "great_wave"')


def _option(option: Option) -> Iterator[str]:
    yield ""
    yield from _comment(option.help)
    value = option.written_default if option.written_default is not None else _sample(option)
    yield f"# {key(option.place[1])} = {toml(value)}"


def _sample(option: Option) -> Value:
    return "" if option.sample is None else option.sample


def _comment(text: str) -> list[str]:
    return [f"## {line}" for line in textwrap.wrap(text, WIDTH)]
