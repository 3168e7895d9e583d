"""Runs a job in a process of its own and follows what it writes."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from stylecam import child
from stylecam.bench.job import Job
from stylecam.bench.journal import Entry, Follower, Outcome
from stylecam.clock import Clock
from stylecam.errors import BenchError

LOOK_S = 0.25
START_S = 60.0
"""Longer than that no start takes; nor does an end."""
END_S = 20.0


def follow(job: Job, clock: Clock, stop: threading.Event, look: Callable[[Entry], None]) -> Outcome:
    """Do `job`; `look` is told of each entry as it is written. `stop` ends it early, with what is known so far.

    Raises:
        BenchError: the run could not be opened; the message is the run's own.
    """
    outcome, journal = Outcome(), Follower(Path(job.samples))
    journal.skip()  # an earlier run into the same file
    with tempfile.TemporaryFile() as complaints:
        # In a session of its own: Ctrl-C in the terminal is for us, and it is ended by the end of its input.
        process = subprocess.Popen(
            child.command("stylecam.bench.worker:begin"),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            start_new_session=True,
        )
        try:
            assert process.stdin is not None
            with contextlib.suppress(OSError):  # it died before it read: its end is told below
                process.stdin.write(job.line().encode())
                process.stdin.flush()
            deadline = clock.now() + START_S + job.seconds + END_S
            while process.poll() is None and not stop.is_set() and clock.now() < deadline:
                clock.wait_until(clock.now() + LOOK_S, stop)
                _read(journal, outcome, look)
            with contextlib.suppress(OSError):
                process.stdin.close()
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            outcome.crash = "it did not end when it was told to"
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        _read(journal, outcome, look)
        if process.returncode and outcome.crash is None:
            complaints.seek(0)
            words = complaints.read().decode("utf-8", "replace").split("\n")
            outcome.crash = _ending(process.returncode, words)
    if outcome.refused is not None:
        raise BenchError(outcome.refused)
    return outcome


def _read(journal: Follower, outcome: Outcome, look: Callable[[Entry], None]) -> None:
    for entry in journal.news():
        outcome.add(entry)
        look(entry)


def _ending(status: int, words: list[str]) -> str:
    last = next((" ".join(line.split())[:300] for line in reversed(words) if line.strip()), "")
    how = f"status {status}"
    if status < 0:
        with contextlib.suppress(ValueError):
            how = signal.Signals(-status).name
    return f"it ended with {how}" + (f": {last}" if last else "")
