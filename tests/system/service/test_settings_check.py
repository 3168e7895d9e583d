"""A service starts in another folder than the one it was installed from."""

from __future__ import annotations

from pathlib import Path

import pytest

from stylecam.cli.group import run_command_line
from stylecam.errors import UsageError
from stylecam.live.settings import Settings
from stylecam.system.service.settings_check import check_service_settings

CONFIG = Path.home() / "config.toml"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("clip.mp4", "mine.onnx", "own.toml"):
        (tmp_path / name).write_text("")


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (Settings(camera="clip.mp4"), "--camera clip.mp4"),
        (Settings(style="mine.onnx"), "--style mine.onnx"),
        (Settings(stats=Path("stats.json")), "--stats stats.json"),
        (Settings(panic_picture=Path("a.png")), "--panic-picture a.png"),
        (Settings(outputs=("virtual", "file:talk.mp4")), "--output talk.mp4"),
    ],
    ids=["camera", "style", "stats", "panic picture", "output"],
)
def test_a_file_it_would_not_find_is_refused_with_the_whole_path(
    settings: Settings, named: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        check_service_settings(settings, CONFIG)
    assert str(caught.value).startswith(f"{named}: ")
    assert str(caught.value).endswith(str(tmp_path / named.partition(" ")[2]))


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(camera="0", style="great_wave", outputs=("virtual:/dev/video7", "web", "null")),
        Settings(camera="rtsp://studio/live", outputs=("file:~/talk.mp4",)),
        Settings(camera=str(Path.home()), style=str(Path.home() / "a.onnx"), stats=Path.home() / "s.json"),
    ],
    ids=["nothing", "no files", "an address", "whole paths"],
)
def test_what_is_found_from_anywhere_is_fine(settings: Settings) -> None:
    check_service_settings(settings, CONFIG)


def test_a_configuration_file_it_would_not_find_is_refused_before_anything_is_installed(
    own_settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["service", "install", "--config", "own.toml"]) == 2
    assert f"write {tmp_path / 'own.toml'}" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["flag", "file"])
def test_a_style_that_is_not_there_is_refused_before_anything_is_installed(
    wrong: str, own_settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if wrong == "file":
        own_settings.write_text('[scenes]\n"Game" = "no_such"\n')
    assert run_command_line(["service", "install", *(["--style", "no_such"] if wrong == "flag" else [])]) == 2
    assert "no style is called 'no_such'" in capsys.readouterr().err
