"""`stylecam obs`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from stylecam.cli.group import run_command_line
from stylecam.models.catalog import Catalog
from tests.control.running_server import RunningServerWithPresets

pytestmark = pytest.mark.usefixtures("own_settings")


@pytest.fixture
def served(own_settings: Path, catalog: Catalog) -> Iterator[RunningServerWithPresets]:
    with RunningServerWithPresets(catalog).discoverable() as running:
        yield running


def test_both_addresses_are_printed_with_the_token_and_the_size(
    served: RunningServerWithPresets, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["obs"]) == 0
    text = capsys.readouterr().out
    assert f"{served.server.url}picture?token={served.server.token}" in text
    assert f"{served.server.url}stream.mjpg?token={served.server.token}" in text
    assert "1280" in text
    assert "720" in text


def test_they_can_be_had_as_json(served: RunningServerWithPresets, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["obs", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["browser_source"] == f"{served.server.url}picture?token={served.server.token}"


def test_without_a_running_stylecam_it_says_how_to_start_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["obs"]) == 2
    assert "start one with `stylecam run`" in capsys.readouterr().err
