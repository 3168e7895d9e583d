"""Tests of atomic writes and of checks on file names."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stylecam.errors import UsageError
from stylecam.utils.files import (
    atomic_file,
    check_file_name,
    check_writable,
    create_numbered_part,
    create_part_file,
    create_unique_file,
    rename_part,
    unused_name,
    write_json,
)


def test_an_unused_name_has_a_number_where_the_file_or_its_part_file_exists(tmp_path: Path) -> None:
    target = tmp_path / "talk.mp4"
    assert unused_name(target) == target
    target.touch()
    create_part_file(tmp_path / "talk-2.mp4")
    assert unused_name(target) == tmp_path / "talk-3.mp4"


def test_json_is_read_back_as_written(tmp_path: Path) -> None:
    write_json(tmp_path / "stats.json", {"style": "great_wave", "rung": [512, 288]})
    assert json.loads((tmp_path / "stats.json").read_text()) == {"style": "great_wave", "rung": [512, 288]}


def test_an_existing_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "stats.json").write_text("x" * 10_000)
    write_json(tmp_path / "stats.json", {})
    assert (tmp_path / "stats.json").read_text() == "{}\n"


def test_no_temporary_file_is_left_in_the_folder(tmp_path: Path) -> None:
    write_json(tmp_path / "stats.json", {})
    assert [path.name for path in tmp_path.iterdir()] == ["stats.json"]


def test_when_writing_fails_only_the_old_file_is_left(tmp_path: Path) -> None:
    (tmp_path / "stats.json").write_text("old")
    with pytest.raises(TypeError):
        write_json(tmp_path / "stats.json", {"a": 1, "b": object()})
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"stats.json": "old"}


def test_a_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        write_json(tmp_path / "missing" / "stats.json", {})


@pytest.fixture
def umask() -> Iterator[None]:
    """Let the group read new files and others not."""
    before = os.umask(0o027)
    yield
    os.umask(before)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
@pytest.mark.usefixtures("umask")
def test_a_new_file_follows_the_users_umask(tmp_path: Path) -> None:
    write_json(tmp_path / "stats.json", {})
    assert mode(tmp_path / "stats.json") == 0o640


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_a_private_file_stays_private(tmp_path: Path) -> None:
    write_json(tmp_path / "stats.json", {})
    (tmp_path / "stats.json").chmod(0o600)
    write_json(tmp_path / "stats.json", {})
    assert mode(tmp_path / "stats.json") == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    link = tmp_path / "stats.json"
    link.symlink_to(tmp_path / "disk" / "real.json")
    for value in (1, 2):  # the first write creates the file
        check_writable(link)
        write_json(link, value)
        assert link.is_symlink()
        assert [(path.name, path.read_text()) for path in (tmp_path / "disk").iterdir()] == [
            ("real.json", f"{value}\n")
        ]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_circular_links_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(UsageError, match="cannot be written"):
        check_writable(tmp_path / "a")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_pipe_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        write_json(tmp_path / "pipe", {})
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_a_secret_file_is_private_before_anything_is_written(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "token.json", mode=0o600) as file:
        assert [mode(path) for path in tmp_path.iterdir()] == [0o600]
        file.write(b"secret")
    assert mode(tmp_path / "token.json") == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_the_new_content_of_a_private_file_is_private_from_the_first_moment(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.touch(0o600)
    with atomic_file(path):
        assert [mode(each) for each in tmp_path.iterdir()] == [0o600, 0o600]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_reader_never_sees_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new file is complete before it gets its name."""
    contents = []
    replace = Path.replace

    def recording_replace(self: Path, target: Path) -> Path:
        contents.append(json.loads(self.read_text()))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", recording_replace)
    write_json(tmp_path / "stats.json", list(range(1000)))
    assert contents == [list(range(1000))]


@pytest.mark.parametrize("text", ["me", "me and you", "Büro-2", "一", "a_b"])
def test_a_plain_name_is_accepted_unchanged(text: str) -> None:
    assert check_file_name(f" {text} ") == text


INVALID_NAMES = ["", " ", "a/b", "a\\b", "..", ".hidden", "a.b", "a:b", "a\0b", "a\nb", "x" * 81, "*"]


@pytest.mark.parametrize("text", INVALID_NAMES)
def test_a_name_that_could_leave_the_folder_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="cannot be a file's name"):
        check_file_name(text)


def test_a_new_file_never_replaces_another(tmp_path: Path) -> None:
    names = [create_unique_file(tmp_path, "me", ".png").name for _ in range(3)]
    assert names == ["me.png", "me-2.png", "me-3.png"]


def test_a_part_file_keeps_the_suffix_and_never_replaces_another(tmp_path: Path) -> None:
    assert create_part_file(tmp_path / "talk.mp4").name == "talk.part.mp4"
    with pytest.raises(FileExistsError):
        create_part_file(tmp_path / "talk.mp4")


def test_two_writers_of_one_file_get_two_names(tmp_path: Path) -> None:
    (tmp_path / "talk-2.mp4").write_text("an older one")
    pairs = [create_numbered_part(tmp_path / "talk.mp4") for _ in range(2)]
    assert [(path.name, part.name) for path, part in pairs] == [
        ("talk.mp4", "talk.part.mp4"),
        ("talk-3.mp4", "talk-3.part.mp4"),
    ]


def test_many_writers_at_the_same_time_get_as_many_names(tmp_path: Path) -> None:
    def write(_: int) -> Path:
        path, part = create_numbered_part(tmp_path / "talk.mp4")
        return rename_part(part, path)

    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(write, range(40)))
    assert len(set(names)) == 40
    assert sorted(tmp_path.iterdir()) == sorted(names)


def test_a_finished_file_replaces_none_that_appeared_meanwhile(tmp_path: Path) -> None:
    path, part = create_numbered_part(tmp_path / "talk.mp4")
    part.write_text("mine")
    path.write_text("of another program")
    assert rename_part(part, path) == tmp_path / "talk-2.mp4"
    assert path.read_text() == "of another program"
    assert (tmp_path / "talk-2.mp4").read_text() == "mine"


def test_a_part_file_that_is_gone_leaves_no_empty_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        rename_part(tmp_path / "talk.part.mp4", tmp_path / "talk.mp4")
    assert list(tmp_path.iterdir()) == []
