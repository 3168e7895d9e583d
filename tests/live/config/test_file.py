"""The configuration file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stylecam.errors import ConfigError, StyleNotFoundError
from stylecam.live.config import file as config
from stylecam.live.settings import Settings
from stylecam.models.catalog import Catalog
from stylecam.utils import paths
from stylecam.utils.options import options_of

NAMES = {"style", "room", "framing", "output", "size", "fps", "threads", "mirror", "server", "listen", "panic_picture"}
OPTIONS = [option for option in options_of(Settings) if option.name in NAMES]


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
    loaded = config.load(path, OPTIONS)
    assert loaded.run == {"style": "great_wave", "output": ["virtual", "window"], "fps": 25, "mirror": True}
    assert loaded.hotkeys == {"next": "ctrl+alt+right", "select:1": "ctrl+alt+1"}


def test_presets_and_scenes_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, '[presets."very calm"]\nstyle = "a"\nstrength = 1\n[scenes]\n"My game" = "very calm"\n')
    loaded = config.load(path, OPTIONS)
    assert loaded.presets == {"very calm": {"style": "a", "strength": 1}}
    assert loaded.scenes == {"My game": "very calm"}


def test_a_share_may_be_a_percentage(tmp_path: Path) -> None:
    loaded = config.load(written(tmp_path, '[presets.calm]\nstrength = "80%"\n'), OPTIONS)
    assert loaded.presets == {"calm": {"strength": 0.8}}


def test_small_tables_set_options_of_other_names(tmp_path: Path) -> None:
    path = written(tmp_path, '[server]\nenabled = false\nlisten = "0.0.0.0"\n[panic]\npicture = "a.png"\n')
    assert config.load(path, OPTIONS).run == {"server": False, "listen": "0.0.0.0", "panic_picture": "a.png"}


def test_the_example_in_the_documentation_is_a_valid_file(tmp_path: Path) -> None:
    assert config.__doc__
    example = config.__doc__.split("\n\n", 1)[1].rsplit("\n\n", 1)[0]
    loaded = config.load(written(tmp_path, example), OPTIONS)
    assert loaded.run["style"] == "great_wave"
    assert loaded.presets["calm"]["preserve_color"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[run]\nstile = 'a'", "line 2: [run] stile: there is no such key; did you mean style?"),
        ("[run]\nzzz = 1", "there are style, room, framing, mirror, size, fps, output"),
        ("[runs]\nstyle = 'a'", "line 1: [runs]: there is no such table; did you mean run?"),
        ("style = 'a'", "line 1: style stands in no table; write [run] on a line of its own above it"),
        ("[run\nfps = 5", "line 1"),
        ("[run]\nstyle = \nfps = 5", "line 2"),
        ("run = 5", "line 1: [run]: run must be a table"),
        ("[run]\n\nstyle = {a = 1}", "line 3: [run] style: must be a text"),
        ("[run]\nstyle = true", "must be a text"),
        ("[run]\nstyle = 2020-01-01", "must be a text"),
        ("[run]\noutput = [1, 2]", "line 2: [run] output: must be a list of texts"),
        ("[run]\nfps = 'fast'", "line 2: [run] fps: must be a number"),
        ("[run]\nthreads = 1.5", "must be a whole number"),
        ("[run]\nmirror = 1", "must be true or false"),
        ("[run]\nlisten = ':1'\n[server]\nlisten = ':2'", "line 4: [server] listen: is set by [run] listen as well"),
        ("[server]\nenabled = 'no'", "line 2: [server] enabled: must be true or false"),
        ("[server]\nport = 5", "line 2: [server] port: there is no such key"),
        ("[hotkeys]\nnext = 5", "line 2: [hotkeys] next: must be a text like"),
        ("[scenes]\na = 5", "line 2: [scenes] a: must be the name"),
        ("[presets]\ncalm = 5", "line 2: [presets] calm: must be a table; write [presets.calm]"),
        ("[presets.calm]", "line 1: [presets] calm: sets nothing"),
        ("[presets.'']\nstyle = 'a'", "a preset's name must have"),
        ("[presets.calm]\nstyle = 5", 'line 2: [presets.calm] style: must be a text, for example "great_wave"'),
        ("[presets.calm]\nstrenth = 1", "line 2: [presets.calm] strenth: there is no such key; did you mean strength?"),
        ("[presets.calm]\nstrength = 1.5", "line 2: [presets.calm] strength: must be a number from 0 to 1"),
        ("[presets.calm]\nstrength = nan", "must be a number from 0 to 1"),
        ("[presets.calm]\nsteadiness = true", "must be a number from 0 to 1"),
        ("[presets.calm]\npreserve_color = 1", "must be true or false"),
        ("[presets.calm]\npaint = 'me'", "line 2: [presets.calm] paint: must be everything, person or room"),
        ("[presets.calm]\nroom = 'blur:2'", "line 2: [presets.calm] room: the blur '2' is no strength from 0 to 1"),
        ("[run]\nframing = 'far'", "line 2: [run] framing: must be off, gentle or close"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_its_line_and_the_reason(tmp_path: Path, text: str, says: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        config.load(path, OPTIONS)
    assert str(path) in str(caught.value)
    assert says in str(caught.value)


def _parse(style: str) -> None:
    if style != "great_wave":
        raise StyleNotFoundError(f"no style is called {style!r}")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[run]\nstyle = 'grate_wave'", "line 2: [run] style: no style is called 'grate_wave'"),
        ("[presets.calm]\nstyle = 'grate_wave'", "line 2: [presets.calm] style: no style is called 'grate_wave'"),
        ("[run]\nroom = 'style:udni'", "line 2: [run] room: no style is called 'udni'"),
        ("[presets.a]\nroom = 'style:udni'", "line 2: [presets.a] room: no style is called 'udni'"),
        ("[presets.a]\nstrength = 1\n[scenes]\nx = 'b'", "line 4: [scenes] x: no style is called 'b'; of presets"),
    ],
)
def test_a_missing_style_is_named_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(written(tmp_path, text), OPTIONS).check_styles(_parse)
    assert says in str(caught.value)


@pytest.mark.parametrize("text", ["[presets.calm]\nstyle = 'mine.onnx'", "[scenes]\na = '/home/me/mine.onnx'"])
def test_a_preset_or_scene_that_names_a_file_is_refused_as_its_command_is(tmp_path: Path, text: str) -> None:
    loaded = config.load(written(tmp_path, text), OPTIONS)
    with pytest.raises(ConfigError, match=r"line 2: .*mine\.onnx' is a file; start with --style .*stylecam styles add"):
        loaded.check_styles(Catalog().parse)


def test_a_scene_may_name_a_preset_or_a_style(tmp_path: Path) -> None:
    text = "[presets.calm]\nstrength = 1\n[scenes]\na = 'calm'\nb = 'great_wave'"
    config.load(written(tmp_path, text), OPTIONS).check_styles(_parse)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is no UTF-8 text; save it as UTF-8"):
        config.load(path, OPTIONS)


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load(tmp_path, OPTIONS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=200) | st.sampled_from(["[run]", "[presets.a]", "[scenes]"]).flatmap(
    lambda head: st.text("abstyle =\"'.[]{}#\n1", max_size=60).map(lambda body: f"{head}\n{body}")
))  # fmt: skip
def test_any_file_is_read_or_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(text.encode("utf-8", "replace"))
    try:
        loaded = config.load(path, OPTIONS)
    except ConfigError:
        return
    assert loaded.run.keys() <= NAMES


def test_configuration_and_styles_are_in_folders_of_stylecam() -> None:
    assert paths.config_file().name == "config.toml"
    assert "stylecam" in paths.config_file().parts
    assert "stylecam" in paths.user_styles().parts


def test_a_folder_in_place_of_the_file_is_refused_without_an_error_number(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: [^\[]*; make it a file"):
        config.load(tmp_path, OPTIONS)
