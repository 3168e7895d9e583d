"""Mistakes in the configuration file that are explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from stylecam.errors import ConfigError
from stylecam.live.config import file as config


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[run]\nstyle = udnie", 'line 2: style = udnie is no TOML; put it in quotes: style = "udnie"'),
        ("[run]\nsize = 1280x720  # large", 'put it in quotes: size = "1280x720"'),
        ("[run]\nstrength = 80%\n", 'put it in quotes: strength = "80%"'),
        ("[hotkeys]\nnext = ctrl+alt+n", 'line 2: next = ctrl+alt+n is no TOML; put it in quotes: next = "ctrl+alt+n"'),
        ("[run]\nstrength = 0,5", "write the number with a point: 0.5"),
        ("[run]\nmirror = True", "write true in small letters"),
    ],
)
def test_a_value_that_is_no_toml_is_named_with_what_to_write(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        config.parse(text, Path("config.toml"), [])
    assert str(refused.value).startswith("config.toml, line 2: ")
    assert says in str(refused.value)


@pytest.mark.parametrize("text", ["[run]\nfps = 1\nfps = 2", "[run", "[run]\nfps =", '[run]\nstyle = "udnie', "= 3"])
def test_any_other_mistake_is_the_parsers_message(text: str) -> None:
    with pytest.raises(ConfigError, match=r"config.toml: .*at ") as refused:
        config.parse(text, Path("config.toml"), [])
    assert "quotes: fps" not in str(refused.value)
