"""Which stylecams of this user are running, and how to reach them.

Each writes a small file that only its user can read, with its process, its address and the token that its server wants.
A file whose process is gone, after a crash or a power cut, counts for nothing and is taken away.
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

from stylecam.errors import AlreadyRunningError
from stylecam.utils.files import atomic_file

START_TOLERANCE_S = 2.0
"""How far apart two readings of one process's start may lie: the system's idea of when it booted moves a little."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One running stylecam.

    Attributes:
        pid: its process.
        started: when that process began, in seconds since 1970: a number that is used again is another process.
        wanted: the outputs as they were asked for; empty for the usual one.
        outputs: the names of the outputs it has.
        host: where its server listens; empty without a server.
        port: 0 without a server.
        token: what the server wants to see.
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
        """True while the very process runs."""
        try:
            return abs(float(psutil.Process(self.pid).create_time()) - self.started) < START_TOLERANCE_S
        except psutil.AccessDenied:
            return True
        except (psutil.Error, ValueError, OverflowError):
            return False

    @property
    def url(self) -> str:
        """The server's address, without the token."""
        from stylecam.control.http.address import url  # `stylecam ctl` can do without, mostly

        return url(self.host, self.port)


def current_instance(
    wanted: Sequence[str], outputs: Sequence[str], host: str = "", port: int = 0, token: str = ""
) -> Instance:
    """The one that this process is."""
    started = float(psutil.Process().create_time())
    return Instance(os.getpid(), started, tuple(wanted), tuple(outputs), host, port, token)


def runtime_folder() -> Path:
    """Where the files lie; it goes away when the user logs out, where the system has such a place."""
    with warnings.catch_warnings():  # of a session without such a place, which gets one in /tmp: see `_ours`
        warnings.simplefilter("ignore")
        return Path(platformdirs.user_runtime_path("stylecam", appauthor=False))


@contextlib.contextmanager
def registered(instance: Instance) -> Iterator[Path]:
    """Others find `instance` inside this block, in the file given.

    Raises:
        OSError: the file cannot be written, or its folder belongs to somebody else.
    """
    place = runtime_folder()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _ours(place):
        raise PermissionError(f"{place} belongs to somebody else, or can be written by others")
    path = place / f"instance-{instance.pid}.json"
    try:
        with atomic_file(path, mode=0o600) as file:
            file.write(json.dumps(asdict(instance)).encode())
        yield path
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def running_instances() -> list[Instance]:
    """Those that run now, the newest first; what others have left behind is taken away."""
    place = runtime_folder()
    if not _ours(place):
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


def check_outputs_free(wanted: Sequence[str]) -> None:
    """See that no running stylecam publishes where this one is asked to.

    Raises:
        AlreadyRunningError: one does; says how to steer it.
    """
    for other in running_instances():
        shared = _places(wanted) & _places(other.wanted)
        if shared or _devices(wanted) & set(other.outputs):
            raise AlreadyRunningError(
                f"stylecam is running already (process {other.pid}) and publishes to {', '.join(other.outputs)}; steer "
                "it with `stylecam ctl` (stylecam ctl next, stylecam ctl --help), end it with `stylecam ctl quit`, or "
                "give this one another --output"
            )


def _places(wanted: Sequence[str]) -> set[str]:
    """What no two can have at once, of outputs as users write them; without any, the first virtual camera is meant."""
    places = set()
    for text in wanted or ["virtual"]:
        kind, _, argument = text.strip().partition(":")
        if kind == "file":
            places.add(f"file:{Path(argument).expanduser().resolve()}")
        elif kind == "virtual" or (kind == "web" and argument):
            places.add(f"{kind}:{argument}")
    return places


def _devices(wanted: Sequence[str]) -> set[str]:
    """The names that virtual cameras have once they are open, of those asked for by their device."""
    parts = [text.strip().partition(":") for text in wanted]
    return {f"virtual camera {device}" for kind, _, device in parts if kind == "virtual" and device}


def _ours(place: Path) -> bool:
    """True for a folder that this user alone can write: where the system has none of his own, it lies in /tmp."""
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
