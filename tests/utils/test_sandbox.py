"""A child is held to its bounds, and what became of it is said."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from stylecam.utils import sandbox
from stylecam.utils.sandbox import SandboxLimits

AMPLE = SandboxLimits(60, 2**30)


def leaves_a_note(path: str) -> None:
    Path(path).write_text(os.environ.get("HOME", ""))


def never_ends(path: str) -> None:
    Path(path).write_text(str(os.getpid()))
    while True:
        pass


def eats(_: str) -> None:
    pieces = []
    while True:
        pieces.append(b"x" * 2**24)


def asks_for_everything(_: str) -> None:
    bytearray(2**45)


def stumbles(_: str) -> None:
    raise LookupError("no such tile")


def dies(_: str) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def test_a_function_that_returns_has_succeeded(tmp_path: Path) -> None:
    assert sandbox.run(f"{__name__}:leaves_a_note", str(tmp_path / "note"), AMPLE) is None
    assert (tmp_path / "note").exists()


def test_a_function_that_never_ends_is_killed(tmp_path: Path) -> None:
    assert (
        sandbox.run(f"{__name__}:never_ends", str(tmp_path / "pid"), SandboxLimits(1, 2**30)) == "took longer than 1 s"
    )
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("work", [eats, asks_for_everything])
def test_a_function_that_needs_too_much_memory_is_killed(work: object) -> None:
    limits = SandboxLimits(60, 200 * 2**20)
    assert sandbox.run(f"{__name__}:{work.__name__}", "", limits) == "wanted more than 200 MB of memory"  # type: ignore[attr-defined]


def test_an_exception_is_reported_by_its_last_line() -> None:
    assert sandbox.run(f"{__name__}:stumbles", "", AMPLE) == "ended with status 1 (LookupError: no such tile)"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals that end a process")
def test_a_crash_is_reported_by_its_signal() -> None:
    assert sandbox.run(f"{__name__}:dies", "", AMPLE) == "crashed (SIGSEGV)"
