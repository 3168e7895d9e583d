"""Tests of running a function in a child process with limits, and of the reported outcome."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from stylecam.utils import sandbox
from stylecam.utils.sandbox import SandboxLimits

AMPLE_LIMITS = SandboxLimits(60, 2**30)


def write_home(path: str) -> None:
    Path(path).write_text(os.environ.get("HOME", ""))


def run_forever(path: str) -> None:
    Path(path).write_text(str(os.getpid()))
    while True:
        pass


def allocate_in_pieces(_: str) -> None:
    pieces = []
    while True:
        pieces.append(b"x" * 2**24)


def allocate_all_at_once(_: str) -> None:
    bytearray(2**45)


def raise_lookup_error(_: str) -> None:
    raise LookupError("no such tile")


def crash(_: str) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def test_a_function_that_returns_has_succeeded(tmp_path: Path) -> None:
    assert sandbox.run(f"{__name__}:write_home", str(tmp_path / "home"), AMPLE_LIMITS) is None
    assert (tmp_path / "home").exists()


def test_a_function_that_never_ends_is_killed(tmp_path: Path) -> None:
    assert (
        sandbox.run(f"{__name__}:run_forever", str(tmp_path / "pid"), SandboxLimits(1, 2**30)) == "took longer than 1 s"
    )
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("work", [allocate_in_pieces, allocate_all_at_once])
def test_a_function_that_needs_too_much_memory_is_killed(work: object) -> None:
    limits = SandboxLimits(60, 200 * 2**20)
    assert sandbox.run(f"{__name__}:{work.__name__}", "", limits) == "needed more than 200 MB of memory"  # type: ignore[attr-defined]


def test_an_exception_is_reported_by_its_last_line() -> None:
    assert (
        sandbox.run(f"{__name__}:raise_lookup_error", "", AMPLE_LIMITS)
        == "ended with status 1 (LookupError: no such tile)"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals that end a process")
def test_a_crash_is_reported_by_its_signal() -> None:
    assert sandbox.run(f"{__name__}:crash", "", AMPLE_LIMITS) == "crashed (SIGSEGV)"
