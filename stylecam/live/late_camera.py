"""Open the virtual camera of a run that had to start without one, once there is one."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from stylecam.errors import SinkUnavailableError
from stylecam.live.context import PipelineContext
from stylecam.live.publisher import Publisher, SinkRunner
from stylecam.live.report import MissingCamera
from stylecam.media import v4l2
from stylecam.media.sinks.virtual_camera import VirtualCameraSink

logger = logging.getLogger(__name__)

LOOK_S = 2.0
"""Time between two looks."""
SETTLE_S = 10.0
"""For this long after a device has appeared it is tried: the system may set its permissions a moment later."""


class LateCamera:
    """Looks for a virtual camera while none is open. Only the main thread calls `look`.

    Attributes:
        missing: why there is no virtual camera although no other output was asked for; else None.
        sink: the virtual camera that was opened late, or None.
    """

    def __init__(
        self, publisher: Publisher, context: PipelineContext, missing: MissingCamera | None, changed: Callable[[], None]
    ) -> None:
        """Add what is found to `publisher`; `changed` is called then."""
        self._publisher, self._context = publisher, context
        self._changed = changed
        self._devices = _devices() if missing is not None else []
        self._look_at = self._try_until = float("-inf")
        self.missing = missing
        self.sink: VirtualCameraSink | None = None

    def look(self, now: float) -> None:
        """Try to open the virtual camera, where one is missing and something has changed."""
        if self.missing is None or now < self._look_at:
            return
        self._look_at = now + LOOK_S
        if (devices := _devices()) != self._devices:
            self._devices, self._try_until = devices, now + SETTLE_S
        held = self.missing.command is None  # another program had it, and may have let it go
        if now < self._try_until or held:
            self._open()

    def _open(self) -> None:
        sink = VirtualCameraSink()
        runner = SinkRunner(sink, self._context.size, self._context.fps)
        try:
            runner.open()
        except SinkUnavailableError as error:
            self.missing = MissingCamera.of(error)
            return
        if not self._publisher.add(runner):
            sink.discard()
            return
        self._context.viewers.add(sink)
        self.sink, self.missing = sink, None
        self._changed()
        logger.info("Zoom and others see the camera %r from now on", sink.label)


def _devices() -> list[str]:
    return v4l2.device_paths() if sys.platform == "linux" else []
