"""Work that may never end, or take the machine with it, done in a process of its own and within bounds."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import import_module

import psutil

_LOOK_EVERY_S = 0.05
_SPACE = 4
"""Times the memory allowed: libraries and threads reserve far more addresses than they use."""
_START = "import sys; n = int(sys.argv[1]) + 2; sys.path[:], sys.argv[:] = sys.argv[n:], sys.argv[2:n]; "
_CALL = "from importlib import import_module; getattr(import_module(sys.argv[0]), sys.argv[1])(*sys.argv[2:])"


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What a child may use: seconds, and bytes of memory beyond those it has when it begins."""

    seconds: float
    memory: int


def python_command(function: str, *arguments: str) -> list[str]:
    """What starts a fresh Python that calls `module:function` with `arguments`.

    It finds the modules that this process finds, and neither variables nor the folder at hand can give it others.
    """
    module, _, name = function.partition(":")
    words = [module, name, *arguments]
    return [sys.executable, "-I", "-c", _START + _CALL, str(len(words)), *words, *sys.path]


def run(function: str, argument: str, limits: SandboxLimits) -> str | None:
    """Call `module:function` with `argument` in a fresh Python; None when it returned, else what became of it.

    The child prints nowhere. Its memory is watched from outside, which
    works on every system, and what it took to get ready is not counted. It does not outlive this call.
    """
    begun = python_command("stylecam.utils.sandbox:child_main", function, argument, str(limits.memory))
    with (
        tempfile.TemporaryFile() as told,
        subprocess.Popen(begun, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=told) as process,
    ):
        try:
            assert process.stdout is not None
            process.stdout.read(1)  # it is ready, or has ended
            overrun = _overrun(process, limits)
        finally:
            process.kill()
        if overrun is not None:
            return overrun
        if process.returncode == 0:
            return None
        told.seek(0)
        said = told.read(100_000).decode("utf-8", "replace").strip().splitlines()
        return _ending(process.returncode, said[-1] if said else "", limits)


def child_main(function: str, argument: str, memory: str) -> None:
    """The child's own side of `run`."""
    module, _, name = function.partition(":")
    work = getattr(import_module(module), name)
    _bound(int(memory))
    os.write(sys.stdout.fileno(), b".")
    work(argument)


def _bound(memory: int) -> None:
    """Let the system refuse what grows faster than the watch looks, where it can."""
    if sys.platform == "win32":
        return
    import resource

    space = psutil.Process().memory_info().vms + _SPACE * memory
    with contextlib.suppress(ValueError, OSError):  # macOS knows the limit and does not keep it; or it is lower already
        resource.setrlimit(resource.RLIMIT_AS, (space, space))


def _overrun(process: subprocess.Popen[bytes], limits: SandboxLimits) -> str | None:
    """Wait for the child's end, or say which limit it went beyond."""
    with contextlib.suppress(psutil.NoSuchProcess):
        watched = psutil.Process(process.pid)
        most = watched.memory_info().rss + limits.memory
        for _ in range(max(1, round(limits.seconds / _LOOK_EVERY_S))):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_EVERY_S)
                return None
            if watched.memory_info().rss > most:
                return f"wanted more than {_shown(limits.memory)} of memory"
        return f"took longer than {limits.seconds:g} s"
    process.wait()
    return None


def _ending(status: int, said: str, limits: SandboxLimits) -> str:
    if said.startswith("MemoryError"):
        return f"wanted more than {_shown(limits.memory)} of memory"
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"crashed ({signal.Signals(-status).name})"
    return f"ended with status {status}" + (f" ({said})" if said else "")


def _shown(size: int) -> str:
    return f"{size / 2**30:.1f} GB" if size >= 2**30 else f"{size / 2**20:.0f} MB"
