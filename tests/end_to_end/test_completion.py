"""Names of styles complete by tab, in the shells that the help names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.outside import environment

pytestmark = pytest.mark.system

LINES = ["stylecam image photo.jpg --style the_", "stylecam sheet photo.jpg --style the_", "stylecam styles show the_"]


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_is_told_the_names_that_begin_so(shell: str, line: str, tmp_path: Path) -> None:
    words = line.split()
    asked = {
        "_STYLECAM_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": words[-1] if shell == "fish" else str(len(words) - 1),
    }
    told = subprocess.run(
        [sys.executable, "-m", "stylecam"],
        env=environment(tmp_path) | asked,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "the_scream" in told.stdout
    assert "great_wave" not in told.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="there is no bash")
def test_bash_completes_with_the_line_of_the_help(tmp_path: Path) -> None:
    program = tmp_path / "stylecam"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m stylecam "$@"\n')
    program.chmod(0o755)
    script = """
        eval "$(_STYLECAM_COMPLETE=bash_source stylecam)"
        COMP_WORDS=(stylecam styles show the_) COMP_CWORD=3
        $(complete -p stylecam | sed 's/.*-F \\([^ ]*\\).*/\\1/') stylecam the_ show
        echo "${COMPREPLY[@]}"
    """
    found = environment(tmp_path) | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    told = subprocess.run(["bash", "-c", script], env=found, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "the_scream"


def test_kinds_of_outputs_complete(tmp_path: Path) -> None:
    line = "stylecam run --output s"
    asked = {"_STYLECAM_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": "3"}
    told = subprocess.run(
        [sys.executable, "-m", "stylecam"],
        env=environment(tmp_path) | asked,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == ["plain,srt:"]
