"""Run many `stylecam …` commands from one process that has loaded everything once, each in a fork of its own.

`python -m tests.end_to_end.command_server` reads one JSON object a line: `arguments`, `folder`, `environment`,
`seconds` and `files`, the folder with the command's `stdin`, where its `stdout` and `stderr` are written. It answers
with the exit status, or the negative number of the signal that ended the command.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STANDARD = {"stdin": os.O_RDONLY, "stdout": os.O_WRONLY | os.O_CREAT, "stderr": os.O_WRONLY | os.O_CREAT}
"""The standard streams in the order of their descriptors, and how their files are opened."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command left."""

    returncode: int
    stdout: bytes
    stderr: bytes


class CommandServer:
    """The other side: starts the process and asks it to run commands, one after another."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def run(
        self,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        standard_input: bytes = b"",
        seconds: int = 60,
    ) -> Ended:
        """Run `stylecam ARGUMENTS` in `folder`, for at most `seconds`."""
        files = folder / "standard-streams"
        files.mkdir()
        (files / "stdin").write_bytes(standard_input)
        job = {"arguments": list(arguments), "folder": str(folder), "files": str(files), "seconds": seconds}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({**job, "environment": dict(environment)}).encode() + b"\n")
        self._process.stdin.flush()
        status = int(self._process.stdout.readline())
        return Ended(status, *((files / name).read_bytes() for name in ("stdout", "stderr")))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()


def main() -> None:
    """Load all commands, then carry out jobs until the standard input ends."""
    import stylecam.cli

    for module in pkgutil.iter_modules(stylecam.cli.__path__, "stylecam.cli."):
        importlib.import_module(module.name)
    for module_name in ("cv2", "numpy", "PIL.Image", "rich.console", "stylecam.live.session", "stylecam.stylize.batch"):
        importlib.import_module(module_name)
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            _carry_out(job)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _carry_out(job: Mapping[str, Any]) -> None:
    """Be the command: its folder, environment, streams and time limit; then end."""
    from stylecam.cli import main as stylecam_main

    signal.alarm(job["seconds"])
    for descriptor, (name, flags) in enumerate(STANDARD.items()):
        os.dup2(os.open(f"{job['files']}/{name}", flags, 0o600), descriptor)
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    sys.argv = ["stylecam", *job["arguments"]]
    try:
        stylecam_main()
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - it must not go on as the server
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
