"""Files are written whole or not at all."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from stylecam.files import write_json


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    write_json(tmp_path / "stats.json", {"style": "great_wave", "rung": [512, 288]})
    assert json.loads((tmp_path / "stats.json").read_text()) == {"style": "great_wave", "rung": [512, 288]}


def test_a_file_that_was_there_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "stats.json").write_text("x" * 10_000)
    write_json(tmp_path / "stats.json", {})
    assert (tmp_path / "stats.json").read_text() == "{}\n"


def test_nothing_else_is_left_in_the_folder(tmp_path: Path) -> None:
    write_json(tmp_path / "stats.json", {})
    assert [path.name for path in tmp_path.iterdir()] == ["stats.json"]


def test_when_writing_fails_the_old_file_stays_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "stats.json").write_text("old")
    with pytest.raises(TypeError):
        write_json(tmp_path / "stats.json", {"a": 1, "b": object()})
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"stats.json": "old"}


def test_a_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        write_json(tmp_path / "missing" / "stats.json", {})


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_other_users_may_read_it(tmp_path: Path) -> None:
    write_json(tmp_path / "stats.json", {})
    assert os.stat(tmp_path / "stats.json").st_mode & 0o777 == 0o644  # noqa: PTH116


def test_a_reader_never_sees_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the moment the new file gets its name it is already complete."""
    seen = []
    replace = Path.replace

    def watched(self: Path, target: Path) -> Path:
        seen.append(json.loads(self.read_text()))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    write_json(tmp_path / "stats.json", list(range(1000)))
    assert seen == [list(range(1000))]
