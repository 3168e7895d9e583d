"""Commands that change the system: printed first, then run one after the other, as root where needed.

`elevation` always means the program that makes one command run as root: `sudo`, `doas` or `su`; an empty string if the
user is root already; None if there is no way to become root.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stylecam.errors import SetupError
from stylecam.system.probe import HostProbe
from stylecam.utils.message import Message

_WRITE = 'umask 022 && printf "%s\\n" "$@" > "$0.new" && mv -f "$0.new" "$0"'
"""A script that writes its arguments, one a line, to the file that it is called by."""


@dataclass(frozen=True, slots=True)
class SetupStep:
    """One command.

    Attributes:
        purpose: what the command does, in words.
        command: program and arguments.
        root: True if only root may run it.
        file: the path of the file that the command writes, or empty.
    """

    purpose: str
    command: tuple[str, ...]
    root: bool = False
    file: str = ""


def write_file_step(purpose: str, path: str, content: str, *, root: bool = True) -> SetupStep:
    """Return the step that writes a file, whole or not at all.

    The content is part of the command, as standard input belongs to `su`, which asks for the password there.
    """
    return SetupStep(purpose, ("sh", "-c", _WRITE, path, *content.splitlines()), root, path)


def find_elevation(host: HostProbe) -> str | None:
    """Return how this user becomes root for one command, see this module."""
    if host.user.root:
        return ""
    return next((program for program in ("sudo", "doas", "su") if host.find_program(program) is not None), None)


def elevated_command(step: SetupStep, elevation: str) -> tuple[str, ...]:
    """Return the command of `step` as it is run."""
    if not step.root or not elevation:
        return step.command
    return ("su", "-c", shlex.join(step.command)) if elevation == "su" else (elevation, *step.command)


def shell_line(step: SetupStep, elevation: str | None) -> str:
    """Return the step as a line to paste into a terminal."""
    line = shlex.join(elevated_command(step, elevation or ""))
    return Message("(as root) {line}", line=line) if step.root and elevation is None else line


def summary_line(step: SetupStep, elevation: str | None) -> str:
    """Return the step as a line to read: for a file only its path, else the same as `shell_line`."""
    return Message("(and the file {file})", file=step.file) if step.file else shell_line(step, elevation)


def run_steps(steps: Sequence[SetupStep], elevation: str | None, report: Callable[[str], None]) -> None:
    """Run `steps` in order and report each before it starts.

    Raises:
        SetupError: a step failed, or needs root and there is no way to become root. The message names the step and how
            to continue. Earlier steps are done, later ones were not started.
    """
    if elevation is None and any(step.root for step in steps):
        raise SetupError("neither sudo, doas nor su is installed, so nothing was run; run it as root")
    for number, step in enumerate(steps, 1):
        line = shell_line(step, elevation)
        report(Message("[{number}/{count}] {line}", number=number, count=len(steps), line=line))
        status = _run_command(elevated_command(step, elevation or ""))
        if status != 0:
            left = len(steps) - number
            failed = Message(
                "step {number} of {count} failed with status {status}: {line}. Its own message is above; fix that "
                "and run "
                "the same command again: finished steps are skipped",
                number=number, count=len(steps), status=status, line=line,
            )  # fmt: skip
            left = len(steps) - number
            raise SetupError(
                Message("{failed}; later steps not started: {left}", failed=failed, left=left) if left else failed
            )


def _run_command(command: Sequence[str]) -> int:
    """Run a command on the user's terminal and return its exit status, with a shell's 127 and 126 if it cannot run."""
    try:
        done = subprocess.run(list(command), check=False)
    except FileNotFoundError:
        return 127
    except OSError:
        return 126
    return done.returncode
