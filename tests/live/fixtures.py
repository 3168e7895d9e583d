"""What the tests of the running camera share."""

from __future__ import annotations

from stylecam.live.context import PipelineContext
from stylecam.live.cpu_budget import CpuBudget
from stylecam.live.stats import Stats
from stylecam.live.viewers import Viewers
from stylecam.media.frame import Size
from stylecam.utils.clock import Clock
from tests.doubles import viewers as always_watching

SIZE = Size(128, 96)
FPS = 30.0


def pipeline_context(clock: Clock, viewers: Viewers | None = None, cpu_share: float = 1.0) -> PipelineContext:
    """A context with fresh counters; without `viewers`, somebody always watches."""
    return PipelineContext(SIZE, FPS, clock, Stats(), viewers or always_watching(), CpuBudget(cpu_share, 1))
