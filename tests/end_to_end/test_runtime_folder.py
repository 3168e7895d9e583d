"""A real `stylecam run` in a session without a folder of its own, where another user has taken the names for one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.outside import environment, run_command

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="only root can make another user's folder"),
]
STRANGER = 12345
DEMO = ("--camera", "demo", "--style", "none", "--size", "128x96", "--output", "null", "--no-hotkeys")


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder like /tmp, in which another user has made the folders that this user's would be."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o1777)
        for taken in (f"runtime-{os.getuid()}", f"stylecam-{os.getuid()}"):
            (folder / taken).mkdir(mode=0o700)
            os.chown(folder / taken, STRANGER, STRANGER)
        yield folder


def test_folders_of_another_user_neither_stop_it_nor_hide_it(temporary: Path, tmp_path: Path) -> None:
    variables = {**environment(tmp_path), "TMPDIR": str(temporary), "XDG_CACHE_HOME": str(tmp_path / ".cache")}
    del variables["XDG_RUNTIME_DIR"]
    if Path(f"/run/user/{os.getuid()}").exists():
        pytest.skip("this session has a folder of its own, and no variable hides it")
    program = subprocess.Popen(
        [*run_command(), *DEMO, "--seconds", "60"], env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert program.stderr is not None
        greeting = b""
        while b"for keys" not in greeting:
            line = program.stderr.readline()
            assert line, f"it ended:\n{greeting.decode()}"
            greeting += line
        done = subprocess.run(
            [sys.executable, "-m", "stylecam", "ctl", "quit"], env=variables, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert program.wait(30) == 0
        assert b"stylecam ctl will not find" not in greeting
        assert list((tmp_path / ".cache" / "stylecam" / "run").glob("instance-*")) == []
        assert sorted(entry.name for entry in temporary.iterdir() if entry.is_dir()) == sorted(
            [f"runtime-{os.getuid()}", f"stylecam-{os.getuid()}"]
        )
    finally:
        program.kill()
        program.communicate()
