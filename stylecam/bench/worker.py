"""One live run in a process of its own, so that nothing but it is in the figures.

The job is a line of JSON on standard input; when that is closed, the run ends, so that none outlives who started it.
What is seen goes to the job's file of samples.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import deque
from dataclasses import fields
from pathlib import Path
from typing import IO, Any

from stylecam.bench.faults import FailingSource
from stylecam.bench.host import machine_busy_s
from stylecam.bench.job import Event, Job
from stylecam.bench.journal import EVENT, FINAL, REFUSED, SAID, SAMPLE, Journal, sample
from stylecam.bench.load import Load
from stylecam.bench.reader import ReadingSink
from stylecam.clock import Clock, SystemClock
from stylecam.control.actions import Order
from stylecam.errors import StylecamError
from stylecam.frame import Size
from stylecam.live import Live
from stylecam.settings import Settings
from stylecam.sinks.base import NullSink
from stylecam.sources.select import make_source
from stylecam.styles.catalogue import Catalogue


class Worker:
    """Does one job: runs `live` with a source that can fail, and carries out the script."""

    def __init__(self, job: Job, journal: Journal, clock: Clock) -> None:
        """Raises StylecamError where the job cannot be done."""
        self._job, self._journal, self._clock = job, journal, clock
        self._script = deque(job.script)
        self._source = FailingSource(make_source(job.camera, clock), clock)
        self._reader = ReadingSink(clock) if job.reads else None
        self._load = Load()
        self._began_at = clock.now()
        self._sampled_at = float("-inf")
        self.live = Live(
            settings_of(job),
            Catalogue.load(map(Path, job.folders)),
            lambda text: journal.write(SAID, text=text),
            clock,
            source=self._source,
            sinks=[self._reader or NullSink()],
        )

    def run(self) -> None:
        """Open, run to the end and close; raises StylecamError where it cannot be opened."""
        self.live.open()
        self._began_at = self._clock.now()
        with self._load:
            report = self.live.run(tick=self._tick)
        self._journal.write(FINAL, report=report, pixels=None if self._reader is None else self._reader.snapshot())

    def _tick(self, report: dict[str, Any]) -> None:
        now = self._clock.now()
        t = now - self._began_at
        while self._script and self._script[0].at_s <= t:
            self._carry_out(self._script.popleft(), t)
        if now - self._sampled_at >= self._job.every_s - 0.01:
            self._sampled_at = now
            self._journal.write(SAMPLE, **sample(report, t, self._clock.busy(), machine_busy_s()))

    def _carry_out(self, event: Event, t: float) -> None:
        if event.what == "order":
            self.live.control.submit(Order(event.argument))
        elif event.what == "load":
            self._load.set(int(event.argument))
        elif event.what == "fault":
            self._source.fail(float(event.argument))
        self._journal.write(EVENT, t=round(t, 3), what=event.what, argument=event.argument)


def settings_of(job: Job) -> Settings:
    """The settings of a job's live run; what it leaves open is as for `stylecam run`."""
    named = {field.name for field in fields(Settings)}
    given = {name: getattr(job, name) for name in job.__slots__ if name in named and getattr(job, name) is not None}
    return Settings(**{**given, "size": Size(*job.size), "outputs": ("null",), "hotkeys": False})


def main(lines: IO[bytes]) -> None:
    """Do the job in the first of `lines`, which are not buffered, until there are no more.

    Ctrl-C is meant for who started it, who then ends it; so it is ignored where it comes here too, as on Windows.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    job = Job.parse(lines.readline().decode())
    with Path(job.samples).open("a", encoding="utf-8") as file:
        journal = Journal(file)
        try:
            worker = Worker(job, journal, SystemClock())
            threading.Thread(target=_watch, args=(lines, worker.live), name="bench-watch", daemon=True).start()
            worker.run()
        except StylecamError as error:
            journal.write(REFUSED, text=str(error))


def leave() -> None:
    """End the process, also while a thread is still inside an engine, as the command line does."""
    if any(thread.name.startswith("stylecam-") for thread in threading.enumerate()):
        sys.stderr.flush()
        os._exit(0)


def _watch(lines: IO[bytes], live: Live) -> None:
    lines.read()
    live.interrupt()


def begin() -> None:
    """The process's whole life."""
    # Not buffered: a thread that waits in a buffer's lock aborts the interpreter at its end.
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as given:
        main(given)
    leave()
