"""Tests of the process that improves a style beside a live run."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from stylecam.utils import sandbox


def test_it_says_why_it_cannot_go_on_and_ends_in_order(tmp_path: Path) -> None:
    style = tmp_path / "gone.style"
    command = sandbox.python_command("stylecam.training.improve_worker:main", str(style), "0.1", "1")
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        status = process.wait(60)  # its standard input is still open
    assert said == {"error": f"{style} cannot be read: there is no such file"}
    assert status == 0
