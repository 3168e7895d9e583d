"""The figures of a run as dataclasses; the keys of their `to_json` are stable, for `--stats`, `--json` and HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from stylecam.errors import SinkUnavailableError
from stylecam.media.frame import Size
from stylecam.stylize.governor import Decision, Rung
from stylecam.stylize.look import Content, LookSettings
from stylecam.stylize.relay import RelayFigures
from stylecam.utils.options import options_of

REPORTED = frozenset(
    {
        "style", "tier", "bypass", "frozen", "resting", "panic", "cycle_s", "recording", "version",
        *(each.name for each in options_of(LookSettings) if each.preset),
    }
)  # fmt: skip
"""The part of the live state that the report shows."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Percentiles of durations, in ms; None before the first duration."""

    p50: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class LatencyPercentiles(Percentiles):
    """Percentiles of the time from capture to publication, in ms; None before the first fresh frame."""

    p99: float | None


@dataclass(frozen=True, slots=True)
class PublishGaps:
    """Time between two published frames, in ms."""

    p99: float | None
    max: float | None


@dataclass(frozen=True, slots=True)
class FaultCounts:
    """Faults that the run recovered from.

    Attributes:
        by_kind: the count of each kind: `source`, `sink`, `engine`, `style`, `command`.
        last: the message of the last fault, or None.
    """

    by_kind: Mapping[str, int]
    last: str | None

    @property
    def total(self) -> int:
        """The number of all faults."""
        return sum(self.by_kind.values())

    def to_json(self) -> dict[str, Any]:
        """Return the counts, `total` and `last` in one dict."""
        return {**self.by_kind, "total": self.total, "last": self.last}


@dataclass(frozen=True, slots=True)
class RecentStats:
    """Rates and latency of the last few seconds, for a display."""

    published_fps: float
    styled_fps: float
    latency_ms: Percentiles


@dataclass(frozen=True, slots=True)
class FrameStats:
    """Counters of a whole run. Rates are frames per second, times are ms.

    Attributes:
        latency_ms: from capture until all sinks have taken the frame; fresh frames only.
        gap_ms: between two published frames, fresh or repeated.
        style_ms: what the stylizer takes for a frame.
        repeats: publications of a frame that was published before.
        drops: captured frames that were replaced by a newer one before they were styled.
        reused: frames that show the last painting again because nothing moved.
        spared: frames that were not painted, to keep within the processor time allowed; the picture before stays.
    """

    published_fps: float
    styled_fps: float
    latency_ms: LatencyPercentiles
    gap_ms: PublishGaps
    style_ms: Percentiles
    captured: int
    styled: int
    published: int
    repeats: int
    drops: int
    reused: int
    spared: int
    faults: FaultCounts
    recent: RecentStats

    def to_json(self) -> dict[str, Any]:
        """Return the counters as a plain dict."""
        return {**asdict(self), "faults": self.faults.to_json()}


@dataclass(frozen=True, slots=True)
class PipelineReport:
    """Figures of the three threads at one moment.

    Attributes:
        frames: the counters.
        painting: whether there is a painting of the last frame.
        publishing: what the picture that was published last shows.
        painting_trouble: why the requested style is not what is painted, or None.
        raw_refused: camera pictures that were kept back because the look had changed to a painting.
        network_retries: how often a network that had failed was tried again.
        detail: whether the painting was enlarged along the edges of the camera picture.
        stages: `count`, and `mean`, `p50`, `p95` and `max` in ms of each stage.
        rung: the processing size of the last painting, or None.
        governor: its last decision, or None.
        waiting_for: what would switch the camera on; None while it is on.
        beats: the steps of the publisher.
        source_trouble: why the source is lost, or None.
        server: where frames are painted instead of here, and how that does; None where they stay on this computer.
        viewers: who takes the pictures now, as far as that is known: programs, pages, receivers of streams.
    """

    frames: FrameStats
    painting: bool
    publishing: Content
    painting_trouble: str | None
    raw_refused: int
    network_retries: int
    detail: bool
    stages: Mapping[str, Mapping[str, Any]]
    rung: Rung | None
    governor: Decision | None
    waiting_for: str | None
    beats: int
    source_trouble: str | None
    viewers: tuple[str, ...] = ()
    server: RelayFigures | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the figures as one flat dict."""
        figures = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "frames"}
        return {
            **self.frames.to_json(),
            **figures,
            "publishing": self.publishing.value,
            "viewers": list(self.viewers),
            "server": None if self.server is None else asdict(self.server),
            "rung": None if self.rung is None else list(self.rung.size),
            "governor": None if self.governor is None else _decision_json(self.governor),
        }


def _decision_json(decision: Decision) -> dict[str, Any]:
    predicted_ms = None if decision.predicted_ms is None else round(decision.predicted_ms, 2)
    return {"wanted": list(decision.rung.size), "predicted_ms": predicted_ms, "reason": decision.reason}


@dataclass(frozen=True, slots=True)
class OutputStatus:
    """One of the outputs that a run was started with.

    Attributes:
        name: the sink's name, for people.
        trouble: why it takes no frames now, or None.
        dropped: how many frames its own thread had no time for.
        closed_by_user: True for a preview window that the user has closed.
        kind: what it is, see `Sink.kind`.
        label: the name under which other programs list it as a camera, or None.
    """

    name: str
    trouble: str | None
    dropped: int = 0
    closed_by_user: bool = False
    kind: str = "other"
    label: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return all but `closed_by_user` as a plain dict."""
        values = asdict(self)
        del values["closed_by_user"]
        return values


