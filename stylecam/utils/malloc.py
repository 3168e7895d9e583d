"""Settings of glibc's malloc: whether freed memory is shared by threads, kept, or returned to the system.

glibc keeps freed memory in arenas that belong to the threads that allocated it. With other C libraries these functions
do nothing. They act on the whole process, so only the command line, the live session and the trainer call them.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Callable
from functools import cache

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8  # from malloc.h
_ARENAS = 2


def trim() -> bool:
    """Return freed memory to the system; True if there was some.

    This takes milliseconds, during parts of which other threads cannot allocate: do not call it on the frame path.
    """
    malloc_trim = _function("malloc_trim")
    return malloc_trim is not None and bool(malloc_trim(0))


def limit_arenas() -> bool:
    """Make all threads share `_ARENAS` arenas from now on; True if malloc accepted the setting.

    By default there are up to eight arenas per core, each of which keeps up to 64 MB of freed memory.
    """
    mallopt = _function("mallopt")
    return mallopt is not None and bool(mallopt(_M_ARENA_MAX, _ARENAS))


def keep_large_blocks() -> None:
    """Make malloc keep the large blocks that are freed, instead of asking the system for them again.

    For training, where the page faults of fresh blocks took a fifth of a step's time.
    """
    if mallopt := _function("mallopt"):
        for option, value in ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 64 * 2**20)):
            mallopt(option, value)


@cache
def _function(name: str) -> Callable[..., int] | None:
    """Return a function of glibc, or None with another C library."""
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        return None
    function: Callable[..., int] | None = getattr(ctypes.CDLL(None), name, None)
    return function
