"""Find the running stylecams of this user.

Each one writes a small file that only its user can read, with its process, its address and its server's token. A file
whose process has ended, for example after a crash, is ignored and deleted.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs
import psutil

from stylecam.control.http.address import url
from stylecam.errors import AlreadyRunningError
from stylecam.utils.files import atomic_file

START_TOLERANCE_S = 2.0
"""How far two readings of a process's start time may differ, as the system's boot time shifts a little."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One running stylecam.

    Attributes:
        pid: its process number.
        started: when that process began, in seconds since 1970, to tell it from a later process of the same number.
        wanted: the requested outputs, as the user wrote them; empty for the default. The name is a key of the file.
        outputs: the names of its open outputs.
        host: where its server listens; empty without a server.
        port: 0 without a server.
        token: the token that its server requires.
    """

    pid: int
    started: float
    wanted: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    host: str = ""
    port: int = 0
    token: str = ""

    @property
    def is_alive(self) -> bool:
        """True while this process runs."""
        try:
            return abs(float(psutil.Process(self.pid).create_time()) - self.started) < START_TOLERANCE_S
        except psutil.AccessDenied:
            return True
        except (psutil.Error, ValueError, OverflowError):
            return False

    @property
    def url(self) -> str:
        """The server's address, without the token."""
        return url(self.host, self.port)


def current_instance(
    wanted: Sequence[str], outputs: Sequence[str], host: str = "", port: int = 0, token: str = ""
) -> Instance:
    """Return the instance that this process is."""
    started = float(psutil.Process().create_time())
    return Instance(os.getpid(), started, tuple(wanted), tuple(outputs), host, port, token)


def runtime_folder() -> Path:
    """Return the folder of the files; on most systems it is deleted when the user logs out."""
    with warnings.catch_warnings():  # about a session without such a folder, which gets one in /tmp: see `_is_private`
        warnings.simplefilter("ignore")
        return Path(platformdirs.user_runtime_path("stylecam", appauthor=False))


@contextlib.contextmanager
def registered(instance: Instance) -> Iterator[Path]:
    """Make `instance` known to other processes inside the `with` block; yields the path of its file.

    Raises:
        OSError: the file cannot be written, or its folder belongs to another user.
    """
    place = runtime_folder()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _is_private(place):
        raise PermissionError(f"{place} belongs to another user, or others can write to it")
    path = place / f"instance-{instance.pid}.json"
    try:
        with atomic_file(path, mode=0o600) as file:
            file.write(json.dumps(asdict(instance)).encode())
        yield path
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def running_instances() -> list[Instance]:
    """Return the running instances, newest first, and delete the files of those that have ended."""
    place = runtime_folder()
    if not _is_private(place):
        return []
    found = []
    for path in sorted(place.glob("instance-*.json")):
        instance = _read(path)
        if instance is not None and instance.is_alive:
            found.append(instance)
        else:
            with contextlib.suppress(OSError):
                path.unlink()
    return sorted(found, key=lambda instance: instance.started, reverse=True)


def check_outputs_free(requested: Sequence[str]) -> None:
    """Check that no running stylecam publishes to one of the outputs `requested`.

    Raises:
        AlreadyRunningError: one does; the message says how to control it.
    """
    for other in running_instances():
        shared = _places(requested) & _places(other.wanted)
        if shared or _devices(requested) & set(other.outputs):
            raise AlreadyRunningError(
                f"stylecam is running already (process {other.pid}) and publishes to {', '.join(other.outputs)}; steer "
                "it with `stylecam ctl` (stylecam ctl next, stylecam ctl --help), end it with `stylecam ctl quit`, or "
                "give this one another --output"
            )


def _places(requested: Sequence[str]) -> set[str]:
    """Return the exclusive ones of the outputs `requested`; without any, the first virtual camera."""
    places = set()
    for text in requested or ["virtual"]:
        kind, _, argument = text.strip().partition(":")
        if kind == "file":
            places.add(f"file:{Path(argument).expanduser().resolve()}")
        elif kind == "virtual" or (kind == "web" and argument):
            places.add(f"{kind}:{argument}")
    return places


def _devices(requested: Sequence[str]) -> set[str]:
    """Return the names that the virtual cameras among `requested` have once they are open."""
    parts = [text.strip().partition(":") for text in requested]
    return {f"virtual camera {device}" for kind, _, device in parts if kind == "virtual" and device}


def _is_private(place: Path) -> bool:
    """Return True if only this user can write to the folder, which may lie in /tmp."""
    try:
        facts = place.lstat()
    except OSError:
        return False
    if os.name != "posix":
        return stat.S_ISDIR(facts.st_mode)
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid() and not facts.st_mode & 0o022


def _read(path: Path) -> Instance | None:
    try:
        values = json.loads(path.read_text("utf-8"))
        instance = Instance(**{**values, "wanted": tuple(values["wanted"]), "outputs": tuple(values["outputs"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    texts = (instance.host, instance.token, *instance.wanted, *instance.outputs)
    numbers = (instance.pid, instance.port)
    if not all(isinstance(text, str) for text in texts) or not all(type(number) is int for number in numbers):
        return None
    return instance if isinstance(instance.started, float | int) else None
