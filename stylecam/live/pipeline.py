"""The pipeline: three threads that hand over only the newest frame, and how they start and stop."""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from stylecam.control.command_queue import CommandQueue
from stylecam.control.state import LiveState
from stylecam.live.capture import Capture
from stylecam.live.context import PipelineContext
from stylecam.live.picture_chooser import PictureChooser
from stylecam.live.publisher import Publisher, SinkRunner
from stylecam.live.report import PipelineReport
from stylecam.media.frame import Box, Frame, Image
from stylecam.media.sinks.base import Sink
from stylecam.media.sources.base import Source
from stylecam.stylize.frame_stylizer import FrameStylizer
from stylecam.stylize.styled_frame import StyledFrame
from stylecam.utils.latest import Latest
from stylecam.utils.message import Message

logger = logging.getLogger(__name__)

TAKE_S = 0.1
"""The longest that the style thread waits for a frame before it applies commands."""
IDLE_TAKE_S = 0.5
"""The same while nobody watches and no frames come; commands wake the thread."""
STOP_S = 0.8
"""The longest that `stop` waits for the capture and style threads together."""
SETTLE_S = 0.4
"""The time of a transition: for this long after a command, the last frame is styled again where the camera is late."""
LATE_S = 0.05
"""The camera counts as late, while a command settles, when its last frame is older than this."""
FINISH_S = 10.0
"""The longest that `stop` waits for the publish thread, which may have to finish a recording."""


