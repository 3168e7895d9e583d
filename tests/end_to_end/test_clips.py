"""Whatever ends `stylecam video`, it leaves no file that looks whole and is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.end_to_end.outside import environment, wait_for

pytest.importorskip("av", reason='clips need PyAV: pip install "stylecam[video]"')
pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9 and limits on the size of files"),
]

COMMAND = [sys.executable, "-m", "stylecam", "video", "clip.mp4", "-o", "out.mp4", "--style", "udnie"]
LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a clip that takes some seconds."""
    clip = cv2.VideoWriter(str(tmp_path / "clip.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 30, (320, 240))
    noise = np.random.default_rng(0)
    for _ in range(60):
        clip.write(noise.integers(0, 256, (240, 320, 3), np.uint8))
    clip.release()
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_killed_in_the_middle_it_leaves_a_part_that_says_so(here: Path) -> None:
    with subprocess.Popen(COMMAND, cwd=here, env=environment(here), stderr=subprocess.DEVNULL) as process:
        part = here / "out.part.mp4"
        wait_for("the first frames", lambda: part.exists() and part.stat().st_size)
        process.kill()
    assert names(here) == ["clip.mp4", "out.part.mp4"]
    assert not cv2.VideoCapture(str(part)).isOpened()  # a player would not take it either
    again = subprocess.run(COMMAND, cwd=here, env=environment(here), capture_output=True, text=True)
    assert again.returncode == 2
    assert "out.part.mp4 exists" in again.stderr
    assert "remove it" in again.stderr


def test_on_a_full_disk_nothing_is_left(here: Path) -> None:
    command = [sys.executable, "-c", LIMITED, *COMMAND]
    ended = subprocess.run(command, cwd=here, env=environment(here), capture_output=True, text=True)
    assert ended.returncode == 2
    assert "could not be written" in ended.stderr
    assert "nothing is kept" in ended.stderr
    assert names(here) == ["clip.mp4"]
