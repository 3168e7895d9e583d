"""The interface to the program that starts stylecam at login: systemd, launchd or the task scheduler."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

from stylecam.errors import ServiceError, UsageError
from stylecam.utils.files import write_bytes, write_private

NAME = "stylecam"
COMMAND_TIMEOUT_S = 180.0
"""How long the system's own program may take. `systemctl start` waits until stylecam publishes frames."""

NO_VARIABLES: Mapping[str, str] = {}
CommandRunner = Callable[[Sequence[str]], CompletedProcess[str]]
"""Runs a program and returns its result. Raises FileNotFoundError if it is missing, ProbeError if it hangs."""


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """State of the service.

    Attributes:
        installed: it starts at login.
        running: it runs now.
        words: one line from the system about it.
        pid: its process, if it runs and the system tells.
    """

    installed: bool
    running: bool
    words: str
    pid: int | None = None


class ServiceManager(ABC):
    """Installs, starts and stops one service, which runs `stylecam run`.

    Methods return lines for the user. They raise `ServiceError` if the system's program is missing, refuses (with its
    own message) or hangs.

    Attributes:
        name: what people call it.
        tested: True if it was run on a real system.
        missing: message for a system without its program.
    """

    name: str
    tested: bool
    missing: str

    def __init__(self, path: Path, run: CommandRunner) -> None:
        """`path` is the file that describes the service to the system; `run` runs the system's program."""
        self._path = path
        self._runner = run

    @abstractmethod
    def install(self, command: Sequence[str], variables: Mapping[str, str] = NO_VARIABLES) -> list[str]:
        """Start `command` at every login from the next one on. An older service is replaced.

        `variables` of its environment hold secrets: they are written where only the user can read them.
        """

    @abstractmethod
    def uninstall(self) -> list[str]:
        """Stop the service and remove it without a trace."""

    @abstractmethod
    def start(self) -> list[str]:
        """Start the service now."""

    @abstractmethod
    def stop(self) -> list[str]:
        """Stop the service until the next login."""

    @abstractmethod
    def status(self) -> ServiceStatus:
        """Return the state of the service."""

    def _run(self, *command: str) -> CompletedProcess[str]:
        """Run the system's program, whatever status it ends with.

        Raises:
            ServiceError: it is missing or hangs.
        """
        try:
            return self._runner(command)
        except FileNotFoundError as error:
            raise ServiceError(self.missing) from error
        except OSError as error:
            raise ServiceError(str(error)) from error

    def _run_checked(self, *command: str) -> CompletedProcess[str]:
        """Run the system's program.

        Raises:
            ServiceError: it is missing, hangs or fails; with its own message.
        """
        done = self._run(*command)
        if done.returncode != 0:
            message = " ".join((done.stderr or done.stdout).split()) or f"it ended with status {done.returncode}"
            hint = self._failure_hint(done)
            raise ServiceError(f"{hint}{' '.join(command)}: {message}")
        return done

    def _failure_hint(self, done: CompletedProcess[str]) -> str:
        """Return advice to put before the message of a program that failed; by default none."""
        return ""

    def _is_ours(self, content: bytes) -> bool:
        """Return True if stylecam has written a description with this `content`; by default always."""
        return True

    def _write_description(self, content: bytes, private: bool = False) -> list[str]:
        """Write the service's description, with its folder. A file of the user's own is kept under another name.

        Returns:
            Lines for the user about a file that was kept.

        Raises:
            UsageError: it cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            kept = None
            if self._path.exists() and not self._is_ours(self._path.read_bytes()):
                kept = self._backup(max(self._backup_numbers(), default=0) + 1)
                self._path.rename(kept)
            (write_private if private else write_bytes)(self._path, content)
        except OSError as error:
            raise UsageError(f"{self._path} cannot be written: {error.strerror or error}") from error
        return [] if kept is None else [f"your own {self._path.name} is kept as {kept}"]

    def _remove_description(self) -> list[str]:
        """Remove the service's description, and put back a file of the user's own that was there before.

        Returns:
            Lines for the user about that file.
        """
        self._path.unlink(missing_ok=True)
        if not (numbers := self._backup_numbers()):
            return []
        self._backup(max(numbers)).rename(self._path)
        return [f"your own {self._path} is back"]

    def _backup(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.backup-{number}")

    def _backup_numbers(self) -> list[int]:
        ends = (path.name.rpartition("-")[2] for path in self._path.parent.glob(f"{self._path.name}.backup-*"))
        return [int(end) for end in ends if end.isdecimal()]

    def _check_installed(self) -> None:
        """Raise ServiceError if there is no service yet, or one that stylecam has not written."""
        if not self._path.exists():
            raise ServiceError("stylecam is no service yet; `stylecam service install` makes it one")
        if not self._is_ours(self._path.read_bytes()):
            raise ServiceError(f"{self._path} was not written by stylecam; it is left alone")
