"""Run a live session in a process of its own and collects what it reports."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any, NamedTuple

from stylecam.engines.names import AUTO
from stylecam.errors import BenchError
from stylecam.evaluation.performance.config import BenchConfig
from stylecam.live.settings import Settings
from stylecam.utils import sandbox
from stylecam.utils.clock import Clock

SAMPLE, EVENT, SAID, REFUSED, FINAL = "sample", "event", "said", "refused", "final"
"""The kinds of entries in the file of samples."""
SETTLED_S = 5.0
"""The start is left out of the processor load, when the run lasts long enough."""
POLL_S = 0.25
START_TIMEOUT_S = 60.0
END_TIMEOUT_S = 20.0

LogEntry = dict[str, Any]
"""One line of the file of samples: its `kind`, and values that depend on the kind."""


class ScheduledEvent(NamedTuple):
    """Something that happens during a run.

    Attributes:
        at_s: seconds after the start.
        what: `order`, `load` or `fault`.
        argument: the name of an action for `order`, how many processes are busy from then on for `load`, for how many
            seconds the camera is lost for `fault`.
    """

    at_s: float
    what: str
    argument: str


@dataclass(frozen=True, slots=True)
class LiveRunConfig:
    """One live run, as it is sent to the process that does it; fields not listed are as in `Settings`.

    Attributes:
        samples: the file to which samples are appended, as JSON lines.
        style: None for the first one.
        script: what happens during the run, in order of time.
        every_s: seconds between two samples.
        reads_timestamps: whether the sink measures the latency from the pixels.
        folders: where styles are.
    """

    samples: str
    seconds: float
    camera: str = "demo"
    style: str | None = None
    size: tuple[int, int] = (1280, 720)
    fps: float = 30.0
    engine: str = AUTO
    device: str = "auto"
    tier: str = AUTO
    threads: int | None = None
    cpu: float | None = None
    strength: float | None = None
    steadiness: float | None = None
    scale: float | None = None
    script: tuple[ScheduledEvent, ...] = ()
    every_s: float = 1.0
    reads_timestamps: bool = False
    folders: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: BenchConfig, samples: Path, kind: str, **changes: Any) -> LiveRunConfig:
        """Combine what all runs of `config` share with the `changes` for this one."""
        engine, device = config.named_engines[0] if config.engines else (Settings().engine, config.device)
        shared = cls(
            str(samples),
            config.seconds_of(kind),
            camera=config.cameras[0],
            size=config.live_size,
            engine=engine,
            device=device,
            scale=config.scales[0],
            folders=tuple(map(str, config.folders)),
            **{name: getattr(config, name) for name in ("style", "fps", "threads", "cpu", "tier")},
        )
        return replace(shared, **changes)

    @classmethod
    def parse(cls, text: str) -> LiveRunConfig:
        """Read what `to_json` wrote."""
        values = json.loads(text)
        values["script"] = tuple(ScheduledEvent(*entry) for entry in values["script"])
        values["size"], values["folders"] = tuple(values["size"]), tuple(values["folders"])
        return cls(**values)

    def to_json(self) -> str:
        """Write the configuration as one line of JSON."""
        return json.dumps(asdict(self)) + "\n"


@dataclass(slots=True)
class LiveRunResult:
    """What a live run reported.

    Attributes:
        samples: entries of kind `sample`, in order of time.
        events: events of the script that happened, each with its time `t`.
        said: messages of the session.
        report: the final statistics of the session; None when the run was cut short.
        pixels: the latency read from time stamps in the pixels, if that was requested.
        refused: why the session could not be opened.
        crash: how the process ended, if not normally.
    """

    config: LiveRunConfig
    samples: list[LogEntry] = field(default_factory=list)
    events: list[LogEntry] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    report: LogEntry | None = None
    pixels: LogEntry | None = None
    refused: str | None = None
    crash: str | None = None

    def add(self, entry: LogEntry) -> None:
        """Take in one line of the file of samples."""
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
        """The time from the first sample to the last."""
        return float(self.samples[-1]["t"] - self.samples[0]["t"]) if self.samples else 0.0

    @property
    def cores_busy(self) -> float | None:
        """How many cores the run kept busy on average, after its start; None with too few samples."""
        return self._rate("busy_s")

    @property
    def others_busy(self) -> float | None:
        """How many cores all other programs kept busy on average, including those started by the script."""
        own, machine = self._rate("busy_s"), self._rate("machine_busy_s")
        return None if own is None or machine is None else max(0.0, machine - own)

    @property
    def rungs(self) -> list[tuple[tuple[int, int], float]]:
        """Processing sizes with their shares of the time, the most used one first."""
        counts = Counter(tuple(entry["rung"]) for entry in self.samples if entry["rung"])
        total = sum(counts.values())
        return [((rung[0], rung[1]), count / total) for rung, count in counts.most_common()]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON; what is unknown because the run was cut short is None."""
        report: LogEntry = self.report or {}
        last: LogEntry = self.samples[-1] if self.samples else {}
        rungs, cores, others = self.rungs, self.cores_busy, self.others_busy

        def latest(name: str) -> Any:
            return report.get(name, last.get(name))

        return {
            "camera": self.config.camera,
            "engine": report.get("engine", self.config.engine),
            "device": report.get("device"),
            "tier": report.get("tier"),
            "version": report.get("engine_version"),
            "size": list(self.config.size),
            "fps": self.config.fps,
            "scale": self.config.scale,
            "seconds": round(self.seconds, 1),
            "published_fps": latest("published_fps"),
            "styled_fps": latest("styled_fps"),
            "rung": None if not rungs else list(rungs[0][0]),
            "rungs": {f"{width}x{height}": round(share, 3) for (width, height), share in rungs},
            "latency_ms": report.get("latency_ms"),
            "gap_ms": report.get("gap_ms"),
            "repeats": latest("repeats"),
            "drops": latest("drops"),
            "reused": latest("reused"),
            "cores_busy": None if cores is None else round(cores, 2),
            "others_busy": None if others is None else round(others, 2),
            "rss_mb": latest("rss_mb"),
            "start_s": report.get("start_s"),
            "stages": report.get("stages"),
            "said": self.said,
            "crash": self.crash,
        }

    def _rate(self, name: str) -> float | None:
        settled = [entry for entry in self.samples if entry["t"] >= min(SETTLED_S, self.config.seconds / 4)]
        if len(settled) < 2:
            return None
        first, last = settled[0], settled[-1]
        return float(last[name] - first[name]) / float(last["t"] - first["t"])


