"""Steps that change the system: shown first, then run one after the other, as root where they must be."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stylecam.errors import SetupError
from stylecam.system.probe import Machine

Execute = Callable[[Sequence[str], str | None], int]
"""Runs a command with this text on its standard input, and gives its status."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command.

    Attributes:
        why: what it is for, in words.
        command: program and arguments.
        root: True where only root may do it.
        content: the text it is given on standard input.
    """

    why: str
    command: tuple[str, ...]
    root: bool = False
    content: str | None = None


def write(why: str, path: str, content: str) -> Step:
    """The step that writes a file of the system."""
    return Step(why, ("tee", path), True, content)


def elevation(machine: Machine) -> str | None:
    """How this user becomes root for one command: empty for root, `sudo`, `doas`, `su`, or None for not at all."""
    if machine.user.root:
        return ""
    return next((program for program in ("sudo", "doas", "su") if machine.program(program) is not None), None)


def elevated(step: Step, how: str) -> tuple[str, ...]:
    """The command of `step` as it is run."""
    if not step.root or not how:
        return step.command
    return ("su", "-c", shlex.join(step.command)) if how == "su" else (how, *step.command)


def shown(step: Step, how: str | None) -> str:
    """The step as a line to paste into a terminal."""
    line = shlex.join(elevated(step, how or ""))
    if step.content is not None:
        texts = " ".join(shlex.quote(text) for text in step.content.splitlines())
        line = f"printf '%s\\n' {texts} | {line} > /dev/null"
    return f"(as root) {line}" if step.root and how is None else line


def brief(step: Step, how: str | None) -> str:
    """The step as a line for reading: of a file only where it lies, else as `shown`."""
    return shown(step, how) if step.content is None else f"(and the file {step.command[-1]})"


def perform(steps: Sequence[Step], how: str | None, say: Callable[[str], None], execute: Execute | None = None) -> None:
    """Run `steps` in their order, and say each before it begins.

    Raises:
        SetupError: one failed, or needs root and there is no way to become it; names it and how to go on. Those before
            it are done, those after it were not begun.
    """
    if how is None and any(step.root for step in steps):
        raise SetupError("neither sudo, doas nor su is installed, so nothing was run; run it as root")
    for number, step in enumerate(steps, 1):
        line = shown(step, how)
        say(f"[{number}/{len(steps)}] {line}")
        status = (execute or _execute)(elevated(step, how or ""), step.content)
        if status != 0:
            left = len(steps) - number
            later = f"; {left} later step{'s were' if left > 1 else ' was'} not begun" if left else ""
            raise SetupError(
                f"step {number} of {len(steps)} failed with status {status}: {line}{later}. "
                "Its own words are above; put that right and run the same command again: what is done is left out"
            )


def _execute(command: Sequence[str], content: str | None) -> int:
    try:
        done = subprocess.run(
            list(command),
            input=content,
            text=True,
            stdout=None if content is None else subprocess.DEVNULL,  # tee repeats what it writes
            check=False,
        )
    except FileNotFoundError:
        return 127  # as a shell says it
    except OSError:
        return 126
    return done.returncode
