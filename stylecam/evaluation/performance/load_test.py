"""The governor while another program comes, takes half of the processor, and leaves."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType
from typing import Any

from stylecam.evaluation.performance.live_run import Entry, Run, ScheduledEvent


# ---- bench.burden
@dataclass(frozen=True, slots=True)
class LoadPhase:
    """A part of the run under one load."""

    name: str
    begin_s: float
    end_s: float
    programs: int


def phases(seconds: float, cores: int) -> tuple[LoadPhase, ...]:
    """Calm, half of the `cores` taken by others, calm again; a quarter, a third and the rest of the time."""
    arrival, departure = seconds / 4, seconds * 7 / 12
    return (
        LoadPhase("calm", 0.0, arrival, 0),
        LoadPhase("loaded", arrival, departure, max(1, cores // 2)),
        LoadPhase("calm again", departure, seconds, 0),
    )


def script(parts: tuple[LoadPhase, ...]) -> tuple[ScheduledEvent, ...]:
    """What has to happen for these phases."""
    return tuple(ScheduledEvent(phase.begin_s, "load", str(phase.programs)) for phase in parts[1:])


@dataclass(frozen=True, slots=True)
class LoadTestResult:
    """A run with its phases."""

    run: Run
    phases: tuple[LoadPhase, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            **self.run.as_dict(),
            "phases": [
                self._of(phase, begin, end)
                for phase, (begin, end) in zip(self.phases, pairwise(self._bounds()), strict=True)
            ],
            "timeline": [
                {name: entry[name] for name in ("t", "rung", "detail", "repeats", "published_fps", "reason")}
                for entry in self.run.outcome.samples
            ],
        }

    def _of(self, phase: LoadPhase, begin: float, end: float) -> dict[str, Any]:
        """What a phase was like."""
        seen = [entry for entry in self.run.outcome.samples if begin <= entry["t"] <= end]
        known: dict[str, Any] = {"name": phase.name, "programs": phase.programs, "from_s": begin, "to_s": end}
        if len(seen) < 2:
            return {**known, "rung": None}
        first, last = seen[0], seen[-1]
        seconds = last["t"] - first["t"]
        changes = [later["t"] for earlier, later in pairwise(seen) if _step(earlier) != _step(later)]
        return {
            **known,
            "rung": last["rung"],
            "detail": last["detail"],
            "changes": len(changes),
            "settled_after_s": round(changes[-1] - begin, 2) if changes else 0.0,
            "late": last["repeats"] - first["repeats"],
            "published_fps": round((last["published"] - first["published"]) / seconds, 2),
            "styled_fps": round((last["styled"] - first["styled"]) / seconds, 2),
        }

    def _bounds(self) -> list[float]:
        """When the phases began and the last one ended: by the events, which come a moment after they are due."""
        happened = [float(event["t"]) for event in self.run.outcome.events if event["what"] == "load"]
        due = [phase.begin_s for phase in self.phases[1:]]
        return [0.0, *happened, *due[len(happened) :], max(self.run.job.seconds, *due)]


def _step(entry: Entry) -> tuple[Any, Any]:
    return entry["rung"], entry["detail"]


# ---- bench.load
_EATER = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.buffer.raw.read(), os._exit(0)), daemon=True).start()
while True:
    pass
"""
"""Keeps a core busy until its input ends: so it does not outlive who started it, however that one ended."""


class CpuLoad:
    """A context with `count` busy processes; none at first, and none once it is left."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> CpuLoad:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.set(0)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._processes)

    def set(self, count: int) -> None:
        """Have so many."""
        while len(self._processes) > count:
            process = self._processes.pop()
            process.kill()
            assert process.stdin is not None
            with contextlib.suppress(OSError):
                process.stdin.close()
            process.wait()
        while len(self._processes) < count:
            command = [sys.executable, "-I", "-S", "-c", _EATER]
            self._processes.append(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )
