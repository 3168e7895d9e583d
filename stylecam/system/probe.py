"""Reads files, folders, devices and program output of this computer, for `stylecam doctor` and `stylecam setup`.

Nothing here changes the system. A missing thing is None. A thing that exists but cannot be read raises `ProbeError`
with the reason, so that a caller never mistakes one for the other.
"""

from __future__ import annotations

import itertools
import locale
import os
import platform
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

from stylecam.errors import ProbeError
from stylecam.utils.message import Message

MAX_READ_BYTES = 4 * 2**20
"""Bytes read of a file at most. The longest file asked for, `modules.dep`, has some hundred thousand."""
MAX_OUTPUT_BYTES = 2**16
"""Bytes kept of each output stream of a program."""
MAX_DIRECTORY_ENTRIES = 10_000
COMMAND_TIMEOUT_S = 3.0
_SYSTEM_PATHS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Folders of modinfo and similar programs. Debian leaves them out of a user's PATH."""


@dataclass(frozen=True, slots=True)
class DeviceNode:
    """Owner, group and permission bits of a file or device.

    Attributes:
        accessible: True if this user may read and write it.
    """

    owner: str
    group: str
    mode: int
    accessible: bool


@dataclass(frozen=True, slots=True)
class User:
    """The user who runs this program.

    Attributes:
        groups: groups of the running session.
        account_groups: groups the next session will have, for instance after `usermod`.
        personal: further texts that identify the user: full name and the computer's name.
    """

    name: str
    root: bool
    groups: frozenset[str] = frozenset()
    account_groups: frozenset[str] = frozenset()
    home: str = ""
    personal: tuple[str, ...] = ()


