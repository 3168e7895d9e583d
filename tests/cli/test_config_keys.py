"""`stylecam config set` and `get`: settings by their names."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import click
import pytest

from stylecam.cli.config import get_setting, set_setting
from stylecam.cli.config_keys import complete_key, complete_value
from stylecam.cli.group import run_command_line
from tests.cli.fixtures import refusal

pytestmark = pytest.mark.usefixtures("own_settings")

COMMENTED = "# mine\n[run]\n# how fast\nfps = 25  # slow\n"


def changed(words: list[str]) -> None:
    assert run_command_line(["config", "set", *words]) == 0


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["fps", "24.5"], "fps = 24.5  # slow"),
        (["--fps", "20"], "fps = 20  # slow"),
        (["run.fps", "20"], "fps = 20  # slow"),
        (["style", "great wave"], 'style = "great wave"'),
        (["style", "the starry night"], 'style = "the starry night"'),
        (["strength", "80%"], "strength = 0.8"),
        (["scale", "auto"], 'scale = "auto"'),
        (["scale", "50%"], "scale = 0.5"),
        (["mirror", "on"], "mirror = true"),
        (["size", "720p"], 'size = "720p"'),
        (["always-on", "yes"], "always_on = true"),
        (["output", "virtual", "web:8766"], 'output = ["virtual", "web:8766"]'),
        (["hotkeys", "off"], "hotkeys = false"),
        (["server.listen", "127.0.0.1:9000"], 'listen = "127.0.0.1:9000"'),
        (["listen", "127.0.0.1:9000"], 'listen = "127.0.0.1:9000"'),
        (["hotkeys.next", "ctrl+alt+right"], 'next = "ctrl+alt+right"'),
        (["hotkeys.preset:calm", "ctrl+alt+y"], '"preset:calm" = "ctrl+alt+y"'),
        (["scenes.Just chatting", "udnie"], '"Just chatting" = "udnie"'),
        (["presets.very calm.strength", "70%"], "strength = 0.7"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_setting_is_set_and_the_rest_of_the_file_stays(
    words: list[str], line: str, own_settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own_settings.write_text(COMMENTED)
    changed(words)
    lines = own_settings.read_text().splitlines()
    assert line in lines
    assert {"# mine", "# how fast"} <= set(lines)
    assert str(own_settings) in capsys.readouterr().out
    assert run_command_line(["config", "list"]) == 0


def test_the_first_setting_makes_a_file_that_explains_all_others(own_settings: Path) -> None:
    changed(["fps", "25"])
    text = own_settings.read_text()
    assert "\nfps = 25\n" in text
    assert "\n# fps" not in text
    assert "## Frames per second to publish." in text
    if sys.platform != "win32":
        assert stat.S_IMODE(own_settings.stat().st_mode) == 0o600


def test_a_setting_is_changed_where_the_file_has_it(own_settings: Path) -> None:
    own_settings.write_text('[run]\nlisten = "0.0.0.0"\n')
    changed(["listen", "127.0.0.1"])
    assert own_settings.read_text() == '[run]\nlisten = "127.0.0.1"\n'


def test_a_path_is_kept_as_seen_from_everywhere(
    own_settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    changed(["panic_picture", "soon.png"])
    capsys.readouterr()
    assert run_command_line(["config", "get", "panic.picture"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "soon.png")
    assert own_settings.is_file()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["fps", "1000"], "--fps 1000 is out of range"),
        (["fps", "-5"], "--fps -5 is out of range"),
        (["fps", "fast"], "--fps 'fast' must be a number from 1 to 120, for example 30"),
        (["threads", "1.5"], "must be a whole number"),
        (["mirror", "maybe"], "--mirror 'maybe' must be true or false"),
        (["size", "641x480"], "write 642x480"),
        (["style", "grate_wave"], "did you mean great_wave"),
        (["engine", "tensorflow"], "there is no engine"),
        (["fps", "25", "30"], "fps has one value"),
        (["fsp", "25"], "there is no setting 'fsp'; did you mean fps?"),
        (["presets.calm.stile", "x"], "there is no setting"),
        (["hotkeys.nxt", "ctrl+alt+n"], "there is no action 'nxt'"),
        (["hotkeys.next", "n"], "would fire while typing"),
        (["scenes.Game", "nothing"], "no style is called 'nothing'"),
        (["presets.calm.strength", "2"], "must be a number from 0 to 1"),
        (["token", "short"], "token"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_changes_nothing(
    words: list[str], says: str, own_settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own_settings.write_text(COMMENTED)
    assert says in refusal(["config", "set", *words], capsys)
    assert own_settings.read_text() == COMMENTED


def test_a_secret_is_neither_printed_nor_readable_for_others(
    own_settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own_settings.write_text(COMMENTED)
    own_settings.chmod(0o644)
    changed(["token", "a-secret-word"])
    assert "token is set in" in (said := capsys.readouterr().out)
    assert "a-secret-word" not in said + refusal(["config", "get", "token"], capsys)
    if sys.platform != "win32":
        assert stat.S_IMODE(own_settings.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("key", "printed"),
    [
        ("fps", "25.0\n"), ("size", "1280x720\n"), ("output", "virtual\nwindow\n"), ("mirror", "false\n"),
        ("scale", "auto\n"), ("hotkeys.next", "ctrl+alt+y\n"), ("scenes.Game", "udnie\n"),
        ("presets.calm.strength", "0.5\n"), ("steadiness", "0.4\n"),
    ],
)  # fmt: skip
def test_a_setting_is_printed_as_it_counts(
    key: str, printed: str, own_settings: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own_settings.write_text(
        '[run]\nfps = 25\noutput = ["virtual", "window"]\nsteadiness = 0.2\n[hotkeys]\nnext = "ctrl+alt+y"\n'
        '[scenes]\nGame = "udnie"\n[presets.calm]\nstrength = 0.5\n'
    )
    monkeypatch.setenv("STYLECAM_STEADINESS", "0.4")
    assert run_command_line(["config", "get", key]) == 0
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize("key", ["camera", "hotkeys.next", "presets.calm.style"])
def test_what_is_not_set_is_another_exit_status(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["config", "get", key]) == 1
    assert f"{key} is not set" in capsys.readouterr().err


def test_a_variable_that_wins_over_the_file_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STYLECAM_FPS", "20")
    changed(["fps", "25"])
    assert "STYLECAM_FPS is set and wins" in capsys.readouterr().err


def test_settings_and_their_values_complete() -> None:
    context = click.Context(set_setting)
    key, values = set_setting.params[-2:]
    assert [item.value for item in complete_key(context, key, "stre")] == ["strength", "stream_bitrate"]
    context.params["key"] = "style"
    assert [item.value for item in complete_value(context, values, "gre")] == ["great_wave"]
    context.params["key"] = "mirror"
    assert [item.value for item in complete_value(context, values, "")] == ["true", "false"]
    context.params["key"] = "nonsense"
    assert complete_value(context, values, "") == []
    assert get_setting.params[-1].name == "key"
