"""Change the size and the rate of the published picture while it is published."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from stylecam.control.command_queue import CommandQueue, PendingCommand
from stylecam.errors import CommandRefusedError, UsageError
from stylecam.live.context import PipelineContext
from stylecam.live.outputs import Outputs
from stylecam.live.pipeline import Pipeline
from stylecam.live.stylizers import StylizerMaker
from stylecam.media.frame import MAX_SIDE, MIN_SIDE, Frame, Image, Size
from stylecam.media.transforms import fit
from stylecam.models.model import Model
from stylecam.stylize.governor import Rung
from stylecam.stylize.look import Look
from stylecam.stylize.session_pool import SessionPool
from stylecam.utils.message import Message
from stylecam.utils.worker import Worker

logger = logging.getLogger(__name__)

SIZES = (Size(640, 360), Size(960, 540), Size(1280, 720), Size(1920, 1080), Size(2560, 1440))
RATES = (15.0, 24.0, 25.0, 30.0, 50.0, 60.0)
"""What is offered to choose from; other sizes and rates can be given by hand."""


class FormatSwitcher:
    """Carries out the commands `size` and `fps`, one after the other on the thread of `worker`; the last one wins.

    The network is made ready for the new size while the present one goes on painting. Then the run changes between two
    frames: its last painting stays until the first one of the new size is there.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        context: PipelineContext,
        pool: SessionPool,
        stylizers: StylizerMaker,
        outputs: Outputs,
        control: CommandQueue,
        worker: Worker,
        *,
        panic: Callable[[Size], Image],
        changed: Callable[[], None],
    ) -> None:
        """Change the size and rate in `context`.

        Args:
            pipeline: stylizes and publishes.
            context: what the pipeline's threads share.
            pool: keeps the sessions of the networks.
            stylizers: makes what stylizes at the new size.
            outputs: is told of the new size.
            control: has the look to get ready for.
            worker: does the work, which takes a second or so.
            panic: returns the picture of a panic at a size; raises UsageError.
            changed: called when the size or rate has changed.
        """
        self._pipeline, self._context, self._pool = pipeline, context, pool
        self._stylizers, self._outputs = stylizers, outputs
        self._control, self._worker = control, worker
        self._panic, self._changed = panic, changed
        self._newest: dict[str, PendingCommand] = {}
        self._covering = threading.Lock()
        """Held while the picture of a panic, or the size that it must have, is changed."""

    def request(self, pending: PendingCommand) -> None:
        """Carry out a command later. Only the main thread calls it."""
        self._newest[pending.command.action] = pending
        self._worker.submit(partial(pending.carry_out, partial(self._switch, pending), self._control))

    def set_panic_picture(self, image: Image) -> None:
        """Show `image`, of the size of a moment ago, at every panic from now on. Any thread may call it."""
        chooser = self._pipeline.publisher.chooser
        with self._covering:
            size, present = self._context.size, chooser.panic
            if image.shape[1::-1] != size:
                image = self._panic_image(size, image)
            chooser.panic = Frame(image, present.index, present.captured_at)

    def choices(self) -> dict[str, list[Any]]:
        """Return the `sizes` and `rates` to offer, for the API: the usual ones, the camera's and the present ones."""
        delivered = self._pipeline.capture.source.describe().get("size")
        camera = [Size(*delivered)] if isinstance(delivered, list) else []
        allowed = [size for size in camera if MIN_SIDE <= min(size) <= max(size) <= MAX_SIDE and size == _even(size)]
        sizes = sorted({*SIZES, self._context.size, *allowed})
        return {"sizes": [str(size) for size in sizes], "rates": sorted({*RATES, self._context.fps})}

    def _switch(self, pending: PendingCommand) -> dict[str, Any]:
        self._check_newest(pending)
        size, fps = self._context.size, self._context.fps
        value = pending.command.arguments["value"]
        if pending.command.action == "size":
            size = Size.parse(str(value))
        else:
            fps = float(value)
            self._check_recordings(fps)
        kept: list[str] = []
        if (size, fps) != (self._context.size, self._context.fps):
            kept = self._change(pending, size, fps)
        return {"size": str(size), "fps": fps, "kept": kept}

    def _change(self, pending: PendingCommand, size: Size, fps: float) -> list[str]:
        look = self._control.state.look
        stylizer = self._stylizers.make(self._pool, size, fps, self._held(look, fps))
        stylizer.prepare(look)
        self._check_newest(pending)
        chooser = self._pipeline.publisher.chooser
        with self._covering:
            present, resized = chooser.panic, size != self._context.size
            panic = self._panic_image(size, present.image) if resized else present.image
            self._context.size, self._context.fps = size, fps
            self._pipeline.replace_stylizer(stylizer)
            if resized:
                chooser.resize(size, Frame(panic, present.index, present.captured_at))
        self._pipeline.capture.fit()
        kept = list(self._outputs.refit())
        self._changed()
        logger.info(Message("the picture is now {size} at {fps:g} frames a second", size=size, fps=fps))
        for line in kept:
            logger.warning("%s", line)
        return kept

    def _check_recordings(self, fps: float) -> None:
        """Refuse another rate while a file is recorded, whose pictures follow each other at the rate it began with."""
        for runner in self._pipeline.publisher.sink_runners:
            if runner.sink.kind == "file" and runner.fps != fps and not runner.given_up:
                name, rate = runner.sink.name, runner.fps
                raise CommandRefusedError(
                    Message("{name} is recorded at {fps:g} fps; end the recording first", name=name, fps=rate)
                )

    def _held(self, look: Look, fps: float) -> tuple[Model, Rung] | None:
        """Return the network and a rung that should hold at `fps`, judged by the present one."""
        rung = self._pipeline.report().rung
        if look.mix is None or rung is None:
            return None
        share = math.sqrt(min(1.0, self._context.fps / fps))
        return look.mix.model, Rung.at(rung.size, share)

    def _panic_image(self, size: Size, present: Image) -> Image:
        """Return the picture of a panic at `size`; where the user's own cannot be read any more, the `present` one."""
        try:
            return self._panic(size)
        except UsageError as error:
            logger.warning(Message("{error}; the picture that was read before stays", error=error))
            return fit(present, size)

    def _check_newest(self, pending: PendingCommand) -> None:
        if self._context.stopping.is_set():
            raise CommandRefusedError(Message("stylecam is stopping"))
        if pending is not self._newest[pending.command.action]:
            size, rate = (
                Message("another size was chosen after this one"),
                Message("another rate was chosen after this one"),
            )
            raise CommandRefusedError(size if pending.command.action == "size" else rate)


def _even(size: Size) -> Size:
    return Size(size.width & ~1, size.height & ~1)
