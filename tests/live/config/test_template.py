"""The commented file that `stylecam config init` writes."""

from __future__ import annotations

from pathlib import Path

import click

from stylecam.cli.declared import declared_options
from stylecam.cli.options import check_each
from stylecam.cli.run import command as run_command
from stylecam.control.keyboard.bindings import default_hotkeys
from stylecam.live.config import file as config
from stylecam.live.config.template import template

OPTIONS = declared_options(run_command)


def text() -> str:
    return template(OPTIONS, default_hotkeys().items())


def uncommented() -> str:
    return "\n".join(line.removeprefix("# ") for line in text().splitlines() if not line.startswith("##"))


def test_the_template_sets_nothing() -> None:
    loaded = config.parse(text(), Path("config.toml"), OPTIONS)
    assert [loaded.run, loaded.hotkeys, loaded.presets, loaded.scenes] == [{}, {}, {}, {}]


def test_every_value_of_the_uncommented_template_is_valid() -> None:
    loaded = config.parse(uncommented(), Path("config.toml"), OPTIONS)
    check_each(loaded, click.Context(run_command))
    assert loaded.presets
    assert loaded.scenes


def test_every_option_and_every_hotkey_is_in_the_template() -> None:
    loaded = config.parse(uncommented(), Path("config.toml"), OPTIONS)
    assert loaded.run.keys() == {option.name for option in OPTIONS}
    assert loaded.hotkeys == default_hotkeys()


def test_the_template_shows_the_default_of_each_option() -> None:
    loaded = config.parse(uncommented(), Path("config.toml"), OPTIONS)
    shown = {option.name: loaded.run[option.name] for option in OPTIONS if option.written_default is not None}
    assert shown == {option.name: option.written_default for option in OPTIONS if option.written_default is not None}


def test_the_template_explains_each_option_with_its_help_text() -> None:
    words = " ".join(text().replace("## ", "").split())
    assert all(" ".join(option.help.split()) in words for option in OPTIONS)


def test_no_line_is_too_long_to_read() -> None:
    assert max(map(len, text().splitlines())) <= 105
