"""The statistics file of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stylecam.live import stats as room
from stylecam.live.stats import StatsFile


@pytest.fixture
def said() -> list[str]:
    return []


def test_the_newest_figures_are_in_the_file(tmp_path: Path, said: list[str]) -> None:
    file = StatsFile(tmp_path / "stats.json", said.append)
    for published in (1, 2):
        file.write({"published": published}, 0.0)
    assert json.loads((tmp_path / "stats.json").read_text()) == {"published": 2}


def test_it_is_written_every_second(tmp_path: Path, said: list[str]) -> None:
    file = StatsFile(tmp_path / "stats.json", said.append)
    written = []
    for now in (100.0, 100.5, 101.0, 101.9, 102.5):
        if file.due(now):
            file.write({}, now)
            written.append(now)
    assert written == [100.0, 101.0, 102.5]


def test_without_a_path_nothing_is_ever_due_or_written(said: list[str]) -> None:
    file = StatsFile(None, said.append)
    file.write({}, 0.0)
    assert not file.due(1e9)


def test_a_full_disk_is_said_once_until_it_has_worked_again(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = [True]

    def write(*_: object) -> None:
        if full[0]:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(room, "write_json", write)
    file = StatsFile(tmp_path / "stats.json", said.append)
    for full[0] in (True, True, False, True):
        file.write({}, 0.0)
    assert len(said) == 2
    assert all("cannot be written any more: No space left on device" in line for line in said)
