"""Tests of locks that tell a running process from one that has ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stylecam.utils.file_lock import is_locked, lock, process_exists, try_lock

HOLD = (
    "import os, sys; from stylecam.utils.file_lock import lock;"
    "lock(os.open(sys.argv[1], os.O_RDWR)); print('held', flush=True); input()"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("content")
    return tmp_path / "file"


def test_a_lock_lasts_until_its_process_is_killed(path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert is_locked(path)
        descriptor = os.open(path, os.O_RDWR)
        assert not try_lock(descriptor)
        assert path.read_text() == "content"
        holder.kill()
        holder.wait()
        assert not is_locked(path)
        assert try_lock(descriptor)
        os.close(descriptor)


def test_looking_leaves_the_file_unlocked(path: Path) -> None:
    assert not is_locked(path)
    descriptor = os.open(path, os.O_RDWR)
    lock(descriptor)
    assert is_locked(path)
    os.close(descriptor)
    assert not is_locked(path)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        is_locked(tmp_path / "missing")


def test_a_process_exists_until_it_has_been_waited_for() -> None:
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    assert not process_exists(finished.pid)
    assert process_exists(os.getpid())
    assert not process_exists(10**30)
