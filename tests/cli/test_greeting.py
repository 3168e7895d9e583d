"""Tests of what `stylecam run` says first."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest

from stylecam.cli import browser
from stylecam.cli.greeting import visibility
from stylecam.cli.group import run_command_line
from stylecam.live.report import MissingCamera, OutputStatus
from stylecam.utils import paths

pytestmark = pytest.mark.usefixtures("own_settings")

SHORT = ("--camera", "demo", "--seconds", "0.2", "--size", "128x96", "--no-hotkeys", "--style", "none")


def lines_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert run_command_line(["run", *SHORT, *arguments]) == 0
    return capsys.readouterr().err.splitlines()


def output(kind: str, name: str = "", label: str | None = None) -> OutputStatus:
    return OutputStatus(name, None, kind=kind, label=label)


def test_a_start_says_three_things_and_its_end_one(capsys: pytest.CaptureFixture[str]) -> None:
    page, sees, keys, ended = lines_of(capsys, "--output", "null")
    token = paths.token_file().read_text().strip()
    assert page.startswith("Page: http://127.0.0.1:")
    assert f"?token={token} " in page
    assert sees.startswith("No program can see you")
    assert "stylecam ctl" in keys  # these tests have no terminal
    assert "ended after " in ended


def test_the_link_is_the_same_at_the_next_start(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = (lines_of(capsys, "--output", "null")[0] for _ in range(2))
    assert first.partition("?token=")[2] == second.partition("?token=")[2]


def test_a_token_of_ones_own_wins(capsys: pytest.CaptureFixture[str]) -> None:
    assert "?token=my-own-token " in lines_of(capsys, "--output", "null", "--token", "my-own-token")[0]


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX")
def test_a_token_that_others_can_read_is_said_and_not_used(capsys: pytest.CaptureFixture[str]) -> None:
    lines_of(capsys, "--output", "null")
    file = paths.token_file()
    before = file.read_text().strip()
    file.chmod(0o644)
    warning, page, *_ = lines_of(capsys, "--output", "null")
    assert "stylecam token --new" in warning
    assert "?token=" in page
    assert before not in page
    assert run_command_line(["token", "--new"]) == 0
    assert str(file) in capsys.readouterr().out
    assert len(lines_of(capsys, "--output", "null")) == 4


def test_a_start_without_a_page_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines_of(capsys, "--output", "null", "--no-server")[0] == "There is no page (--no-server)."


def test_camera_engine_styles_and_outputs_are_shown_with_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    text = "\n".join(lines_of(capsys, "--output", "null", "-v"))
    for words in ("camera: demo", "engine: ", "output: null", "1 starry_night", "n next style"):
        assert words in text


@pytest.mark.parametrize(
    ("outputs", "line"),
    [
        ([output("virtual", "virtual camera /dev/video10", "stylecam")], "Zoom and others see the camera 'stylecam'"),
        ([output("pipewire", "", "stylecam")], "browsers and OBS see the camera 'stylecam' through PipeWire"),
        ([output("stream", "srt://0.0.0.0:9000")], "streaming to srt://0.0.0.0:9000"),
        ([output("file", "file talk.mp4")], "recording to talk.mp4"),
        (
            [output("virtual", "", "stylecam"), output("web", "web"), output("file", "file talk.mp4")],
            "Zoom and others see the camera 'stylecam'; recording to talk.mp4",
        ),
        ([output("web", "web")], "No program can see you: --output virtual shows you to Zoom and others"),
    ],
)
def test_one_line_says_what_sees_you(outputs: list[OutputStatus], line: str) -> None:
    assert visibility(outputs, None) == line


@pytest.mark.parametrize(
    ("missing", "line"),
    [
        (MissingCamera("why", "set it up", "stylecam setup"), "No program can see you yet: stylecam setup"),
        (
            MissingCamera("why", "close ffmpeg (process 4)", None),
            "No program can see you yet: close ffmpeg (process 4)",
        ),
    ],
)
def test_without_a_virtual_camera_the_line_says_what_to_do(missing: MissingCamera, line: str) -> None:
    assert visibility([output("web", "web")], missing) == line


def test_where_pipewire_runs_the_line_says_so_and_what_is_missing() -> None:
    seen = [output("virtual", "", "stylecam"), output("pipewire", "", "stylecam")]
    through = "browsers and OBS see the camera 'stylecam' through PipeWire"
    assert visibility(seen, None) == f"Zoom and others see the camera 'stylecam'; {through}"
    missing = MissingCamera("why", "set it up", "stylecam setup")
    assert visibility(seen[1:], missing) == f"{through}; Zoom and others do not see you yet: stylecam setup"


def test_the_page_opens_by_itself_on_a_desktop_unless_told_otherwise(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(browser, "is_wanted", lambda *_: True)
    monkeypatch.setattr(browser, "open_address", opened.append)
    lines_of(capsys, "--output", "null")
    (address,) = opened
    assert "?code=" in address
    assert paths.token_file().read_text().strip() not in address  # all users can read the arguments of a browser
    lines_of(capsys, "--output", "null", "--no-open")
    lines_of(capsys, "--output", "null", "--no-server")
    assert len(opened) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="services are told apart by systemd's variables")
def test_a_service_opens_no_page_and_logs_no_token(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(browser, "is_wanted", lambda *_: True)
    monkeypatch.setattr(browser, "open_address", opened.append)
    monkeypatch.setenv("NOTIFY_SOCKET", "@nobody-listens")
    said: Any = lines_of(capsys, "--output", "null")
    assert opened == []
    assert not any("token=" in line for line in said)
