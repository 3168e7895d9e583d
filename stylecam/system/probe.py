"""The one place where `stylecam doctor` and `stylecam setup` touch the system; in the tests, records answer instead.

Nothing here changes anything. What is not there is None; what is there and cannot be looked at raises `ProbeError`
with the reason, so that nobody takes the one for the other.
"""

from __future__ import annotations

import os
import platform
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stylecam.errors import ProbeError

LARGEST_READ = 4 * 2**20
"""Bytes of a file; the longest anybody asks for is `modules.dep`, with some hundred thousand."""
MOST_SAID = 2**16
"""Bytes of a program's output."""
MOST_NAMES = 10_000
PATIENCE_S = 3.0
_ADMINISTRATORS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where modinfo and its like lie; not in the PATH of Debian's users."""


@dataclass(frozen=True, slots=True)
class Node:
    """A file or device: whose it is, its permission bits, and whether this user may read and write it."""

    owner: str
    group: str
    mode: int
    usable: bool


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a program, and what it said in the C locale."""

    status: int
    out: str
    err: str = ""


@dataclass(frozen=True, slots=True)
class User:
    """Who runs this.

    Attributes:
        groups: those this session belongs to.
        listed: those the next one will, after `usermod`.
        personal: other texts that would give the user away: home folder, full name, the computer's name.
    """

    name: str
    root: bool
    groups: frozenset[str] = frozenset()
    listed: frozenset[str] = frozenset()
    home: str = ""
    personal: tuple[str, ...] = ()


class Machine(ABC):
    """A computer that can be looked at.

    Attributes:
        platform: as `sys.platform`.
        kernel: its release, as `uname -r` says it.
        cores: the threads its processor has.
        environment: the user's variables.
        user: who runs this.
    """

    platform: str
    kernel: str
    cores: int
    environment: Mapping[str, str]
    user: User

    @abstractmethod
    def read(self, path: str) -> str | None:
        """The beginning of a file; None where there is none. Raises ProbeError."""

    @abstractmethod
    def names(self, folder: str) -> tuple[str, ...] | None:
        """What lies in a folder, in order; None where there is none. Raises ProbeError."""

    @abstractmethod
    def node(self, path: str) -> Node | None:
        """A file or device; None where there is none. Raises ProbeError."""

    @abstractmethod
    def program(self, name: str) -> str | None:
        """Where a program lies, or None."""

    @abstractmethod
    def run(self, *command: str) -> Ran:
        """Run a program that only looks; raises ProbeError where it is missing or does not end."""

    @abstractmethod
    def free(self, folder: str) -> int:
        """Bytes free for files in `folder`, or in the nearest of its parents that is there. Raises ProbeError."""


class ThisMachine(Machine):
    """The computer this runs on."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.platform = sys.platform
        self.kernel = platform.release()
        self.cores = os.cpu_count() or 1
        self.environment = dict(environment)
        self.user = _user(environment)

    def read(self, path: str) -> str | None:
        """See `Machine.read`."""
        try:
            # without waiting: opening a pipe that nobody writes to would never return
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise ProbeError(f"{path} is no plain file")
                return file.read(LARGEST_READ).decode("utf-8", "replace")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except ProbeError:
            raise
        except OSError as error:
            raise _unchecked(path, error) from error

    def names(self, folder: str) -> tuple[str, ...] | None:
        """See `Machine.names`."""
        found = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    found.append(entry.name)
                    if len(found) == MOST_NAMES:
                        break
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _unchecked(folder, error) from error
        return tuple(sorted(found))

    def node(self, path: str) -> Node | None:
        """See `Machine.node`."""
        try:
            facts = Path(path).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _unchecked(path, error) from error
        usable = os.access(path, os.R_OK | os.W_OK)
        return Node(_owner(facts.st_uid), _group(facts.st_gid), stat.S_IMODE(facts.st_mode), usable)

    def program(self, name: str) -> str | None:
        """See `Machine.program`."""
        return shutil.which(name, path=self._path)

    def run(self, *command: str) -> Ran:
        """See `Machine.run`."""
        program = self.program(command[0])
        if program is None:
            raise ProbeError(f"{command[0]} is not installed")
        variables = {**self.environment, "LC_ALL": "C", "LANGUAGE": "C", "PATH": self._path}
        # Into files: a child of the program that lives on would keep a pipe open, and this waiting.
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            try:
                with subprocess.Popen(
                    [program, *command[1:]],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    env=variables,
                    start_new_session=True,
                ) as process:
                    status = _ended(process, command[0])
            except ProbeError:
                raise
            except OSError as error:
                raise ProbeError(f"{command[0]} cannot be run: {error.strerror or error}") from error
            said = []
            for stream in (out, err):
                stream.seek(0)
                said.append(stream.read(MOST_SAID).decode("utf-8", "replace"))
        return Ran(status, *said)

    def free(self, folder: str) -> int:
        """See `Machine.free`."""
        place = Path(folder)
        while not place.exists() and place != place.parent:
            place = place.parent
        try:
            return shutil.disk_usage(place).free
        except OSError as error:
            raise _unchecked(folder, error) from error

    @property
    def _path(self) -> str:
        given = self.environment.get("PATH", os.defpath)
        return os.pathsep.join([given, *_ADMINISTRATORS]) if os.name == "posix" else given


def _ended(process: subprocess.Popen[bytes], name: str) -> int:
    try:
        return process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        raise ProbeError(f"{name} did not answer within {PATIENCE_S:g} s") from None


def _unchecked(path: str, error: OSError) -> ProbeError:
    return ProbeError(f"{path}: {error.strerror or error}")


def _user(environment: Mapping[str, str]) -> User:
    computer = platform.node()
    home = environment.get("HOME") or environment.get("USERPROFILE") or ""
    if os.name != "posix":
        return User(environment.get("USERNAME", ""), False, home=home, personal=(computer,))
    import grp
    import pwd

    number = os.getuid()
    try:
        entry = pwd.getpwuid(number)
        name, full_name, home = entry.pw_name, entry.pw_gecos.split(",")[0], home or entry.pw_dir
    except KeyError:  # a container's user without a name
        name, full_name = str(number), ""
    groups = frozenset(_group(group) for group in {os.getgid(), *os.getgroups()})
    listed = frozenset(group.gr_name for group in grp.getgrall() if name in group.gr_mem)
    return User(name, number == 0, groups, listed | groups, home, (computer, full_name))


def _owner(number: int) -> str:
    if os.name != "posix":
        return ""
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    if os.name != "posix":
        return ""
    import grp

    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
