"""The seam to whatever starts programs at login on a system."""

from __future__ import annotations

import os
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stylecam.errors import ServiceError, UsageError
from stylecam.system.probe import Ran
from stylecam.utils.files import write_bytes

NAME = "stylecam"
PATIENCE_S = 180.0
"""How long the system's own program may take: it waits until stylecam says that pictures flow."""

Execute = Callable[[Sequence[str]], Ran]
"""Runs a program of the system and tells what became of it; raises FileNotFoundError where it is missing."""


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of the service.

    Attributes:
        installed: it starts at login.
        running: it runs now.
        words: what the system says of it, in a line.
        pid: its process, where it runs and that is told.
    """

    installed: bool
    running: bool
    words: str
    pid: int | None = None


class Manager(ABC):
    """Installs, starts and stops one service, which runs `stylecam run`.

    Methods return lines for the user. They raise `ServiceError` with the system's own words where it refuses, and where
    it is not there at all.

    Attributes:
        name: what people call it.
        tried: True if somebody has run this on a real system.
    """

    name: str
    tried: bool

    @abstractmethod
    def install(self, command: Sequence[str]) -> list[str]:
        """Have `command` started at login, from the next one on; an older service is replaced."""

    @abstractmethod
    def uninstall(self) -> list[str]:
        """Stop it and take it away; nothing is there afterwards that was not before."""

    @abstractmethod
    def start(self) -> list[str]:
        """Start it now."""

    @abstractmethod
    def stop(self) -> list[str]:
        """Stop it now; it starts again at the next login."""

    @abstractmethod
    def status(self) -> Status:
        """What is known of it."""


def execute(command: Sequence[str]) -> Ran:
    """Run a program of the system; see `Execute`."""
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env={**os.environ, "LC_ALL": "C", "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"},
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ServiceError(f"{command[0]} did not end within {PATIENCE_S:g} s") from error
    return Ran(done.returncode, done.stdout, done.stderr)


def run(execute: Execute, missing: str, *command: str) -> Ran:
    """Run `command`, which must succeed; `missing` is said where the program is not there.

    Raises:
        ServiceError: with the program's own words.
    """
    try:
        done = execute(command)
    except OSError as error:
        raise ServiceError(missing) from error
    if done.status != 0:
        said = " ".join((done.err or done.out).split()) or f"it ended with status {done.status}"
        raise ServiceError(f"{' '.join(command)}: {said}")
    return done


def write(path: Path, content: bytes) -> None:
    """Write a service's description, with its folder.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error


def installed(path: Path) -> None:
    """See that there is a service.

    Raises:
        ServiceError: there is none.
    """
    if not path.exists():
        raise ServiceError("stylecam is no service yet; `stylecam service install` makes it one")
