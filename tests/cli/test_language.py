"""Tests of the language of the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stylecam.cli import language
from stylecam.cli.group import run_command_line
from stylecam.system import probe
from tests.system.fake_host import healthy

pytestmark = pytest.mark.usefixtures("own_settings")

RUN = ("run", "--camera", "demo", "--seconds", "0.2", "--size", "128x96", "--no-hotkeys", "--style", "none")
OUTPUT = ("--output", "null", "--no-server")


@pytest.fixture(autouse=True)
def _english_afterwards() -> Iterator[None]:
    yield
    language.speak("en")


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> None:
    host, _ = healthy()
    monkeypatch.setattr(probe, "HostProbe", lambda _: host)


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({"LANG": "de_AT.UTF-8"}, ["de_AT.UTF-8"]),
        ({"LANG": "de_DE.UTF-8", "LC_MESSAGES": "fr_FR.UTF-8"}, ["fr_FR.UTF-8"]),
        ({"LANG": "de_DE.UTF-8", "LANGUAGE": "ko:ja"}, ["ko", "ja"]),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "C.UTF-8", "LANGUAGE": "ko"}, []),
        ({"LANG": "", "LC_ALL": "POSIX"}, []),
        ({}, []),
    ],
)
def test_the_environment_asks_for_languages(variables: dict[str, str], wanted: list[str]) -> None:
    assert language.of_environment(variables) == wanted


def test_a_terminal_without_the_letters_gets_english(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ascii:
        encoding = "ascii"

    monkeypatch.setattr("sys.stderr", Ascii())
    language.speak("ko")
    assert language.say("? for keys") == "? for keys"


def test_a_run_speaks_the_language_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert run_command_line([*RUN, *OUTPUT]) == 0
    page, sees, *_, ended = capsys.readouterr().err.splitlines()
    assert page == "Es gibt keine Seite (--no-server)."
    assert sees.startswith("Kein Programm kann Sie sehen")
    assert ended.startswith("beendet nach")
    assert "Bilder je Sekunde" in ended


def test_the_option_wins_over_the_file_and_the_file_over_the_environment(
    own_settings: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def first_line(*arguments: str) -> str:
        assert run_command_line([*RUN, *OUTPUT, *arguments]) == 0
        return capsys.readouterr().err.splitlines()[0]

    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    own_settings.write_text('[run]\nlanguage = "fr"\n', "utf-8")
    assert first_line() == "Il n’y a pas de page (--no-server)."
    assert first_line("--language", "ja") == "ページはありません（--no-server）。"
    monkeypatch.setenv("STYLECAM_LANGUAGE", "es")
    assert first_line() == "No hay página (--no-server)."


@pytest.mark.usefixtures("host")
def test_setup_and_doctor_speak_it_as_well(own_settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own_settings.write_text('[run]\nlanguage = "de"\n', "utf-8")
    assert run_command_line(["setup", "--dry-run"]) == 0
    assert capsys.readouterr().out == "Alles ist schon eingerichtet.\n"
    assert run_command_line(["setup", "--dry-run", "--language", "zh"]) == 0
    assert capsys.readouterr().out == "一切均已设置完毕。\n"
    run_command_line(["doctor"])
    assert "Virtuelle Kamera" in capsys.readouterr().out


@pytest.mark.usefixtures("host")
def test_what_programs_and_maintainers_read_stays_english(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ("--json", "--report"):
        run_command_line(["doctor", "--language", "de", words])
        assert "Virtual camera" in capsys.readouterr().out


@pytest.mark.parametrize("command", [RUN, ("setup",), ("doctor",)], ids=lambda command: command[0])
def test_a_language_that_does_not_exist_is_refused_in_one_line(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line([*command, "--language", "klingon"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("stylecam: there is no language 'klingon'; choose en (English), ko (한국어), de (Deutsch)")


def test_the_error_that_ends_a_run_is_in_its_language(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["run", "--camera", "/nowhere.mp4", "--language", "de", *OUTPUT]) == 2
    assert "es gibt keine Datei /nowhere.mp4; prüfen Sie den Pfad" in capsys.readouterr().err


def test_other_commands_stay_english(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    run_command_line([*RUN, *OUTPUT])
    assert run_command_line(["image", "/nowhere.jpg"]) == 2
    assert "/nowhere.jpg" in capsys.readouterr().err.splitlines()[-1]
    assert language.current().code == "en"
