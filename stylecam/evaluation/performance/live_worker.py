"""Do one live run in a process of its own, so that the figures contain nothing else.

The process reads its `LiveRunConfig` as a line of JSON from standard input and appends its samples to a file. When the
input is closed, the run ends, so that it never outlives the process that started it.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import IO, Any

from stylecam.control.command import Command
from stylecam.errors import SourceLostError, StylecamError
from stylecam.evaluation.host import machine_busy_s
from stylecam.evaluation.performance.live_run import (
    EVENT,
    FINAL,
    REFUSED,
    SAID,
    SAMPLE,
    LiveRunConfig,
    LogEntry,
    ScheduledEvent,
)
from stylecam.evaluation.performance.load_test import CpuLoad
from stylecam.live.report import SessionReport
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

TIMESTAMP_STRENGTH = 0.3
"""The strength at which a time stamp's black and white stay apart whatever the style: within 0..88 and 164..255."""


def main() -> None:
    """Do the run that is described on standard input, then end the process.

    Ctrl-C is meant for the process that started this one, which then closes the input; so it is ignored where it comes
    here too, as on Windows.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Not buffered: a thread that waits in a buffer's lock aborts the interpreter at its end.
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as lines:
        config = LiveRunConfig.parse(lines.readline().decode())
        with Path(config.samples).open("a", encoding="utf-8") as file:
            _run(config, file, lines)
    if any(thread.name.startswith("stylecam-") for thread in threading.enumerate()):
        sys.stderr.flush()
        os._exit(0)  # a thread is still inside an engine


def _run(config: LiveRunConfig, file: IO[str], lines: IO[bytes]) -> None:
    def interrupt_at_end_of_input() -> None:
        lines.read()
        runner.session.interrupt()

    log = SampleLog(file)
    logging.getLogger("stylecam").setLevel(logging.INFO)
    logging.getLogger("stylecam").addHandler(log)
    try:
        runner = LiveRunner(config, log, SystemClock())
        threading.Thread(target=interrupt_at_end_of_input, name="bench-watch", daemon=True).start()
        runner.run()
    except StylecamError as error:
        log.write(REFUSED, text=str(error))


class SampleLog(logging.Handler):
    """Writes lines of JSON to a file, each at once; as a log handler, also what stylecam logs for the user."""

    def __init__(self, file: IO[str]) -> None:
        super().__init__(logging.INFO)
        self._file = file

    def write(self, kind: str, **values: Any) -> None:
        """Append one line."""
        self._file.write(json.dumps({"kind": kind, **values}) + "\n")
        self._file.flush()

    def emit(self, record: logging.LogRecord) -> None:
        """Append what was logged."""
        self.write(SAID, text=record.getMessage())


class LiveRunner:
    """Runs a session whose source can fail, carries out the script and writes samples.

    Raises:
        StylecamError: the session cannot be created.
    """

    def __init__(self, config: LiveRunConfig, log: SampleLog, clock: Clock) -> None:
        self._config, self._log, self._clock = config, log, clock
        self._script = deque(config.script)
        self._source = FaultySource(make_source(config.camera, clock), clock)
        self._latency_sink = LatencySink(clock) if config.reads_timestamps else None
        self._load = CpuLoad()
        self._started_at = clock.now()
        self._sampled_at = float("-inf")
        self.session = Session(
            settings_of(config),
            Catalog.load(map(Path, config.folders)),
            clock,
            source=self._source,
            sinks=[self._latency_sink or NullSink()],
        )

    def run(self) -> None:
        """Open the session, run it to its end and close it.

        Raises:
            StylecamError: it cannot be opened.
        """
        with self.session:
            self._started_at = self._clock.now()
            with self._load:
                report = self.session.run(tick=self._tick).to_json()
        pixels = None if self._latency_sink is None else self._latency_sink.snapshot()
        self._log.write(FINAL, report=report, pixels=pixels)

    def _tick(self, report: SessionReport) -> None:
        now = self._clock.now()
        t = now - self._started_at
        while self._script and self._script[0].at_s <= t:
            self._carry_out(self._script.popleft(), t)
        if now - self._sampled_at >= self._config.every_s - 0.01:
            self._sampled_at = now
            self._log.write(SAMPLE, **sample(report.to_json(), t, self._clock.process_time(), machine_busy_s()))

    def _carry_out(self, event: ScheduledEvent, t: float) -> None:
        if event.what == "order":
            self.session.control.submit(Command(event.argument))
        elif event.what == "load":
            self._load.set(int(event.argument))
        elif event.what == "fault":
            self._source.fail(float(event.argument))
        self._log.write(EVENT, t=round(t, 3), what=event.what, argument=event.argument)


def settings_of(config: LiveRunConfig) -> Settings:
    """Return the settings of the session; what `config` leaves open is as for `stylecam run`."""
    names = {field.name for field in fields(Settings)} & set(config.__slots__)
    values = {name: value for name in names if (value := getattr(config, name)) is not None}
    return Settings(**{**values, "size": Size(*config.size), "outputs": ("null",), "hotkeys": False})


def sample(report: Mapping[str, Any], t: float, busy_s: float, machine_busy_s: float) -> LogEntry:
    """Pick what is kept of the session's statistics.

    Args:
        report: the statistics.
        t: seconds since the start of the run.
        busy_s: processor time that the run has used so far.
        machine_busy_s: processor time that all programs have used so far.
    """
    recent, governor = report["recent"], report["governor"]
    return {
        "t": round(t, 3),
        "busy_s": round(busy_s, 3),
        "machine_busy_s": round(machine_busy_s, 3),
        "rss_mb": report["rss_mb"],
        **{name: report[name] for name in ("published", "styled", "repeats", "drops", "reused", "spared")},
        "published_fps": recent["published_fps"],
        "styled_fps": recent["styled_fps"],
        "latency_ms": recent["latency_ms"],
        "longest_gap_ms": report["gap_ms"]["max"],
        "rung": report["rung"],
        "detail": report["detail"],
        "style": report["style"],
        "reason": None if governor is None else governor["reason"],
        "faults": report["faults"]["total"],
        "trouble": report["source_trouble"],
    }


class FaultySource(Source):
    """Wraps another source and fails on demand: reading reports it as lost, and it cannot be opened meanwhile."""

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


class LatencySink(NullSink):
    """Measures the latency by the time of capture that `stylecam.media.timestamp` drew into the pixels."""

    name = "time stamps"

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._last: float | None = None
        self._latency = Histogram(0.1)
        self._unreadable = self._backwards = 0

    def snapshot(self) -> dict[str, Any]:
        """Return the latency in ms of new pictures, and how many were unreadable or out of order."""
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
