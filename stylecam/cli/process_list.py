"""Keeps secrets of the command line out of the system's list of processes, which every user may read."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable
from pathlib import Path

_START, _END = 45, 46
"""Where /proc/self/stat has the addresses of the arguments, after the program's name; see proc_pid_stat(5)."""


def hide_in_process_list(secrets: Iterable[str]) -> None:
    """Overwrite `secrets` with stars among this process's arguments, as `ps` shows them. Only Linux lets a program."""
    if sys.platform != "linux":
        return
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        shown = Path("/proc/self/cmdline").read_bytes()
    except OSError:
        return
    start, size = int(fields[_START]), int(fields[_END]) - int(fields[_START])
    if not start or size != len(shown):
        return
    hidden = shown
    for secret in secrets:
        text = secret.encode("utf-8", "surrogateescape")
        hidden = hidden.replace(text, b"*" * len(text))
    ctypes.memmove(start, hidden, size)
