"""A camera that is lost when it is told to be, and comes back."""

from __future__ import annotations

from stylecam.clock import Clock
from stylecam.errors import SourceLostError
from stylecam.frame import Image, Size
from stylecam.sources.base import Source


class FailingSource(Source):
    """Another source with faults on demand: it reads as lost for some seconds, and cannot be opened meanwhile."""

    def __init__(self, source: Source, clock: Clock) -> None:
        super().__init__()
        self._source = source
        self._clock = clock
        self._lost_until = float("-inf")
        self.name, self.live = source.name, source.live

    def fail(self, seconds: float) -> None:
        """Be lost from now on for `seconds`; any thread may call it."""
        self._lost_until = self._clock.now() + seconds

    def close(self) -> None:
        """See `Source.close`."""
        self._source.close()

    def describe(self) -> dict[str, object]:
        """See `Source.describe`."""
        return self._source.describe()

    def _open(self, size: Size, fps: float) -> None:
        self._check()
        self._source.open(size, fps)
        self.name, self.live = self._source.name, self._source.live

    def _read(self) -> tuple[Image, float] | None:
        self._check()
        frame = self._source.read()
        return None if frame is None else (frame.image, frame.captured_at)

    def _check(self) -> None:
        if self._clock.now() < self._lost_until:
            raise SourceLostError(f"{self.name} is lost, for the benchmark's sake")
