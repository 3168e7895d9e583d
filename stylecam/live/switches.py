"""What changes the camera, the size, the rate and the outputs of a run while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stylecam.control.command_queue import CommandQueue, PendingCommand
from stylecam.live.camera_switch import CameraSwitcher
from stylecam.live.context import PipelineContext
from stylecam.live.format_switch import FormatSwitcher
from stylecam.live.late_camera import LateCamera
from stylecam.live.outputs import Outputs
from stylecam.live.pipeline import Pipeline
from stylecam.live.report import MissingCamera
from stylecam.live.stylizers import StylizerMaker
from stylecam.media.frame import Image, Size
from stylecam.media.sinks.base import Sink
from stylecam.stylize.session_pool import SessionPool
from stylecam.utils.worker import Worker

CLOSE_S = 1.0
"""How long the end of a run waits for an output that is being opened or closed."""


class Switches:
    """The switches of one run.

    Attributes:
        camera: changes the source.
        outputs: adds, removes and refits the sinks.
        formats: changes size and rate.
        late_camera: opens the virtual camera of a run that had to start without one.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        context: PipelineContext,
        pool: SessionPool,
        stylizers: StylizerMaker,
        control: CommandQueue,
        make_sink: Callable[[str], Sink],
        *,
        camera: str | None,
        missing_camera: MissingCamera | None,
        panic: Callable[[Size], Image],
        changed: Callable[[], None],
    ) -> None:
        """Change what `pipeline` reads and writes; what is not described here is as for `FormatSwitcher`.

        `make_sink` makes the sink of a value of `--output`, not open; `camera` is that of the settings;
        `missing_camera` says why there is no virtual camera although no other output was asked for; `changed` is called
        from any thread when one of the switches has changed something.
        """
        self._worker = Worker("stylecam-outputs")
        self.camera = CameraSwitcher(pipeline.capture, context, camera, control, changed)
        self.outputs = Outputs(pipeline.publisher, context, make_sink, control, self._worker, changed)
        self.formats = FormatSwitcher(
            pipeline, context, pool, stylizers, self.outputs, control, self._worker, panic=panic, changed=changed
        )
        self.late_camera = LateCamera(self.outputs, context, missing_camera)

    @property
    def handlers(self) -> dict[str, Callable[[PendingCommand], None]]:
        """What carries out each command, by its name."""
        formats = self.formats.request
        return {"camera": self.camera.request, "size": formats, "fps": formats, "output": self.outputs.request}

    def choices(self) -> dict[str, Any]:
        """Return what the picture may be and where it may go, for the API: `sizes`, `rates` and `outputs`."""
        return {**self.formats.choices(), "outputs": self.outputs.choices()}

    def maintain(self, now: float) -> None:
        """Open what could not be opened before, at the time `now` (s). The main thread calls it now and then."""
        self.late_camera.look(now)
        self.outputs.maintain()

    def close(self) -> None:
        """Refuse what is not finished. May be called twice."""
        self.camera.close()
        self._worker.close(CLOSE_S)
