"""Tests of returning freed memory to the system and of limiting malloc's arenas."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys
import threading
from collections.abc import Iterator

import psutil
import pytest

from stylecam.utils import malloc

MB = 2**20


@pytest.fixture(autouse=True)
def _uncached() -> Iterator[None]:
    malloc._function.cache_clear()
    yield
    malloc._function.cache_clear()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps what other threads freed")
def test_memory_that_another_thread_has_freed_is_returned_to_the_system() -> None:
    allocated, release = threading.Event(), threading.Event()

    def work() -> None:
        blocks = [bytearray(64 * 1024) for _ in range(1600)]
        last = bytearray(64 * 1024)  # the highest address: memory below a used block is not returned by itself
        blocks.clear()
        allocated.set()
        release.wait(60)
        del last

    thread = threading.Thread(target=work)
    thread.start()
    allocated.wait(60)
    before = psutil.Process().memory_info().rss
    assert malloc.trim()
    after = psutil.Process().memory_info().rss
    release.set()
    thread.join()
    assert before - after > 50 * MB


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_on_other_systems_nothing_is_done(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(ctypes, "CDLL", None)
    assert (malloc.trim(), malloc.limit_arenas()) == (False, False)


def test_with_another_c_library_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("platform.libc_ver", lambda: ("", ""))
    monkeypatch.setattr(ctypes, "CDLL", None)
    assert (malloc.trim(), malloc.limit_arenas()) == (False, False)


_MANY_THREADS = """
import ctypes, threading
from stylecam.utils import malloc
limited = malloc.limit_arenas()
arenas, done, ready = set(), threading.Event(), threading.Barrier(17)
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
def work():
    arenas.add(libc.malloc(5000) >> 26)  # an arena is aligned to 64 MB
    ready.wait()
    done.wait()
threads = [threading.Thread(target=work) for _ in range(16)]
for thread in threads: thread.start()
ready.wait(); done.set()
for thread in threads: thread.join()
print(limited, len(arenas))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's arenas")
def test_many_threads_share_few_arenas() -> None:
    printed = subprocess.run([sys.executable, "-c", _MANY_THREADS], capture_output=True, text=True, check=True).stdout
    limited, arenas = printed.split()
    assert limited == "True"
    assert int(arenas) <= 2
