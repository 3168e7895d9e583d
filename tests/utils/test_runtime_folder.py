"""Tests of the private folder that running programs share, also where another user has taken its name."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest

from stylecam.utils import runtime_folder
from stylecam.utils.runtime_folder import is_private, make_runtime_folder, runtime_folders

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such owners and modes")
STRANGER = 12345
CANDIDATES = runtime_folder._candidates
"""The function itself, which the tests of everything else replace."""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A session without a folder of its own, and a folder for temporary files like /tmp."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    monkeypatch.setattr(runtime_folder, "_candidates", CANDIDATES)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    monkeypatch.setattr("platformdirs.user_runtime_path", lambda *_, **__: tmp_path / "session" / "stylecam")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path / "cache")
    return tmp_path


def make_foreign(folder: Path) -> None:
    """Create `folder` for another user; as only root can do that, others make one that anybody can write to."""
    folder.mkdir()
    folder.chmod(0o777)
    if os.getuid() == 0:
        os.chown(folder, STRANGER, STRANGER)
        folder.chmod(0o700)


def test_the_folder_of_the_session_is_preferred(machine: Path) -> None:
    (machine / "session").mkdir(mode=0o700)
    assert make_runtime_folder() == machine / "session" / "stylecam"
    assert runtime_folders() == [machine / "session" / "stylecam"]


def test_without_a_session_folder_it_has_the_users_number_and_is_closed_to_others(machine: Path) -> None:
    made = make_runtime_folder()
    assert made == machine / "tmp" / f"stylecam-{os.getuid()}"
    assert made.stat().st_mode & 0o777 == 0o700


def test_the_session_folder_of_another_user_is_not_taken(machine: Path) -> None:
    make_foreign(machine / "session")
    assert make_runtime_folder().parent == machine / "tmp"
    assert not (machine / "session" / "stylecam").exists()


def test_a_folder_of_another_user_with_our_name_is_passed_over(machine: Path) -> None:
    make_foreign(machine / "tmp" / f"stylecam-{os.getuid()}")
    assert make_runtime_folder() == machine / "cache" / "run"
    assert runtime_folders() == [machine / "cache" / "run"]


def test_a_link_to_a_folder_of_ours_is_passed_over(machine: Path) -> None:
    (machine / "ours").mkdir(mode=0o700)
    (machine / "tmp" / f"stylecam-{os.getuid()}").symlink_to(machine / "ours")
    assert make_runtime_folder() == machine / "cache" / "run"


def test_a_file_with_our_name_is_passed_over(machine: Path) -> None:
    (machine / "tmp" / f"stylecam-{os.getuid()}").write_text("")
    assert make_runtime_folder() == machine / "cache" / "run"


def test_a_temporary_folder_where_others_can_remove_ours_is_passed_over(machine: Path) -> None:
    (machine / "tmp").chmod(0o777)
    assert make_runtime_folder() == machine / "cache" / "run"


def test_a_system_that_refuses_to_name_a_session_folder_is_no_reason_to_fail(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> Path:
        raise PermissionError("runtime directory /tmp/runtime-1000 is owned by uid 0, not 1000")

    monkeypatch.setattr("platformdirs.user_runtime_path", refuse)
    assert make_runtime_folder().parent == machine / "tmp"


def test_a_folder_of_ours_that_is_open_to_readers_is_closed_to_them(machine: Path) -> None:
    ours = machine / "tmp" / f"stylecam-{os.getuid()}"
    ours.mkdir(mode=0o755)
    assert make_runtime_folder() == ours
    assert ours.stat().st_mode & 0o777 == 0o700


def test_where_no_folder_can_be_had_the_last_reason_is_raised(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "file").write_text("")
    monkeypatch.setattr(runtime_folder, "_candidates", lambda: [machine / "file" / "a", machine / "file" / "b"])
    with pytest.raises(NotADirectoryError, match="b"):
        make_runtime_folder()
    assert runtime_folders() == []


def test_a_folder_that_others_can_write_to_is_not_private(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert is_private(tmp_path)
    tmp_path.chmod(0o770)
    assert not is_private(tmp_path)
    assert not is_private(tmp_path / "missing")