@dataclass(frozen=True, slots=True)
class MissingCamera:
    """Why other programs see no virtual camera, although nobody has asked to do without one.

    Attributes:
        reason: all that is known, in one line.
        fix: what to do, in a few words.
        command: the command that does it, to be copied; None where no command does.
    """

    reason: str
    fix: str
    command: str | None

    @classmethod
    def of(cls, error: SinkUnavailableError) -> MissingCamera:
        """What `error` says about the virtual camera."""
        return cls(str(error), error.fix or str(error), error.command)


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """Which engine runs the networks.

    Attributes:
        reason: why the autotuner chose it; None where there was nothing to choose.
    """

    name: str
    device: str
    version: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class SessionReport:
    """All figures of a run at one moment.

    Attributes:
        state: the entries `REPORTED` of what `Session.describe` returns.
        tier_reason: why the tier was chosen; None where there was nothing to choose.
        cpu_percent: the largest share of the processor time to use.
        threads: the processor threads that may work on a picture at once.
        source: what the source really delivers; at least `name`.
        usage: memory and processor time of this process.
        notice: what does not work at this moment, in one line, or None.
        seconds: the age of the run.
        start_s: from the start of the process to the first published frame, in seconds; None before it.
        stylecam: the version of stylecam.
        missing_camera: why no virtual camera was opened, although no other output was asked for; else None.
    """

    pipeline: PipelineReport
    size: Size
    fps: float
    state: Mapping[str, Any]
    engine: EngineStatus
    tier_reason: str | None
    cpu_percent: float
    threads: int
    source: Mapping[str, Any]
    outputs: tuple[OutputStatus, ...]
    usage: Mapping[str, Any]
    notice: str | None
    seconds: float
    start_s: float | None
    stylecam: str
    missing_camera: MissingCamera | None = None

    @property
    def failed(self) -> bool:
        """True if every output has failed. A preview window that the user closed has not failed."""
        return (
            bool(self.outputs)
            and all(output.trouble is not None for output in self.outputs)
            and not any(output.closed_by_user for output in self.outputs)
        )

    def to_json(self) -> dict[str, Any]:
        """Return all figures as one flat dict, as the statistics file, `--json` and the HTTP API give them."""
        return {
            **self.pipeline.to_json(),
            "size": list(self.size),
            "fps": self.fps,
            **self.state,
            "engine": self.engine.name,
            "device": self.engine.device,
            "engine_version": self.engine.version,
            "engine_reason": self.engine.reason,
            "tier_reason": self.tier_reason,
            "cpu_percent": self.cpu_percent,
            "threads": self.threads,
            "source": dict(self.source),
            "outputs": [output.to_json() for output in self.outputs],
            "missing_camera": None if self.missing_camera is None else asdict(self.missing_camera),
            **self.usage,
            "notice": self.notice,
            "seconds": self.seconds,
            "start_s": self.start_s,
            "stylecam": self.stylecam,
        }
