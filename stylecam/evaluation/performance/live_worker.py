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

from stylecam.control.actions import Command
from stylecam.errors import SourceLostError, StylecamError
from stylecam.evaluation.host import machine_busy_s
from stylecam.evaluation.performance.live_run import (
    EVENT,
    FINAL,
    REFUSED,
    SAID,
    SAMPLE,
    EventLogWriter,
    LiveRunConfig,
    ScheduledEvent,
    sample,
)
from stylecam.evaluation.performance.load_test import CpuLoad
from stylecam.live.session import Session
from stylecam.live.settings import Settings
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.sinks.base import NullSink
from stylecam.media.sources.base import Source
from stylecam.media.sources.factory import make_source
from stylecam.media.timestamp import read_timestamp
from stylecam.models.catalog import Catalog
from stylecam.utils.clock import Clock, SystemClock
from stylecam.utils.metrics import Histogram


# ---- bench.worker
class LiveRunner:
    """Does one job: runs `live` with a source that can fail, and carries out the script."""

    def __init__(self, job: LiveRunConfig, journal: EventLogWriter, clock: Clock) -> None:
        """Raises StylecamError where the job cannot be done."""
        self._job, self._journal, self._clock = job, journal, clock
        self._script = deque(job.script)
        self._source = FaultySource(make_source(job.camera, clock), clock)
        self._reader = LatencySink(clock) if job.reads else None
        self._load = CpuLoad()
        self._began_at = clock.now()
        self._sampled_at = float("-inf")
        self.live = Session(
            settings_of(job),
            Catalog.load(map(Path, job.folders)),
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
            self._journal.write(SAMPLE, **sample(report, t, self._clock.process_time(), machine_busy_s()))

    def _carry_out(self, event: ScheduledEvent, t: float) -> None:
        if event.what == "order":
            self.live.control.submit(Command(event.argument))
        elif event.what == "load":
            self._load.set(int(event.argument))
        elif event.what == "fault":
            self._source.fail(float(event.argument))
        self._journal.write(EVENT, t=round(t, 3), what=event.what, argument=event.argument)


def settings_of(job: LiveRunConfig) -> Settings:
    """The settings of a job's live run; what it leaves open is as for `stylecam run`."""
    named = {field.name for field in fields(Settings)}
    given = {name: getattr(job, name) for name in job.__slots__ if name in named and getattr(job, name) is not None}
    return Settings(**{**given, "size": Size(*job.size), "outputs": ("null",), "hotkeys": False})


def main(lines: IO[bytes]) -> None:
    """Do the job in the first of `lines`, which are not buffered, until there are no more.

    Ctrl-C is meant for who started it, who then ends it; so it is ignored where it comes here too, as on Windows.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    job = LiveRunConfig.parse(lines.readline().decode())
    with Path(job.samples).open("a", encoding="utf-8") as file:
        journal = EventLogWriter(file)
        try:
            worker = LiveRunner(job, journal, SystemClock())
            threading.Thread(target=_watch, args=(lines, worker.live), name="bench-watch", daemon=True).start()
            worker.run()
        except StylecamError as error:
            journal.write(REFUSED, text=str(error))


def leave() -> None:
    """End the process, also while a thread is still inside an engine, as the command line does."""
    if any(thread.name.startswith("stylecam-") for thread in threading.enumerate()):
        sys.stderr.flush()
        os._exit(0)


def _watch(lines: IO[bytes], live: Session) -> None:
    lines.read()
    live.interrupt()


def begin() -> None:
    """The process's whole life."""
    # Not buffered: a thread that waits in a buffer's lock aborts the interpreter at its end.
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as given:
        main(given)
    leave()


# ---- bench.faults
class FaultySource(Source):
    """Another source with faults on demand: it reads as lost for some seconds, and cannot be opened meanwhile."""

    def __init__(self, source: Source, clock: Clock) -> None:
        super().__init__()
        self._source = source
        self._clock = clock
        self._lost_until = float("-inf")
        self.name, self.live = source.name, source.live

    def fail(self, seconds: float) -> None:
        """Be lost from now on for `seconds`; any thread may call it."""
        self._lost_until = self._clock.now() + seconds

    def close(self) -> None:
        """See `Source.close`."""
        self._source.close()

    def describe(self) -> dict[str, object]:
        """See `Source.describe`."""
        return self._source.describe()

    def _open(self, size: Size, fps: float) -> None:
        self._check()
        self._source.open(size, fps)
        self.name, self.live = self._source.name, self._source.live

    def _read(self) -> tuple[Image, float] | None:
        self._check()
        frame = self._source.read()
        return None if frame is None else (frame.image, frame.captured_at)

    def _check(self) -> None:
        if self._clock.now() < self._lost_until:
            raise SourceLostError(f"{self.name} is lost, for the benchmark's sake")


# ---- bench.reader
STRENGTH = 0.3
"""Painted so strongly, the time stamp's black and white stay apart whatever the style: within 0..88 and 164..255."""


class LatencySink(NullSink):
    """Measures what `stylecam.media.timestamp` wrote against the time at which a picture is handed over."""

    name = "time stamps"

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._last: float | None = None
        self._latency = Histogram(0.1)
        self._unreadable = self._backwards = 0

    def snapshot(self) -> dict[str, Any]:
        """Latency in ms of pictures seen for the first time; how many could not be read, or went back in time."""
        return {
            "count": self._latency.count,
            **{f"p{percent}": self._latency.percentile(percent) for percent in (50, 95, 99)},
            "max": round(self._latency.maximum_ms, 2),
            "unreadable": self._unreadable,
            "backwards": self._backwards,
        }

    def _write(self, frame: Frame) -> None:
        if frame.index < 0:  # a card: no camera picture yet
            return
        captured_at = read_timestamp(frame.image)
        if captured_at is None:
            self._unreadable += 1
        elif captured_at != self._last:
            self._backwards += self._last is not None and captured_at < self._last
            self._last = captured_at
            self._latency.add((self._clock.now() - captured_at) * 1000)
