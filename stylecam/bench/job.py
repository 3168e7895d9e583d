"""One live run to be measured, as it is handed to the process that does it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from stylecam.bench.plan import Plan
from stylecam.engines.names import AUTO
from stylecam.settings import Settings


class Event(NamedTuple):
    """Something to happen during a run.

    `what` is `order` (`argument` names an action of stylecam's), `load` (`argument` is how many busy processes there
    are from then on) or `fault` (`argument` is how many seconds the camera is lost).
    """

    at_s: float
    what: str
    argument: str


@dataclass(frozen=True, slots=True)
class Job:
    """A live run.

    Attributes:
        samples: the file that gets what is seen, as JSON lines.
        script: what happens during it, in order of time.
        every_s: how often a sample is taken.
        reads: whether its viewer reads time stamps from the pixels.
        folders: where styles lie.
        style: None for the first one, the rest as in `stylecam.settings.Settings`.
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
    script: tuple[Event, ...] = ()
    every_s: float = 1.0
    reads: bool = False
    folders: tuple[str, ...] = ()

    @classmethod
    def of(cls, plan: Plan, samples: Path, kind: str, **given: Any) -> Job:
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
    def parse(cls, text: str) -> Job:
        """The job in a line of JSON."""
        values = json.loads(text)
        values["script"] = tuple(Event(*entry) for entry in values["script"])
        values["size"], values["folders"] = tuple(values["size"]), tuple(values["folders"])
        return cls(**values)

    def line(self) -> str:
        """The job as one line of JSON."""
        return json.dumps(asdict(self)) + "\n"
