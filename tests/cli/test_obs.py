"""`stylecam obs`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from stylecam.cli.group import run_command_line
from stylecam.control.obs_inputs import media_source_fields
from stylecam.models.catalog import Catalog
from tests.control.running_server import RunningServerWithPresets, free_port

pytestmark = pytest.mark.usefixtures("own_settings")


@pytest.fixture
def served(own_settings: Path, catalog: Catalog) -> Iterator[RunningServerWithPresets]:
    with RunningServerWithPresets(catalog).discoverable() as running:
        yield running


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool | None]:
    """What is found of an OBS on this computer: None where there is none."""
    found: dict[str, bool | None] = {"browser": None}
    monkeypatch.setattr("stylecam.system.obs_studio.has_browser_source", lambda: found["browser"])
    return found


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    assert run_command_line(["obs"]) == 0
    return capsys.readouterr().out


def test_every_field_of_the_dialog_is_printed_with_the_token_and_the_size(
    served: RunningServerWithPresets, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys)
    for field in media_source_fields(f"{served.server.url}stream.mjpg?token={served.server.token}"):
        assert re.search(rf"^  {field.label} +{re.escape(field.text)}$", text, re.MULTILINE), field
    assert f"{served.server.url}picture?token={served.server.token}" in text
    assert "1280" in text
    assert "720" in text


def test_a_browser_source_is_only_advised_where_obs_may_have_one(
    served: RunningServerWithPresets, capsys: pytest.CaptureFixture[str], installed: dict[str, bool | None]
) -> None:
    assert "Sources > + > Browser, if your OBS has it" in printed(capsys)
    installed["browser"] = True
    assert "Sources > + > Browser\n" in printed(capsys)
    installed["browser"] = False
    text = printed(capsys)
    assert "has no Browser source" in text
    assert "picture?token" not in text


def test_the_obs_of_the_configuration_file_is_asked_while_it_runs(
    served: RunningServerWithPresets,
    capsys: pytest.CaptureFixture[str],
    own_settings: Path,
    installed: dict[str, bool | None],
) -> None:
    pytest.importorskip("simpleobsws")
    from tests.control.fake_obs import FakeObs

    installed["browser"] = False
    obs = FakeObs(free_port(), "secret").start()
    try:
        own_settings.write_text(f'[obs]\nurl = "ws://:secret@127.0.0.1:{obs.port}"\n')
        assert "Sources > + > Browser\n" in printed(capsys)
    finally:
        obs.stop()
    assert "has no Browser source" in printed(capsys)


def test_everything_can_be_had_as_json(served: RunningServerWithPresets, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["obs", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["browser_source"] == f"{served.server.url}picture?token={served.server.token}"
    assert told["media_source_settings"]["input"] == told["media_source"]
    assert told["has_browser_source"] is None


def test_without_a_running_stylecam_it_says_how_to_start_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["obs"]) == 2
    assert "start one with `stylecam run`" in capsys.readouterr().err
