"""Memory that was freed, given back to the system."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache


def give_back() -> bool:
    """Have the C library give back what was freed; whether it had something to give.

    glibc keeps freed memory for the thread that had it: of a network that was let go half may stay that way, and other
    threads cannot use it. Other C libraries give back by themselves; there this does nothing. It takes milliseconds,
    and threads that want memory meanwhile wait for parts of that: not for the frame path.
    """
    trim = _trim()
    return trim is not None and bool(trim(0))


@cache
def _trim() -> Callable[[int], int] | None:
    if sys.platform != "linux":
        return None
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
    return trim
