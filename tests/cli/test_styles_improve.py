"""Tests of `stylecam styles improve`: what it prints, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stylecam.cli.group import run_command_line
from stylecam.models.own_style import OwnStyle
from stylecam.training.events import FileSaved, RowsChecked, StepEvent
from stylecam.utils import paths, resources
from tests.cli.fixtures import refusal

pytest.importorskip("torch")


class FakeImprover:
    """Takes one step and is satisfied."""

    def __init__(self, file: Path, minutes: float, *, photos: Path | None, sheet: Path | None, **rest: Any) -> None:
        self._file, self._sheet, self._listener = file, sheet, rest["listener"]
        self.name, self.steps, self.gain = file.stem, 1, 0.25

    def run(self) -> None:
        self._listener(StepEvent(1, 1.0, 60.0, 0.0, {"total": 2.0}))
        self._listener(RowsChecked(self.gain, 1))
        self._listener(FileSaved("style", self._file))


@pytest.fixture
def harvest(own_settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of an own style; nothing is really trained."""
    monkeypatch.setattr(paths, "improving_file", lambda: tmp_path / "improving")
    monkeypatch.setattr("stylecam.training.improve.Improver", FakeImprover)
    monkeypatch.setattr(resources, "yield_to_other_programs", lambda: None)  # the tests go on after it
    monkeypatch.setattr("torch.set_num_threads", lambda _: None)
    file = own_settings.parent / "styles" / "harvest.style"
    OwnStyle("harvest", "Harvest", "nobody", "CC0-1.0", b"\xff\xd8\xff").write(file)
    return file


def test_the_end_says_how_much_nearer_the_style_is(harvest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["styles", "improve", "Harvest", "--threads", "1"]) == 0
    assert capsys.readouterr().out == "done: harvest is 25% nearer to its picture\n"
    assert harvest.is_file()


@pytest.mark.usefixtures("harvest")
def test_as_json_each_event_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["styles", "improve", "harvest", "--json"]) == 0
    step, gain, written = map(json.loads, capsys.readouterr().out.splitlines())
    assert step == {"share": 1.0, "seconds_left": 0.0, "steps": 1}
    assert gain == {"gain": 0.25, "steps": 1}
    assert written["style"].endswith("harvest.style")


@pytest.mark.usefixtures("harvest")
def test_what_cannot_be_done_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "there are harvest" in refusal(["styles", "improve", "meadow"], capsys)
    from stylecam.training.improve import improving_alone

    with improving_alone(paths.improving_file()):
        assert "another style is being improved" in refusal(["styles", "improve", "harvest"], capsys)
    monkeypatch.setattr("stylecam.utils.optional.is_installed", lambda _: False)
    message = refusal(["styles", "improve", "harvest"], capsys)
    assert "improving a style needs PyTorch and onnx, not installed here; run (200 MB to download): " in message
    assert 'stylecam[train]"' in message