class Pipeline:
    """Runs source → stylizer → sinks on three threads until stopped.

    Faults of a frame, the source or a sink are counted in the statistics and recovered from. An unexpected exception
    ends the pipeline, and `stop` raises it again.

    Attributes:
        newest: the newest camera frame that the style thread has taken; None during a panic or with the camera off.
    """

    def __init__(
        self,
        source: Source,
        sinks: Sequence[Sink],
        stylizer: FrameStylizer,
        control: CommandQueue,
        context: PipelineContext,
        panic: Image,
    ) -> None:
        """Connect `source` and `sinks`, which are open already. Once started, the pipeline closes them.

        `panic`, a picture of the output's size, covers everything during a panic.
        """
        self._context = context
        self._clock = context.clock
        self._stylizer = self._next_stylizer = stylizer
        self._control = control
        self._captured: Latest[Frame] = Latest()
        self._styled: Latest[StyledFrame] = Latest()
        self.capture = Capture(source, self._captured, context)
        self.publisher = Publisher(
            self._styled,
            [SinkRunner(sink, context.size, context.fps) for sink in sinks],
            control,
            context,
            stylizer.stages,
            PictureChooser(
                context.size, Frame(panic, 0, self._clock.now()), frozen=control.state.frozen, language=context.language
            ),
            badge_text=self.capture.badge_text,
        )
        self.newest: Frame | None = None
        self._held: Frame | None = None
        self._replaced = 0
        self._version, self._settled_at = control.state.version, float("-inf")
        control.wake = self._captured.wake
        self._publishing = self._thread("publish", self.publisher.run)
        self._capturing = self._thread("capture", self.capture.run)
        self._styling = self._thread("style", self._style_all)
        self._crash: BaseException | None = None

    @property
    def stopping(self) -> threading.Event:
        """Set it to end all three threads."""
        return self._context.stopping

    @property
    def watching(self) -> bool:
        """Whether anybody watches, so that the camera is on. Any thread may ask."""
        return self._context.viewers.watching

    @property
    def owns_source(self) -> bool:
        """True once the capture thread was started, which closes the source."""
        return self._capturing.ident is not None

    @property
    def owns_sinks(self) -> bool:
        """True once the publish thread was started, which closes the sinks."""
        return self._publishing.ident is not None

    @property
    def region(self) -> Box | None:
        """The part of the camera picture that the newest picture shows; None before the first. Any thread may ask."""
        return self._stylizer.region

    def replace_stylizer(self, stylizer: FrameStylizer) -> None:
        """Stylize with `stylizer` from the next frame on. Any thread may call it."""
        self._next_stylizer = stylizer
        self._captured.wake()

    def start(self) -> None:
        """Start the publish, capture and style threads."""
        for thread in (self._publishing, self._capturing, self._styling):
            thread.start()

    def stop(self) -> None:
        """Stop all threads within a second; each closes what it owns. Safe before `start` and when called twice.

        A read that hangs in a camera driver is not waited for: its thread ends with the process. A network that still
        runs is waited for when the process ends, which would abort under it.

        Raises:
            Exception: what ended the pipeline, if it ended by itself.
        """
        self.stopping.set()
        self._captured.close()
        self._styled.close()
        deadline = self._clock.now() + STOP_S
        for thread in (self._capturing, self._styling):
            if thread.ident is not None:
                thread.join(max(0.0, deadline - self._clock.now()))
        if self._publishing.ident is not None:
            self._publishing.join(FINISH_S)
            if self._publishing.is_alive():
                logger.warning(
                    Message(
                        "not every output could be closed within {seconds:g} s; one of them does not answer",
                        seconds=FINISH_S,
                    )
                )
        if self._styling.is_alive():
            atexit.register(self._styling.join, FINISH_S)
        if self._crash is not None:
            raise self._crash

    def style_step(self) -> None:
        """Apply waiting commands and style the newest frame, if one comes soon."""
        frame = self._captured.take(self._patience_s())
        state = self._control.apply()
        if self._next_stylizer is not self._stylizer:
            self._stylizer, self._settled_at = self._next_stylizer, self._clock.now() + SETTLE_S
        self.newest = None if state.panic or state.resting else frame or self.newest
        watching = self.watching
        # Nothing of one camera is blended into another, and who looks next sees nothing that was on its way before.
        if state.resting or not watching or self.capture.replaced != self._replaced:
            self._replaced = self.capture.replaced
            self._stylizer.forget()
        self._held = (frame or self._held) if watching else None
        if state.version != self._version:
            self._version, self._settled_at = state.version, self._clock.now() + SETTLE_S
        frame = frame or self._held_frame(state)
        if state.frozen and self.publisher.chooser.holds_picture(state):
            self._stylizer.pause()  # what is on its way is from the moment of the freeze
            return
        if frame is None:
            return
        started = self._clock.now()
        over_budget = self._context.cpu_budget.is_exceeded(started, self._clock.process_time())
        if over_budget and state.visible_look.paints:
            self._context.stats.count_skipped()
            return
        styled = self._stylizer.stylize(frame, state.visible_look)
        result = self._stylizer.result
        self.publisher.chooser.stopped = not result.stylized and result.trouble is not None
        if styled is None:
            return
        milliseconds = (styled.ready_at - started) * 1000
        self._context.stats.count_styled(styled.ready_at, milliseconds, result.reused)
        self._styled.put(styled)

    def report(self) -> PipelineReport:
        """Return the figures of this moment: counters, the governor's decision, troubles."""
        result = self._stylizer.result
        return PipelineReport(
            frames=self._context.stats.snapshot(self._clock.now()),
            painting=result.stylized,
            publishing=self.publisher.shown.content,
            painting_trouble=result.trouble,
            raw_refused=self.publisher.refused,
            network_retries=self._stylizer.retries,
            detail=result.detail,
            server=self._stylizer.server,
            stages=self._stylizer.stages.snapshot(),
            rung=result.rung,
            governor=result.decision,
            waiting_for=self._context.viewers.waiting_for,
            beats=self.publisher.beats,
            source_trouble=self.capture.trouble,
            viewers=self._context.viewers.names,
        )

    def troubles(self) -> dict[str, str | None]:
        """Return why each part does not work at this moment, by its name; None for a part that works."""
        troubles: dict[str, str | None] = {Message("the painting"): self._stylizer.result.trouble}
        troubles |= {runner.sink.name: runner.trouble for runner in self.publisher.sink_runners}
        troubles[Message("the camera")] = self.capture.trouble
        if (microphone := self._context.microphone) is not None:
            troubles[Message("the microphone")] = microphone.trouble
        return troubles

    def _patience_s(self) -> float:
        """Return the longest that the next frame is waited for, in seconds."""
        if self._clock.now() < self._settled_at:
            return LATE_S
        return TAKE_S if self.watching else IDLE_TAKE_S

    def _held_frame(self, state: LiveState) -> Frame | None:
        """Return the last camera frame again while the camera is late or gone and its picture has to change; else None.

        That is while a command settles, and for as long as there is no picture that `state` allows to be shown.
        """
        now = self._clock.now()
        settled = now >= self._settled_at and self.publisher.chooser.holds_picture(state)
        if self._held is None or settled or now - self._held.captured_at < LATE_S:
            return None
        self._held = replace(self._held, captured_at=now)
        return self._held

    def _style_all(self) -> None:
        while not self.stopping.is_set():
            self.style_step()

    def _thread(self, name: str, work: Callable[[], None]) -> threading.Thread:
        return threading.Thread(target=self._guarded, args=(work,), name=f"stylecam-{name}", daemon=True)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - kept and raised by `stop`, in the thread that can tell the user
            self._crash = error
            self.stopping.set()
