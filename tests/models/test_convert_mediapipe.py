"""Tests of the program that converts MediaPipe's networks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / "models" / "convert_mediapipe.py"


def test_without_a_folder_it_says_how_it_is_used() -> None:
    ended = subprocess.run([sys.executable, str(PROGRAM)], check=False, capture_output=True, text=True, timeout=110)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "usage: python models/convert_mediapipe.py FOLDER" in ended.stderr
