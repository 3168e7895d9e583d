"""Memory given back to the system."""

from __future__ import annotations

import ctypes
import platform
import sys
import threading
from collections.abc import Iterator

import psutil
import pytest

from stylecam import memory

MB = 2**20


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    memory._trim.cache_clear()
    yield
    memory._trim.cache_clear()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps what other threads freed")
def test_what_another_thread_had_and_freed_is_given_back() -> None:
    held = threading.Event(), threading.Event()

    def work() -> None:
        pieces = [bytearray(64 * 1024) for _ in range(1600)]
        last = bytearray(64 * 1024)  # above them all: what lies below a used piece is not given back by itself
        pieces.clear()
        held[0].set()
        held[1].wait(60)
        del last

    thread = threading.Thread(target=work)
    thread.start()
    held[0].wait(60)
    before = psutil.Process().memory_info().rss
    assert memory.give_back()
    after = psutil.Process().memory_info().rss
    held[1].set()
    thread.join()
    assert before - after > 50 * MB


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_elsewhere_it_does_nothing(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(ctypes, "CDLL", None)
    assert not memory.give_back()


def test_a_c_library_without_it_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not memory.give_back()
