"""Measure the governor while another program arrives, takes half of the processor, and leaves."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType
from typing import Any

from stylecam.evaluation.performance.live_run import LiveRunResult, LogEntry, ScheduledEvent

_BUSY_LOOP = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.buffer.raw.read(), os._exit(0)), daemon=True).start()
while True:
    pass
"""
"""Keeps a core busy until its input ends, so that it does not outlive the process that started it."""


@dataclass(frozen=True, slots=True)
class LoadPhase:
    """A part of the run with one number of busy programs."""

    name: str
    begin_s: float
    end_s: float
    programs: int


def phases(seconds: float, cores: int) -> tuple[LoadPhase, ...]:
    """Divide the run: calm for a quarter, half of the `cores` taken for a third, calm again for the rest."""
    arrival, departure = seconds / 4, seconds * 7 / 12
    return (
        LoadPhase("calm", 0.0, arrival, 0),
        LoadPhase("loaded", arrival, departure, max(1, cores // 2)),
        LoadPhase("calm again", departure, seconds, 0),
    )


def script(phases: tuple[LoadPhase, ...]) -> tuple[ScheduledEvent, ...]:
    """Return the events that begin all phases but the first."""
    return tuple(ScheduledEvent(phase.begin_s, "load", str(phase.programs)) for phase in phases[1:])


@dataclass(frozen=True, slots=True)
class LoadTestResult:
    """A live run with its phases."""

    run: LiveRunResult
    phases: tuple[LoadPhase, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            **self.run.as_dict(),
            "phases": [
                self._phase_dict(phase, begin, end)
                for phase, (begin, end) in zip(self.phases, pairwise(self._bounds()), strict=True)
            ],
            "timeline": [
                {name: entry[name] for name in ("t", "rung", "detail", "repeats", "published_fps", "reason")}
                for entry in self.run.samples
            ],
        }

    def _phase_dict(self, phase: LoadPhase, begin: float, end: float) -> dict[str, Any]:
        samples = [entry for entry in self.run.samples if begin <= entry["t"] <= end]
        values: dict[str, Any] = {"name": phase.name, "programs": phase.programs, "from_s": begin, "to_s": end}
        if len(samples) < 2:
            return {**values, "rung": None}
        first, last = samples[0], samples[-1]
        seconds = last["t"] - first["t"]
        changes = [later["t"] for earlier, later in pairwise(samples) if _quality(earlier) != _quality(later)]
        return {
            **values,
            "rung": last["rung"],
            "detail": last["detail"],
            "changes": len(changes),
            "settled_after_s": round(changes[-1] - begin, 2) if changes else 0.0,
            "late": last["repeats"] - first["repeats"],
            "published_fps": round((last["published"] - first["published"]) / seconds, 2),
            "styled_fps": round((last["styled"] - first["styled"]) / seconds, 2),
        }

    def _bounds(self) -> list[float]:
        """Return when each phase began and the last one ended: by the events, which come a moment late."""
        happened = [float(event["t"]) for event in self.run.events if event["what"] == "load"]
        due = [phase.begin_s for phase in self.phases[1:]]
        return [0.0, *happened, *due[len(happened) :], max(self.run.config.seconds, *due)]


def _quality(entry: LogEntry) -> tuple[Any, Any]:
    """Return what the governor changes: the rung, and whether detail is computed."""
    return entry["rung"], entry["detail"]


class CpuLoad:
    """A context with `count` busy processes: none at first, and none once it is left."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> CpuLoad:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.set(0)

    @property
    def count(self) -> int:
        """How many processes there are."""
        return len(self._processes)

    def set(self, count: int) -> None:
        """Start or end processes until there are `count`."""
        while len(self._processes) > count:
            process = self._processes.pop()
            process.kill()
            assert process.stdin is not None
            with contextlib.suppress(OSError):
                process.stdin.close()
            process.wait()
        while len(self._processes) < count:
            command = [sys.executable, "-I", "-S", "-c", _BUSY_LOOP]
            self._processes.append(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )
