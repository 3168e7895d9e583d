"""Open the virtual camera of a run that had to start without one, once there is one."""

from __future__ import annotations

import logging
import sys

from stylecam.errors import SinkUnavailableError
from stylecam.live.context import PipelineContext
from stylecam.live.outputs import Outputs
from stylecam.live.report import MissingCamera
from stylecam.media import v4l2
from stylecam.media.sinks.virtual_camera import VirtualCameraSink
from stylecam.utils.message import Message

logger = logging.getLogger(__name__)

LOOK_S = 2.0
"""Time between two looks."""
SETTLE_S = 10.0
"""For this long after a device has appeared it is tried: the system may set its permissions a moment later."""


class LateCamera:
    """Looks for a virtual camera while none is open. Only the main thread calls `look`.

    Attributes:
        missing: why there is no virtual camera although no other output was asked for; else None.
    """

    def __init__(self, outputs: Outputs, context: PipelineContext, missing: MissingCamera | None) -> None:
        """Add what is found to `outputs`."""
        self._outputs, self._context = outputs, context
        self._devices = _devices() if missing is not None else []
        self._look_at = self._try_until = float("-inf")
        self.missing = missing

    def look(self, now: float) -> None:
        """Try to open the virtual camera, where one is missing and something has changed."""
        if self.missing is None or now < self._look_at:
            return
        self._look_at = now + LOOK_S
        if any(sink.kind == "virtual" for sink in self._outputs.sinks):  # by a command
            self.missing = None
            return
        if (devices := _devices()) != self._devices:
            self._devices, self._try_until = devices, now + SETTLE_S
        held = self.missing.command is None  # another program had it, and may have let it go
        if now < self._try_until or held:
            self._open()

    def _open(self) -> None:
        sink = VirtualCameraSink()
        try:
            sink.open(self._context.size, self._context.fps)
        except SinkUnavailableError as error:
            self.missing = MissingCamera.of(error)
            return
        self.missing = None
        if self._outputs.add_late(sink, "virtual"):
            logger.info(Message("Zoom and others see the camera {label!r} from now on", label=sink.label))


def _devices() -> list[str]:
    return v4l2.device_paths() if sys.platform == "linux" else []
