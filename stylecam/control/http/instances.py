"""Find the running stylecams of this user.

Each one writes a small file that only its user can read, with its process, its address and its server's token, and
keeps it locked for as long as it runs. A file that is not locked, for example after a crash, is ignored, and deleted
when its process has ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from stylecam.control.http.address import url
from stylecam.errors import AlreadyRunningError
from stylecam.utils import file_lock, runtime_folder
from stylecam.utils.files import atomic_file
from stylecam.utils.message import Message


@dataclass(frozen=True, slots=True)
class Instance:
    """One running stylecam.

    Attributes:
        pid: its process number.
        started: when it was registered, in seconds since the computer started, to tell the newest.
        wanted: the requested outputs, as the user wrote them; empty for the default. The name is a key of the file.
        outputs: the names of its open outputs.
        host: where its server listens; empty without a server.
        port: 0 without a server.
        token: the token that its server requires at the port.
        socket: the path of its server's Unix socket; empty without one.
    """

    pid: int
    started: float
    wanted: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    host: str = ""
    port: int = 0
    token: str = ""
    socket: str = ""

    @property
    def place(self) -> str:
        """Where its server is, for people."""
        return self.url if self.port else self.socket

    @property
    def url(self) -> str:
        """The server's address, without the token."""
        return url(self.host, self.port)

    @property
    def link(self) -> str:
        """The page's address with the token; everybody who has it may control stylecam. Only where there is a port."""
        return f"{self.url}?token={self.token}"


def current_instance(
    wanted: Sequence[str], outputs: Sequence[str], host: str = "", port: int = 0, token: str = "", socket: str = ""
) -> Instance:
    """Return the instance that this process is."""
    return Instance(os.getpid(), time.monotonic(), tuple(wanted), tuple(outputs), host, port, token, socket)


def socket_path(folder: Path) -> Path:
    """Return where in the runtime folder the Unix socket of this process lies."""
    return folder / f"instance-{os.getpid()}.sock"


@contextlib.contextmanager
def registered(instance: Instance) -> Iterator[Path]:
    """Make `instance` known to other processes inside the `with` block; yields the path of its file.

    Raises:
        OSError: the file cannot be written, or there is no folder that only this user can write to.
    """
    path = runtime_folder.make_runtime_folder() / f"instance-{instance.pid}.json"
    with contextlib.ExitStack() as closing:
        closing.callback(_remove, path)
        with atomic_file(path, mode=0o600) as file:
            file.write(json.dumps(asdict(instance)).encode())
        kept_open = closing.enter_context(path.open("r+b"))
        with contextlib.suppress(OSError):  # a file system without locks: the process number has to do
            file_lock.lock(kept_open.fileno())
        yield path


def running_instances() -> list[Instance]:
    """Return the running instances, newest first, and delete the files of those that have ended.

    One that could not write its file, as the disk was full, is found by its Unix socket.
    """
    found: dict[int, Instance] = {}
    for folder in runtime_folder.runtime_folders():
        for path in sorted(folder.glob("instance-*.*")):  # .json before .sock
            pid = _pid(path)
            instance = Instance(pid, 0.0, socket=str(path)) if path.suffix == ".sock" else _read(path)
            try:
                running = file_lock.process_exists(pid) if path.suffix == ".sock" else file_lock.is_locked(path)
            except OSError:  # it has just been deleted, or the file system has no locks
                running = file_lock.process_exists(pid)
            if running and instance is not None:
                found.setdefault(instance.pid, instance)
            elif not running and not file_lock.process_exists(pid):
                _remove(path)
    return sorted(found.values(), key=lambda instance: instance.started, reverse=True)


def check_outputs_free(requested: Sequence[str]) -> None:
    """Check that no running stylecam publishes to one of the outputs `requested`.

    Raises:
        AlreadyRunningError: one does; the message says how to control it.
    """
    for other in running_instances():
        shared = _places(requested) & _places(other.wanted)
        if shared or _devices(requested) & set(other.outputs):
            raise AlreadyRunningError(
                Message(
                    "stylecam is running already (process {pid}) and publishes to {outputs}; steer it with `stylecam "
                    "ctl` (stylecam ctl link for its page, stylecam ctl --help), end it with `stylecam ctl quit`, or "
                    "give this one another --output",
                    pid=other.pid,
                    outputs=", ".join(other.outputs),
                )
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


def _pid(path: Path) -> int:
    number = path.stem.rpartition("-")[2]
    return int(number) if number.isdecimal() and len(number) < 20 else 0


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _read(path: Path) -> Instance | None:
    try:
        values = json.loads(path.read_text("utf-8"))
        instance = Instance(**{**values, "wanted": tuple(values["wanted"]), "outputs": tuple(values["outputs"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    texts = (instance.host, instance.token, instance.socket, *instance.wanted, *instance.outputs)
    numbers = (instance.pid, instance.port)
    if not all(isinstance(text, str) for text in texts) or not all(type(number) is int for number in numbers):
        return None
    return instance if isinstance(instance.started, float | int) else None
