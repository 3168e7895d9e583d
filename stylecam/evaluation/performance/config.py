"""What `stylecam bench` measures, and for how long."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from stylecam.errors import UsageError
from stylecam.media.frame import Size
from stylecam.models.tier import AUTO, check_tier
from stylecam.utils.files import check_writable

MEASUREMENTS = {
    "engines": 4.0,
    "stages": 6.0,
    "live": 60.0,
    "governor": 60.0,
    "latency": 6.0,
    "soak": 1800.0,
}
"""What can be measured, with its default duration in seconds: of each size for `engines`, of each run for `live`."""
DEFAULT_MEASUREMENTS = ("engines", "stages", "latency")
ENGINE_SIZES = (Size(640, 360), Size(960, 544), Size(1280, 720))
LIVE_SIZE = Size(1280, 720)
MIN_SECONDS, MAX_SECONDS = 0.5, 7 * 86400.0


@dataclass(frozen=True, slots=True)
class BenchConfig:
    """What a user may ask of `stylecam bench`, as plain values.

    Attributes:
        what: names from `MEASUREMENTS`.
        cameras: as `stylecam run --camera`; each gets live runs of its own.
        style: None for the first one.
        size: the published size, and the size of the engines' pictures; None for `LIVE_SIZE` and `ENGINE_SIZES`.
        engines: `NAME` or `NAME:DEVICE`; empty for all installed ones, and for live runs the default one.
        device: of engines named without one.
        tier: as `stylecam run --tier`; for `engines`, `auto` takes the lean network where there is one.
        scales: processing sizes as shares of the published one, None for the governor's choice; each gets live runs.
        seconds: in place of the durations in `MEASUREMENTS`.
        samples: the file that keeps the samples of live runs, as JSON lines.
        folders: where styles are.
    """

    what: tuple[str, ...] = DEFAULT_MEASUREMENTS
    cameras: tuple[str, ...] = ("demo",)
    style: str | None = None
    size: Size | None = None
    fps: float = 30.0
    engines: tuple[str, ...] = ()
    device: str = "auto"
    tier: str = AUTO
    threads: int | None = None
    cpu: float | None = None
    scales: tuple[float | None, ...] = (None,)
    seconds: float | None = None
    samples: Path | None = None
    folders: tuple[Path, ...] = field(default=(), repr=False)

    def check(self) -> None:
        """Check all values.

        Raises:
            UsageError: the first value that is wrong.
        """
        for kind in self.what:
            if kind not in MEASUREMENTS:
                raise UsageError(f"--what {kind!r} cannot be measured; choose {', '.join(MEASUREMENTS)}")
        if len(set(self.what)) < len(self.what) or not self.what:
            raise UsageError("--what is empty or names one thing twice; name each once")
        check_tier(self.tier)
        if self.seconds is not None and not MIN_SECONDS <= self.seconds <= MAX_SECONDS:
            raise UsageError(f"--seconds {self.seconds:g} must be between {MIN_SECONDS:g} and {MAX_SECONDS:g}")
        if not math.isfinite(self.fps):
            raise UsageError(f"--fps {self.fps} must be a number, for example 30")
        if self.samples is not None:
            check_writable(self.samples)

    @property
    def named_engines(self) -> tuple[tuple[str, str], ...]:
        """Name and device of each of `engines`."""
        parts = [text.partition(":") for text in self.engines]
        return tuple((name, device or self.device) for name, _, device in parts)

    def seconds_of(self, kind: str) -> float:
        """Return how long one measurement of `kind` takes."""
        return MEASUREMENTS[kind] if self.seconds is None else self.seconds

    @property
    def live_size(self) -> Size:
        """The published size of live runs."""
        return self.size or LIVE_SIZE

    @property
    def engine_sizes(self) -> tuple[Size, ...]:
        """The sizes of the engines' pictures: the requested one, rounded down to multiples of 8, or `ENGINE_SIZES`."""
        return ENGINE_SIZES if self.size is None else (Size(*(side // 8 * 8 for side in self.size)),)
