"""The configuration file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stylecam import config
from stylecam.errors import ConfigError

OPTIONS = ("style", "output", "size", "fps", "mirror")


def written(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, "utf-8")
    return path


def test_without_a_file_there_is_nothing_to_set(tmp_path: Path) -> None:
    assert config.load(tmp_path / "config.toml", OPTIONS) == config.Config()


def test_options_and_hotkeys_are_read(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '[run]\nstyle = "great_wave"\noutput = ["virtual", "window"]\nfps = 25\nmirror = true\n'
        '[hotkeys]\nnext = "ctrl+alt+right"\n"select:1" = "ctrl+alt+1"\n',
    )
    assert config.load(path, OPTIONS) == config.Config(
        {"style": "great_wave", "output": ["virtual", "window"], "fps": 25, "mirror": True},
        {"next": "ctrl+alt+right", "select:1": "ctrl+alt+1"},
    )


def test_the_example_in_the_documentation_is_a_valid_file(tmp_path: Path) -> None:
    assert config.__doc__
    path = written(tmp_path, config.__doc__.split("\n\n", 1)[1])
    assert config.load(path, OPTIONS).run["style"] == "great_wave"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[run]\nstile = 'a'", "did you mean style?"),
        ("[run]\nzzz = 1", "there are style, output, size, fps, mirror"),
        ("[runs]\nstyle = 'a'", "did you mean run?"),
        ("[run\nfps = 5", "line 1"),
        ("[run]\nstyle = \nfps = 5", "line 2"),
        ("run = 5", "run must be a table"),
        ("[run]\nstyle = {a = 1}", "must be a text, a number, true or false, or a list of texts"),
        ("[run]\noutput = [1, 2]", "must be a text, a number, true or false, or a list of texts"),
        ("[run]\nstyle = 2020-01-01", "must be a text, a number, true or false, or a list of texts"),
        ("[hotkeys]\nnext = 5", "must be a text like"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_the_reason(tmp_path: Path, text: str, says: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        config.load(path, OPTIONS)
    assert str(path) in str(caught.value)
    assert says in str(caught.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load(path, OPTIONS)


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load(tmp_path, OPTIONS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=200))
def test_any_file_is_read_or_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(text.encode("utf-8", "replace"))
    try:
        loaded = config.load(path, OPTIONS)
    except ConfigError:
        return
    assert loaded.run.keys() <= set(OPTIONS)


def test_file_and_styles_lie_in_stylecams_own_folders() -> None:
    assert config.default_path().name == "config.toml"
    assert "stylecam" in config.default_path().parts
    assert "stylecam" in config.user_styles().parts
