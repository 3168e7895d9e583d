"""The install script refuses what it cannot work with, on one line, before it has made anything."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "install.sh"
pytestmark = pytest.mark.skipif(os.name == "nt", reason="a shell script")


def refusal(folder: Path, python: Path) -> str:
    """Run the script in `folder` with `python`; it must end with status 2, and leave nothing behind."""
    shutil.copy(SCRIPT, folder)
    words = ["sh", str(folder / "install.sh")]
    ended = subprocess.run(words, env={**os.environ, "PYTHON": str(python)}, capture_output=True, text=True)
    assert ended.returncode == 2
    assert not ended.stdout
    assert not (folder / ".venv").exists()
    (line,) = ended.stderr.splitlines()
    return line


def pretend(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def test_a_missing_python_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path, tmp_path / "python9").endswith("python9; install Python 3.10 or newer")


def test_an_old_python_is_named_with_the_way_to_a_newer_one(tmp_path: Path) -> None:
    old = pretend(tmp_path / "old", '[ "$1" = --version ] && { echo Python 3.8.18; exit; }; exit 1')
    assert "Python 3.8.18 is too old; name a newer one: PYTHON=python3.12 sh install.sh" in refusal(tmp_path, old)


def test_a_python_without_environments_is_told_the_package(tmp_path: Path) -> None:
    bare = pretend(tmp_path / "bare", 'case "$2" in *ensurepip*) exit 1;; esac')
    assert refusal(tmp_path, bare).endswith("run: sudo apt install python3-venv")


def test_pytorch_is_installed_in_its_build_for_processors(tmp_path: Path) -> None:
    """The environment that this Python makes holds programs that only note how they were called."""
    note = f'echo "$(basename "$0") $*" >>"{tmp_path}/calls"'
    made = f"mkdir -p .venv/bin; printf '#!/bin/sh\\n%s\\n' '{note}' >.venv/bin/python; chmod +x .venv/bin/python"
    python = pretend(tmp_path / "made", f'[ "$2" = venv ] && {{ {made}; cp .venv/bin/python .venv/bin/uv; }}; exit 0')
    shutil.copy(SCRIPT, tmp_path)
    words = ["sh", str(tmp_path / "install.sh"), "video", "train"]
    ended = subprocess.run(words, env={**os.environ, "PYTHON": str(python)}, capture_output=True, text=True, check=True)
    assert "PyTorch's build for processors: 200 MB to download, 800 MB on disk" in ended.stdout
    uv, stylecam = (line for line in (tmp_path / "calls").read_text().splitlines() if "torch" in line or "[" in line)
    assert uv == "uv pip install -q --python .venv/bin/python --torch-backend cpu torch"
    assert stylecam.endswith("install -q --disable-pip-version-check .[video,train] opencv-python<5")
