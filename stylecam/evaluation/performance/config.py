"""What is to be measured, and how long."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from stylecam.errors import UsageError
from stylecam.media.frame import Size
from stylecam.utils.files import check_writable

MEASUREMENTS = {
    "engines": 4.0,
    "stages": 6.0,
    "live": 60.0,
    "governor": 60.0,
    "latency": 6.0,
    "soak": 1800.0,
}
"""What can be measured, and its seconds unless told otherwise: of each size for the engines, of each run for `live`."""
DEFAULT_MEASUREMENTS = ("engines", "stages", "latency")
"""What is measured unless told otherwise."""
ENGINE_SIZES = (Size(640, 360), Size(960, 544), Size(1280, 720))
LIVE_SIZE = Size(1280, 720)
SHORTEST_S, LONGEST_S = 0.5, 7 * 86400.0

ProgressCallback = Callable[[float, str], None]
"""Told how much of the work is done, 0..1, and what is at hand."""


@dataclass(frozen=True, slots=True)
class BenchConfig:
    """What a user may ask of a measurement; plain values, as the command line reads them.

    Attributes:
        what: any of `MEASUREMENTS`, in the order in which they are done.
        cameras: as `stylecam run --camera`, each for runs of its own.
        style: None for the first one.
        size: the output's, and for the engines the picture's; None for `LIVE_SIZE` and `ENGINE_SIZES`.
        engines: `NAME` or `NAME:DEVICE`; empty for all installed ones, or for live runs the usual one.
        device: of engines without one of their own.
        scales: processing sizes as shares of the output's, None for the governor's choice; each for runs of its own.
        seconds: in place of those of `MEASUREMENTS`.
        samples: where to keep what is seen of live runs, as JSON lines, while they run.
        folders: where styles lie.
    """

    what: tuple[str, ...] = DEFAULT_MEASUREMENTS
    cameras: tuple[str, ...] = ("demo",)
    style: str | None = None
    size: Size | None = None
    fps: float = 30.0
    engines: tuple[str, ...] = ()
    device: str = "auto"
    threads: int | None = None
    cpu: float | None = None
    scales: tuple[float | None, ...] = (None,)
    seconds: float | None = None
    samples: Path | None = None
    folders: tuple[Path, ...] = field(default=(), repr=False)

    def check(self) -> None:
        """See that it makes sense.

        Raises:
            UsageError: the first thing that does not.
        """
        for kind in self.what:
            if kind not in MEASUREMENTS:
                raise UsageError(f"--what {kind!r} is nothing that can be measured; choose {', '.join(MEASUREMENTS)}")
        if len(set(self.what)) < len(self.what) or not self.what:
            raise UsageError("--what names one thing twice; name each once")
        if self.seconds is not None and not SHORTEST_S <= self.seconds <= LONGEST_S:
            raise UsageError(
                f"--seconds {self.seconds:g} is out of range; it goes from {SHORTEST_S:g} to {LONGEST_S:g}"
            )
        if not math.isfinite(self.fps):
            raise UsageError(f"--fps {self.fps} is no rate")
        if self.samples is not None:
            check_writable(self.samples)

    @property
    def named_engines(self) -> tuple[tuple[str, str], ...]:
        """Name and device of each of `engines`."""
        split = [text.partition(":") for text in self.engines]
        return tuple((name, device or self.device) for name, _, device in split)

    def seconds_of(self, kind: str) -> float:
        """How long one measurement of a kind takes."""
        return MEASUREMENTS[kind] if self.seconds is None else self.seconds

    @property
    def live_size(self) -> Size:
        """The published size of live runs."""
        return self.size or LIVE_SIZE

    @property
    def engine_sizes(self) -> tuple[Size, ...]:
        """The sizes of the engines' pictures: what was asked for, down to a multiple of 8."""
        return ENGINE_SIZES if self.size is None else (Size(*(side // 8 * 8 for side in self.size)),)


def subrange(listener: ProgressCallback, begin: float, share: float) -> ProgressCallback:
    """A listener for a part of the work, which begins when `begin` of all is done and is `share` of it."""
    return lambda done, what: listener(begin + share * min(1.0, done), what)
