"""One live run to be measured, as it is handed to the process that does it."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any, NamedTuple

from stylecam.engines.names import AUTO
from stylecam.errors import BenchError
from stylecam.evaluation.performance.config import BenchConfig
from stylecam.live.settings import Settings
from stylecam.utils import sandbox
from stylecam.utils.clock import Clock


# ---- bench.job
class ScheduledEvent(NamedTuple):
    """Something to happen during a run.

    `what` is `order` (`argument` names an action of stylecam's), `load` (`argument` is how many busy processes there
    are from then on) or `fault` (`argument` is how many seconds the camera is lost).
    """

    at_s: float
    what: str
    argument: str


@dataclass(frozen=True, slots=True)
class LiveRunConfig:
    """A live run.

    Attributes:
        samples: the file that gets what is seen, as JSON lines.
        script: what happens during it, in order of time.
        every_s: how often a sample is taken.
        reads: whether its viewer reads time stamps from the pixels.
        folders: where styles lie.
        style: None for the first one, the rest as in `stylecam.live.settings.Settings`.
    """

    samples: str
    seconds: float
    camera: str = "demo"
    style: str | None = None
    size: tuple[int, int] = (1280, 720)
    fps: float = 30.0
    engine: str = AUTO
    device: str = "auto"
    threads: int | None = None
    cpu: float | None = None
    strength: float | None = None
    steadiness: float | None = None
    scale: float | None = None
    script: tuple[ScheduledEvent, ...] = ()
    every_s: float = 1.0
    reads: bool = False
    folders: tuple[str, ...] = ()

    @classmethod
    def of(cls, plan: BenchConfig, samples: Path, kind: str, **given: Any) -> LiveRunConfig:
        """What all runs of a plan have in common, and what is `given` for this one."""
        engine, device = plan.named_engines[0] if plan.engines else (Settings().engine, plan.device)
        common = cls(
            str(samples),
            plan.seconds_of(kind),
            plan.cameras[0],
            plan.style,
            plan.live_size,
            plan.fps,
            engine,
            device,
            plan.threads,
            plan.cpu,
            scale=plan.scales[0],
            folders=tuple(map(str, plan.folders)),
        )
        return replace(common, **given)

    @classmethod
    def parse(cls, text: str) -> LiveRunConfig:
        """The job in a line of JSON."""
        values = json.loads(text)
        values["script"] = tuple(ScheduledEvent(*entry) for entry in values["script"])
        values["size"], values["folders"] = tuple(values["size"]), tuple(values["folders"])
        return cls(**values)

    def line(self) -> str:
        """The job as one line of JSON."""
        return json.dumps(asdict(self)) + "\n"


# ---- bench.run
SETTLED_S = 5.0
"""The start is not counted in what a run needs of the processor, where it lasts long enough."""


@dataclass(frozen=True, slots=True)
class Run:
    """A job and what came of it."""

    job: LiveRunConfig
    outcome: LiveRunResult

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


# ---- bench.process
LOOK_S = 0.25
START_S = 60.0
"""Longer than that no start takes; nor does an end."""
END_S = 20.0


def run_live(job: LiveRunConfig, clock: Clock, stop: threading.Event, look: Callable[[Entry], None]) -> LiveRunResult:
    """Do `job`; `look` is told of each entry as it is written. `stop` ends it early, with what is known so far.

    Raises:
        BenchError: the run could not be opened; the message is the run's own.
    """
    outcome, journal = LiveRunResult(), EventLogReader(Path(job.samples))
    journal.skip()  # an earlier run into the same file
    with tempfile.TemporaryFile() as complaints:
        # In a session of its own: Ctrl-C in the terminal is for us, and it is ended by the end of its input.
        process = subprocess.Popen(
            sandbox.python_command("stylecam.evaluation.performance.live_worker:begin"),
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


def _read(journal: EventLogReader, outcome: LiveRunResult, look: Callable[[Entry], None]) -> None:
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


# ---- bench.journal
SAMPLE, EVENT, SAID, REFUSED, FINAL = "sample", "event", "said", "refused", "final"

Entry = dict[str, Any]


class EventLogWriter:
    """Writes entries to a file, each at once."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, kind: str, **values: Any) -> None:
        """Add one entry."""
        self._file.write(json.dumps({"kind": kind, **values}) + "\n")
        self._file.flush()


class EventLogReader:
    """Reads the entries of a journal as they come."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def skip(self) -> None:
        """Take no account of what is in the file already, whatever that is."""
        with contextlib.suppress(FileNotFoundError):
            self._at = self._path.stat().st_size

    def news(self) -> Iterator[Entry]:
        """All whole entries since the last look; none while there is no file."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                data = file.read()
        except FileNotFoundError:
            return
        whole = data[: data.rfind(b"\n") + 1]
        self._at += len(whole)
        for line in whole.splitlines():
            yield json.loads(line)


@dataclass(slots=True)
class LiveRunResult:
    """All that is known of a run.

    Attributes:
        samples: see `sample`, in order of time.
        events: those of the script that happened, each with its time `t`.
        report: the final statistics, as `Live.report` gives them; None where the run was cut short.
        pixels: what was read from the pixels, where that was asked for.
        crash: how its process ended, if not as it should.
    """

    samples: list[Entry] = field(default_factory=list)
    events: list[Entry] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    report: Entry | None = None
    pixels: Entry | None = None
    refused: str | None = None
    crash: str | None = None

    def add(self, entry: Entry) -> None:
        """Take in one entry of the journal."""
        kind = entry["kind"]
        if kind == SAMPLE:
            self.samples.append(entry)
        elif kind == EVENT:
            self.events.append(entry)
        elif kind == SAID:
            self.said.append(entry["text"])
        elif kind == REFUSED:
            self.refused = entry["text"]
        elif kind == FINAL:
            self.report, self.pixels = entry["report"], entry["pixels"]

    @property
    def seconds(self) -> float:
        """How long it was observed."""
        return float(self.samples[-1]["t"] - self.samples[0]["t"]) if self.samples else 0.0


def sample(report: Mapping[str, Any], t: float, busy_s: float, machine_busy_s: float) -> Entry:
    """What is kept of a moment's statistics: at `t` seconds of the run.

    `busy_s` is the processor time the run has used until then, `machine_busy_s` that of all programs.
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