class HostProbe:
    """Looks at the computer this program runs on. Tests use a subclass that answers from records.

    Attributes:
        platform: same as `sys.platform`.
        kernel: kernel release, as `uname -r` prints it.
        cores: number of processor threads.
        environment: the user's environment variables.
        user: the user who runs this program.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.platform: str = sys.platform
        self.kernel = platform.release()
        self.cores = os.cpu_count() or 1
        self.environment: Mapping[str, str] = dict(environment)
        self.user = _current_user(environment)

    def read_text(self, path: str) -> str | None:
        """Return the first `MAX_READ_BYTES` of a file as text, or None if there is no such file.

        Raises:
            ProbeError: the file cannot be read, or is a pipe, device or folder.
        """
        try:
            # O_NONBLOCK: opening a pipe that nobody writes to would never return
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise ProbeError(Message("{path} is not a regular file", path=path))
                return file.read(MAX_READ_BYTES).decode("utf-8", "replace")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise error if isinstance(error, ProbeError) else _unchecked(path, error) from error

    def list_directory(self, folder: str) -> tuple[str, ...] | None:
        """Return the sorted names in a folder, or None if there is no such folder.

        Raises:
            ProbeError: the folder cannot be read.
        """
        try:
            with os.scandir(folder) as entries:
                return tuple(sorted(entry.name for entry in itertools.islice(entries, MAX_DIRECTORY_ENTRIES)))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _unchecked(folder, error) from error

    def node(self, path: str) -> DeviceNode | None:
        """Return owner and permissions of a file or device, or None if it does not exist.

        Raises:
            ProbeError: it cannot be looked at.
        """
        try:
            status = Path(path).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _unchecked(path, error) from error
        owner, group = (_user_name(status.st_uid), _group_name(status.st_gid)) if os.name == "posix" else ("", "")
        return DeviceNode(owner, group, stat.S_IMODE(status.st_mode), os.access(path, os.R_OK | os.W_OK))

    def os_release(self) -> dict[str, str]:
        """Return the fields of os-release, which names the Linux distribution; empty if there is no such file.

        Raises:
            ProbeError: the file cannot be read.
        """
        try:
            return platform.freedesktop_os_release()
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise ProbeError(Message("os-release cannot be read: {error}", error=error)) from error

    def find_program(self, name: str) -> str | None:
        """Return the path of a program, or None if it is not installed."""
        return shutil.which(name, path=_search_path(self.environment))

    def run(self, *command: str) -> CompletedProcess[str]:
        """Run a read-only program in the C locale and return its status and output.

        Raises:
            ProbeError: it is not installed, cannot be run, or runs longer than `COMMAND_TIMEOUT_S`.
        """
        try:
            return run_program(command, self.environment, COMMAND_TIMEOUT_S)
        except FileNotFoundError as error:
            raise ProbeError(Message("{command} is not installed", command=command[0])) from error

    def free_bytes(self, folder: str) -> int:
        """Return the bytes free on the disk of `folder`; if it does not exist, of its nearest existing parent.

        Raises:
            ProbeError: the disk cannot be looked at.
        """
        existing = Path(folder)
        while not existing.exists() and existing != existing.parent:
            existing = existing.parent
        try:
            return shutil.disk_usage(existing).free
        except OSError as error:
            raise _unchecked(folder, error) from error


def run_program(command: Sequence[str], environment: Mapping[str, str], timeout_s: float) -> CompletedProcess[str]:
    """Run a program in the C locale without standard input, and return its status and output.

    Raises:
        FileNotFoundError: the program is not installed.
        ProbeError: it cannot be run, or was still running after `timeout_s`; its whole process group is killed.
    """
    search_path = _search_path(environment)
    program = shutil.which(command[0], path=search_path)
    if program is None:
        raise FileNotFoundError(command[0])
    # Output goes to files: a surviving child of the program would keep a pipe open, and this function waiting.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            with subprocess.Popen(
                [program, *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**environment, "LC_ALL": "C", "LANGUAGE": "C", "PATH": search_path},
                start_new_session=True,
            ) as process:
                status = _wait(process, command[0], timeout_s)
        except ProbeError:
            raise
        except OSError as error:
            raise ProbeError(
                Message("{command} cannot be run: {reason}", command=command[0], reason=error.strerror or error)
            ) from error
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read(MAX_OUTPUT_BYTES).decode(locale.getpreferredencoding(False), "replace"))
    return CompletedProcess(command, status, *texts)


def _wait(process: subprocess.Popen[bytes], name: str, timeout_s: float) -> int:
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        raise ProbeError(
            Message("{name} did not answer within {timeout_s:g} s", name=name, timeout_s=timeout_s)
        ) from None


def _search_path(environment: Mapping[str, str]) -> str:
    search_path = environment.get("PATH", os.defpath)
    return os.pathsep.join([search_path, *_SYSTEM_PATHS]) if os.name == "posix" else search_path


def _unchecked(path: str, error: OSError) -> ProbeError:
    return ProbeError(f"{path}: {error.strerror or error}")


def _current_user(environment: Mapping[str, str]) -> User:
    hostname = platform.node()
    home = environment.get("HOME") or environment.get("USERPROFILE") or ""
    if os.name != "posix":
        return User(environment.get("USERNAME", ""), False, home=home, personal=(hostname,))
    import grp
    import pwd

    uid = os.getuid()
    try:
        entry = pwd.getpwuid(uid)
        name, full_name, home = entry.pw_name, entry.pw_gecos.split(",")[0], home or entry.pw_dir
    except KeyError:  # a container's user without a name
        name, full_name = str(uid), ""
    groups = frozenset(_group_name(gid) for gid in {os.getgid(), *os.getgroups()})
    account_groups = frozenset(group.gr_name for group in grp.getgrall() if name in group.gr_mem)
    return User(name, uid == 0, groups, account_groups | groups, home, (hostname, full_name))


def _user_name(uid: int) -> str:
    """Return the user's name, or its number where it has none."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_name(gid: int) -> str:
    """Return the group's name, or its number where it has none."""
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
