"""`stylecam compare` as a user types it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest

from stylecam.cli.compare import command
from stylecam.cli.group import run_command_line
from tests.cli.fixtures import refusal


@pytest.fixture
def pictures(tmp_path: Path, training_packages: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in ("ours", "theirs"):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "a.png"), np.full((8, 8, 3), len(folder), np.uint8))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_pairs_are_made_and_votes_counted(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(shlex.split("compare pairs ours theirs -o look")) == 0
    assert "wrote 2 pictures" in capsys.readouterr().err
    key = json.loads((pictures / "look" / "key.json").read_text())["pairs"]
    (pictures / "v.json").write_text(json.dumps({number: {"hand": one["first"]} for number, one in key.items()}))
    assert run_command_line(shlex.split("compare votes look v.json --json")) == 0
    hand, wear = json.loads(capsys.readouterr().out)
    assert (hand["wins"], hand["decided"], hand["share"], wear["decided"]) == (1, 1, 1.0, 0)
    assert run_command_line(shlex.split("compare votes look v.json")) == 0
    assert "painted by hand" in capsys.readouterr().out


def test_a_wrong_folder_is_one_line(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "nowhere is not a folder" in refusal(["compare", "pairs", "ours", "nowhere", "-o", "look"], capsys)
    assert not (pictures / "look").exists()


@pytest.mark.parametrize("name", ["pairs", "votes"])
def test_every_option_is_explained(name: str) -> None:
    options = [option for option in command.commands[name].params if option.param_type_name == "option"]
    assert all(getattr(option, "help", None) for option in options)
