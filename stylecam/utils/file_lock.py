"""Lock files, to tell a running process from one that has ended: the system releases a lock however its process ends.

In contrast to a process number with a start time, a lock depends neither on the clock nor on reused numbers.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

_LOCKED_BYTE = 2**30
"""The byte that is locked on Windows, where a locked byte cannot be read: far behind the end of the file."""

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int, *, wait: bool, shared: bool) -> None:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int, *, wait: bool, shared: bool) -> None:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)


def lock(descriptor: int) -> None:
    """Lock an open file until its descriptor is closed or the process ends.

    Waits while `is_locked` of another process looks at it, which takes no time worth mentioning.

    Raises:
        OSError: the file system has no locks.
    """
    _lock(descriptor, wait=True, shared=False)


def try_lock(descriptor: int) -> bool:
    """Like `lock`, but return False at once if another process has the lock.

    Raises:
        OSError: the file system has no locks.
    """
    try:
        _lock(descriptor, wait=False, shared=False)
    except (BlockingIOError, PermissionError):  # the latter on Windows
        return False
    return True


def is_locked(path: Path) -> bool:
    """Return True if a running process has locked the file.

    Raises:
        OSError: it cannot be opened, or the file system has no locks.
    """
    flags = os.O_RDWR if sys.platform == "win32" else os.O_RDONLY | os.O_NOFOLLOW
    descriptor = os.open(path, flags)
    try:
        _lock(descriptor, wait=False, shared=True)
    except (BlockingIOError, PermissionError):
        return True
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    return False


def process_exists(pid: int) -> bool:
    """Return True if a process has this number, whoever started it."""
    if sys.platform == "win32":
        import psutil

        return bool(psutil.pid_exists(pid))
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True