def new_entries(samples: IO[bytes]) -> Iterator[LogEntry]:
    """Yield the complete lines that another process has appended to the file `samples` since the last call."""
    while (line := samples.readline()).endswith(b"\n"):
        yield json.loads(line)
    samples.seek(-len(line), os.SEEK_CUR)


def run_live(
    config: LiveRunConfig, clock: Clock, stop: threading.Event, on_entry: Callable[[LogEntry], None]
) -> LiveRunResult:
    """Do one live run in a process of its own.

    Args:
        config: the run.
        clock: the time.
        stop: set it to end early, with what is known so far.
        on_entry: called with each line of the file of samples, from the calling thread.

    Raises:
        BenchError: the session could not be opened; the message is the session's own.
    """
    result = LiveRunResult(config)

    def read_log() -> None:
        for entry in new_entries(samples):
            result.add(entry)
            on_entry(entry)

    # What is in the file of samples already, from earlier runs, is skipped.
    with tempfile.TemporaryFile() as errors, Path(config.samples).open("ab+") as samples:
        process = _start(config, errors)
        try:
            deadline = clock.now() + START_TIMEOUT_S + config.seconds + END_TIMEOUT_S
            while process.poll() is None and not stop.is_set() and clock.now() < deadline:
                clock.wait_until(clock.now() + POLL_S, stop)
                read_log()
            with contextlib.suppress(OSError):
                assert process.stdin is not None
                process.stdin.close()
            process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            result.crash = "it did not end when it was asked to"
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        read_log()
        if process.returncode and result.crash is None:
            result.crash = _crash_message(process.returncode, errors)
    if result.refused is not None:
        raise BenchError(result.refused)
    return result


def _start(config: LiveRunConfig, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start the process and send it `config`; its standard error goes to `errors`."""
    # In a session of its own: Ctrl-C in the terminal is for this process, and the run ends when its input does.
    process = subprocess.Popen(
        sandbox.python_command("stylecam.evaluation.performance.live_worker:main"),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        start_new_session=True,
    )
    assert process.stdin is not None
    with contextlib.suppress(OSError):  # it died before it read; its exit status is reported at the end
        process.stdin.write(config.to_json().encode())
        process.stdin.flush()
    return process


def _crash_message(status: int, errors: IO[bytes]) -> str:
    """Name the exit status or signal, and the last line the process wrote to standard error."""
    errors.seek(0)
    lines = errors.read().decode("utf-8", "replace").split("\n")
    last = next((" ".join(line.split())[:300] for line in reversed(lines) if line.strip()), "")
    how = f"status {status}"
    if status < 0:
        with contextlib.suppress(ValueError):
            how = signal.Signals(-status).name
    return f"it ended with {how}" + (f": {last}" if last else "")
