"""`stylecam models export` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stylecam.cli.group import run_command_line


def test_networks_are_exported(tmp_path: Path, own_settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "served"
    assert run_command_line(["models", "export", str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["folder"] == str(folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted(["config.json", *told["networks"]])


def test_a_place_that_is_no_folder_is_one_line(
    tmp_path: Path, own_settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert run_command_line(["models", "export", str(tmp_path / "file")]) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert "the networks cannot be written to" in printed.err
