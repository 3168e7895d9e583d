"""Memory that was freed: used again by all threads, and given back to the system.

Both concern glibc, which keeps freed memory in arenas for the threads that had it; elsewhere nothing is done.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Callable
from functools import cache

_M_ARENA_MAX = -8  # of malloc.h
_ARENAS = 2


def trim() -> bool:
    """Have the C library give back what was freed; whether it had something to give.

    It takes milliseconds, and threads that want memory meanwhile wait for parts of that: not for the frame path.
    """
    trim = _function("malloc_trim")
    return trim is not None and bool(trim(0))


def limit_arenas() -> bool:
    """From now on let all threads have memory from `_ARENAS` arenas; whether that was heard.

    Otherwise each gets one of its own, up to eight for each core, of which up to 64 MB at the end are never given back.
    """
    set_option = _function("mallopt")
    return set_option is not None and bool(set_option(_M_ARENA_MAX, _ARENAS))


@cache
def _function(name: str) -> Callable[..., int] | None:
    """One of glibc's; None where the C library is another one."""
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        return None
    found: Callable[..., int] | None = getattr(ctypes.CDLL(None), name, None)
    return found
