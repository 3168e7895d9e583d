"""A live run as a viewer, and the computer, felt it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from stylecam.bench.job import Job
from stylecam.bench.journal import Entry, Outcome

SETTLED_S = 5.0
"""The start is not counted in what a run needs of the processor, where it lasts long enough."""


@dataclass(frozen=True, slots=True)
class Run:
    """A job and what came of it."""

    job: Job
    outcome: Outcome

    @property
    def cores_busy(self) -> float | None:
        """How many cores it kept busy on the average, once it had settled; None where too little was seen."""
        return self._rate("busy_s")

    @property
    def others_busy(self) -> float | None:
        """The same of all other programs, those started for the run's sake included: where many, figures say less."""
        own, machine = self._rate("busy_s"), self._rate("machine_busy_s")
        return None if own is None or machine is None else max(0.0, machine - own)

    def _rate(self, name: str) -> float | None:
        settled = [entry for entry in self.outcome.samples if entry["t"] >= min(SETTLED_S, self.job.seconds / 4)]
        if len(settled) < 2:
            return None
        first, last = settled[0], settled[-1]
        return float(last[name] - first[name]) / float(last["t"] - first["t"])

    @property
    def rungs(self) -> list[tuple[tuple[int, int], float]]:
        """Processing sizes with their shares of the time, the most used one first."""
        counted = Counter(tuple(entry["rung"]) for entry in self.outcome.samples if entry["rung"])
        total = sum(counted.values())
        return [((rung[0], rung[1]), count / total) for rung, count in counted.most_common()]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; what is not known, because the run was cut short, is None."""
        report: Entry = self.outcome.report or {}
        samples = self.outcome.samples
        last: Entry = samples[-1] if samples else {}
        rungs, cores, others = self.rungs, self.cores_busy, self.others_busy
        return {
            "camera": self.job.camera,
            "engine": report.get("engine", self.job.engine),
            "device": report.get("device"),
            "version": report.get("engine_version"),
            "size": list(self.job.size),
            "fps": self.job.fps,
            "scale": self.job.scale,
            "seconds": round(self.outcome.seconds, 1),
            "published_fps": report.get("published_fps", last.get("published_fps")),
            "styled_fps": report.get("styled_fps", last.get("styled_fps")),
            "rung": None if not rungs else list(rungs[0][0]),
            "rungs": {f"{width}x{height}": round(share, 3) for (width, height), share in rungs},
            "latency_ms": report.get("latency_ms"),
            "gap_ms": report.get("gap_ms"),
            "repeats": report.get("repeats", last.get("repeats")),
            "drops": report.get("drops", last.get("drops")),
            "reused": report.get("reused", last.get("reused")),
            "cores_busy": None if cores is None else round(cores, 2),
            "others_busy": None if others is None else round(others, 2),
            "rss_mb": report.get("rss_mb", last.get("rss_mb")),
            "start_s": report.get("start_s"),
            "stages": report.get("stages"),
            "said": self.outcome.said,
            "crash": self.outcome.crash,
        }
