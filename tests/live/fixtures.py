"""What the tests of the running camera share."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from stylecam.live.context import PipelineContext
from stylecam.live.cpu_budget import CpuBudget
from stylecam.live.session import Session
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


@contextlib.contextmanager
def running(session: Session) -> Iterator[None]:
    """Open `session` and run it on a thread of its own during the block; it must not end by an error."""
    with session:
        ended: list[Any] = []
        thread = threading.Thread(target=lambda: ended.append(session.run()))
        thread.start()
        try:
            yield
        finally:
            session.interrupt()
            thread.join(30)
    assert ended, "the run has ended by an error"
