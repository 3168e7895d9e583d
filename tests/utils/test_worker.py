"""Tests of the worker thread that the end of a process does not wait for."""

from __future__ import annotations

import subprocess
import sys
import threading

from stylecam.utils.worker import Worker


def test_calls_come_one_after_the_other_in_their_order() -> None:
    worker, seen = Worker("w"), list[int]()
    for number in range(100):
        worker.submit(lambda number=number: seen.append(number))  # type: ignore[misc]
    assert worker.close(20)
    assert seen == list(range(100))
    worker.submit(lambda: seen.append(-1))
    assert worker.close(20)
    assert seen[-1] == 99


def test_a_call_that_hangs_is_reported() -> None:
    worker, go = Worker("w"), threading.Event()
    worker.submit(lambda: go.wait(60))
    assert not worker.close(0.05)
    go.set()
    assert worker.close(20)


def test_the_process_ends_while_a_call_hangs() -> None:
    code = "import time; from stylecam.utils.worker import Worker; Worker('w').submit(lambda: time.sleep(600))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
