"""Call a function in a process of its own, with limits on time and memory."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import psutil

_POLL_S = 0.05
_ADDRESS_SPACE_FACTOR = 4
"""Address space allowed per byte of memory allowed: libraries and threads reserve far more than they use."""
_SET_PATH = "import sys; n = int(sys.argv[1]) + 2; sys.path[:], sys.argv[:] = sys.argv[n:], sys.argv[2:n]; "
_CALL = "from importlib import import_module; getattr(import_module(sys.argv[0]), sys.argv[1])(*sys.argv[2:])"


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What the process may use once it is ready: seconds, and bytes of memory beyond those it has then."""

    seconds: float
    memory: int


def python_command(function: str, *arguments: str) -> list[str]:
    """Return a command line that calls `module:function` with `arguments` in a fresh Python.

    The new process has this process's module path. Neither environment variables nor the current folder can give it
    other modules.
    """
    module, _, name = function.partition(":")
    call = [module, name, *arguments]
    return [sys.executable, "-I", "-c", _SET_PATH + _CALL, str(len(call)), *call, *sys.path]


def run(function: str, argument: str, limits: SandboxLimits) -> str | None:
    """Call `module:function` with `argument` in a fresh Python and wait for its end.

    The process prints nowhere and does not outlive this call. Its memory is watched from outside, which works on every
    system; what it used before it was ready does not count.

    Returns:
        None if the function returned, else how it failed, such as `crashed (SIGSEGV)`.
    """
    command = python_command("stylecam.utils.sandbox:child_main", function, argument, str(limits.memory))
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()  # the memory it uses once it is ready; nothing if it has ended
            exceeded = _wait(process, limits, int(ready) if ready.strip().isdigit() else 0)
        finally:
            process.kill()
        if exceeded is not None:
            return exceeded
        if process.returncode == 0:
            return None
        errors.seek(0)
        lines = errors.read(100_000).decode("utf-8", "replace").strip().splitlines()
        return _failure(process.returncode, lines[-1] if lines else "", limits)


def child_main(function: str, argument: str, memory: str) -> None:
    """Load the function, report readiness, and call it. Runs in the process that `run` starts."""
    module, _, name = function.partition(":")
    work = getattr(import_module(module), name)
    _limit_address_space(int(memory))
    # Measured here: the parent may come to it only when the work has begun, and look again only when it has ended.
    os.write(sys.stdout.fileno(), b"%d\n" % psutil.Process().memory_info().rss)
    before = _peak_memory()
    work(argument)
    if _peak_memory() > before + int(memory):
        raise MemoryError


def _peak_memory() -> int:
    """Return the most bytes of memory that this process has used so far."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # On Linux `getrusage` counts the parent's memory too.
    (peak,) = (line for line in Path("/proc/self/status").read_text("ascii").splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) * 1024


def _limit_address_space(memory: int) -> None:
    """Let the system refuse memory that grows faster than `_wait` polls, where the system can."""
    if sys.platform == "win32":
        return
    import resource

    space = psutil.Process().memory_info().vms + _ADDRESS_SPACE_FACTOR * memory
    with contextlib.suppress(ValueError, OSError):  # macOS ignores the limit; or it is already lower
        resource.setrlimit(resource.RLIMIT_AS, (space, space))


def _wait(process: subprocess.Popen[bytes], limits: SandboxLimits, ready_bytes: int) -> str | None:
    """Wait for the process, which used `ready_bytes` when it was ready; return which limit it exceeded, or None."""
    with contextlib.suppress(psutil.NoSuchProcess):
        watched = psutil.Process(process.pid)
        most = ready_bytes + limits.memory
        for _ in range(max(1, round(limits.seconds / _POLL_S))):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_POLL_S)
                return None
            if watched.memory_info().rss > most:
                return f"needed more than {_format_size(limits.memory)} of memory"
        return f"took longer than {limits.seconds:g} s"
    process.wait()
    return None


def _failure(status: int, message: str, limits: SandboxLimits) -> str:
    if message.startswith("MemoryError"):
        return f"needed more than {_format_size(limits.memory)} of memory"
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"crashed ({signal.Signals(-status).name})"
    return f"ended with status {status}" + (f" ({message})" if message else "")


def _format_size(size: int) -> str:
    return f"{size / 2**30:.1f} GB" if size >= 2**30 else f"{size / 2**20:.0f} MB"
