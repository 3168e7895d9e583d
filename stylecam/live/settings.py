"""What a user may ask of a live run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stylecam.control.actions import Preset
from stylecam.control.http.address import Address
from stylecam.control.http.auth import check_token
from stylecam.control.obs import ObsAddress
from stylecam.control.state import STEADINESS
from stylecam.engines.names import AUTO, check_names
from stylecam.errors import UsageError
from stylecam.media.frame import Size
from stylecam.utils.files import check_writable

FASTEST, SLOWEST = 120.0, 1.0
CPU_PERCENT = 80.0
"""The share of the computer's processor time that is used at most, unless told otherwise: a call needs some too."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user may ask of a live run; plain values, as the command line reads them."""

    camera: str | None = None
    style: str | None = None
    size: Size = field(default_factory=lambda: Size(1280, 720))
    fps: float = 30.0
    outputs: tuple[str, ...] = ()
    engine: str = AUTO
    device: str = AUTO
    retune: bool = False
    threads: int | None = None
    cpu: float = CPU_PERCENT
    strength: float = 1.0
    steadiness: float = STEADINESS
    scale: float | None = None
    mirror: bool = False
    always_on: bool = False
    idle_after: float | None = None
    hotkeys: bool = True
    bindings: Mapping[str, str] = field(default_factory=dict)
    presets: Mapping[str, Preset] = field(default_factory=dict)
    obs: str | None = field(default=None, repr=False)
    scenes: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = None
    stats: Path | None = None
    server: bool = True
    listen: str | None = None
    token: str | None = None
    panic_picture: Path | None = None
    pictures: Path = field(default_factory=Path)
    videos: Path = field(default_factory=Path)
    demo: bool = True
    """Show the demo where no camera was asked for and there is none."""

    def check(self) -> None:
        """See that numbers, address and token make sense and the statistics file can be written.

        Raises:
            UsageError: the first one that does not.
        """
        for name, value, low, high in (
            ("--fps", self.fps, SLOWEST, FASTEST),
            ("--strength", self.strength, 0.0, 1.0),
            ("--steadiness", self.steadiness, 0.0, 1.0),
            ("--cpu", self.cpu, 5.0, 100.0),
            ("--scale", self.scale if self.scale is not None else 1.0, 0.25, 1.0),
            ("--threads", float(self.threads if self.threads is not None else 1), 1.0, 512.0),
            ("--idle-after", self.idle_after if self.idle_after is not None else 1.0, 0.1, 1440.0),
            ("--seconds", self.seconds if self.seconds is not None else 1.0, 0.1, math.inf),
        ):
            if not low <= value <= high:
                raise UsageError(f"{name} {value:g} is out of range; it goes from {low:g} to {high:g}")
        check_names(self.engine, self.device)
        if self.listen is not None:
            Address.parse(self.listen)
        if self.token is not None:
            check_token(self.token)
        if self.obs is not None:
            ObsAddress.parse(self.obs)
        if self.stats is not None:
            check_writable(self.stats)
