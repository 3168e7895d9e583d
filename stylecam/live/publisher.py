"""The publish thread: writes the newest frame, or the last one again, to all sinks on a steady clock."""

from __future__ import annotations

import cmath
import contextlib
import logging
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from stylecam.control.command_queue import CommandQueue
from stylecam.control.state import LiveState
from stylecam.errors import SinkError, SinkLostError, WindowClosedError
from stylecam.live.context import PipelineContext
from stylecam.live.picture_chooser import COVER_INDEX, Picture, PictureChooser
from stylecam.live.report import OutputStatus
from stylecam.live.viewers import UPDATE_INTERVAL_S
from stylecam.media.frame import Frame, Size
from stylecam.media.overlays import with_badge
from stylecam.media.sinks.base import Sink
from stylecam.media.transforms import fit
from stylecam.stylize.styled_frame import StyledFrame
from stylecam.utils.latest import Latest
from stylecam.utils.message import Message
from stylecam.utils.metrics import StageTimes

logger = logging.getLogger(__name__)

RETRY_S = 1.0
"""Wait between two attempts to open a lost sink again."""
CLOSE_S = 0.5
"""How long `close` waits for a sink that is being opened again on a thread of its own."""
CARD_S = 0.5
"""Time between two cards while nobody watches, for programs that list cameras or just open one."""


class Pacer:
    """Ticks at a steady rate, and drifts into phase with frames that arrive at the same rate.

    Otherwise a frame could wait a whole period for its tick, or arrive around the tick and be repeated and dropped in
    turns. The pacer keeps the running mean of how long frames wait, as unit vectors on the circle of one period: its
    direction is the mean wait and its length says how far waits agree (Mardia and Jupp, Directional Statistics, 2000).
    Each period is changed by up to 1 % until frames arrive a little before their tick. Frames of another rate point in
    all directions, so the mean is short and the period stays as it is.
    """

    WEIGHT = 0.04
    """Weight of each new frame in the mean, which so follows changes within about a second."""
    COHERENT = 0.6
    """Length of the mean vector above which the two rates count as equal."""
    GAIN = 0.2
    """Share of the phase error that is corrected in each period."""
    DRIFT = 0.01
    """Largest change of a period, as a share of it."""
    LEAST_SLACK_S = 0.003
    """Frames should arrive at least this long before their tick."""

    def __init__(self, fps: float, start: float) -> None:
        self.fps = fps
        self._period = 1 / fps
        self._mean = 0j
        self.deadline = start

    def advance(self, now: float, waited_s: float | None) -> None:
        """Set the next deadline. `waited_s` is how long before this tick the frame was ready; None for a repeat."""
        nudge = 0.0
        if waited_s is not None:
            self._mean += self.WEIGHT * (cmath.exp(2j * cmath.pi * waited_s / self._period) - self._mean)
            nudge = self._nudge()
        self.deadline += self._period + nudge
        if now > self.deadline + self._period:  # the machine slept or starved: go on from here, never race
            self.deadline = now + self._period

    def _nudge(self) -> float:
        length = abs(self._mean)
        if length < self.COHERENT:
            return 0.0
        turn = self._period / (2 * math.pi)
        wait = cmath.phase(self._mean) * turn
        spread = math.sqrt(-2 * math.log(min(1.0, length))) * turn
        slack = min(self._period / 2, self.LEAST_SLACK_S + 2 * spread)
        error = (slack - wait + self._period / 2) % self._period - self._period / 2
        limit = self.DRIFT * self._period
        return min(limit, max(-limit, self.GAIN * error))


class SinkRunner:
    """Writes frames to one sink, closes it when it fails and opens it again now and then.

    A frame of another size than the sink was opened at is cropped and scaled to it.

    Attributes:
        size: the size the sink was opened at.
        fps: the rate it was opened at.
        next_format: the size and the rate it is opened at the next time.
    """

    def __init__(self, sink: Sink, size: Size, fps: float) -> None:
        self.sink = sink
        self.size, self.fps = self.next_format = size, fps
        self._fitted: tuple[Frame, Frame] | None = None
        self._opening: threading.Thread | None = None
        self._failure: str | None = None
        self._reported: str | None = None
        self._closed_by_user = False
        self._retry_at = 0.0

    @property
    def trouble(self) -> str | None:
        """Why frames do not arrive: the failure that closed the sink, or what the open sink itself reports."""
        return self._failure or self.sink.trouble

    @property
    def given_up(self) -> bool:
        """True if the sink failed and is not retried."""
        return self._failure is not None and not self.sink.retries

    @property
    def status(self) -> OutputStatus:
        """The sink's entry in the report."""
        sink = self.sink
        return OutputStatus(sink.name, self.trouble, sink.dropped, self._closed_by_user, sink.kind, sink.label)

    def open(self) -> None:
        """Open the sink."""
        size, fps = self.next_format
        self.sink.open(size, fps)
        self.size, self.fps = size, fps

    def write(self, frame: Frame, now: float) -> str | None:
        """Write `frame`, after reopening a lost sink if that is due. Return the message of a new failure, else None."""
        if self._failure is not None and not self._reopened(now):
            return None
        try:
            self.sink.write(self._fit(frame))
        except SinkLostError as error:
            self._failure, self._retry_at = str(error), now + RETRY_S
            self._closed_by_user = isinstance(error, WindowClosedError)
            try:
                self.sink.close()
            except Exception as further:  # noqa: BLE001 - reported with the failure it follows from
                self._failure += f"; closing it failed too: {further}"
            return self._failure
        reported, self._reported = self._reported, self.sink.trouble
        return self._reported if self._reported != reported else None

    def lose(self, failure: str) -> None:
        """Take note that the sink was closed because of `failure`, so that it is opened again."""
        self._failure = failure

    def close(self) -> None:
        """Close the sink for good, also while it is being opened again; raises what `Sink.close` does."""
        self._retry_at = float("inf")
        self.sink.close()
        if self._opening is not None:
            self._opening.join(CLOSE_S)
            self.sink.close()

    def _reopened(self, now: float) -> bool:
        """Try to open a lost sink again if that is due, and return whether it is open."""
        if self.given_up or now < self._retry_at:
            return False
        if self.sink.opens_slowly:
            if self._opening is None:
                self._opening = threading.Thread(target=self._try_to_open, name="stylecam-reopen", daemon=True)
                self._opening.start()
            if self._opening.is_alive():
                return False
            self._opening = None
        else:
            self._try_to_open()
        if not self.sink.opened:
            self._retry_at = now + RETRY_S
            return False
        self._failure = None
        return True

    def _try_to_open(self) -> None:
        with contextlib.suppress(SinkError):  # it is tried again
            self.open()

    def _fit(self, frame: Frame) -> Frame:
        if frame.size == self.size or self.sink.any_size:
            return frame
        if self._fitted is None or self._fitted[0] is not frame:
            self._fitted = (frame, replace(frame, image=np.ascontiguousarray(fit(frame.image, self.size))))
        return self._fitted[1]


class Publisher:
    """Writes to all sinks at the output rate: what the chooser picks of the styled frames and the covers.

    While nobody watches it writes a card now and then, and new viewers see that card until the camera is there.

    Choosing and writing are one step for the command queue: when the future of a command has ended, the sinks get no
    more pictures that the state after it forbids.

    Attributes:
        sink_runners: where frames go; any thread may read them.
        chooser: decides what is published; any thread may ask it.
        shown: the picture published last, and what it shows; nobody writes into it.
        beats: how many steps it has made, also while nobody watches; it stands still only while a sink hangs.
        refused: how many camera pictures were not published because the look asks for a painting.
    """

    def __init__(
        self,
        frames: Latest[StyledFrame],
        sink_runners: Sequence[SinkRunner],
        control: CommandQueue,
        context: PipelineContext,
        stages: StageTimes,
        chooser: PictureChooser,
        *,
        badge_text: Callable[[float], str | None],
    ) -> None:
        """Prepare to publish; nothing is written before `run`.

        Args:
            frames: styled frames.
            sink_runners: where they go.
            control: holds the live state.
            context: what the three threads share.
            stages: takes the duration of the stage `publish`.
            chooser: decides what is published.
            badge_text: returns the words to show on the picture at a time (clock seconds), or None.
        """
        self._frames = frames
        self.sink_runners = tuple(sink_runners)
        self._control = control
        self._context = context
        self._clock = context.clock
        self._badge_text = badge_text
        self._stages = stages
        self._writing = threading.Lock()
        self._closed = False
        self.chooser = chooser
        self.shown = chooser.choose(LiveState())
        self._chosen = self.shown.frame
        self._last_index = COVER_INDEX
        self._resting = False
        self._card_at = float("-inf")
        self._badged: tuple[Frame, str, Frame] | None = None
        self._pacer = Pacer(context.fps, self._clock.now())
        self.beats = self.refused = 0

    def add(self, runner: SinkRunner) -> bool:
        """Write to one more open sink from the next frame on, unless the run has ended; return whether it has not.

        Any thread may call it.
        """
        with self._writing:
            if not self._closed:
                self.sink_runners = (*self.sink_runners, runner)
            return not self._closed

    def remove(self, runner: SinkRunner) -> bool:
        """Stop writing to `runner` at once. Return whether frames went to it; the caller then closes its sink."""
        with self._writing:
            before = len(self.sink_runners)
            self.sink_runners = tuple(other for other in self.sink_runners if other is not runner)
            return len(self.sink_runners) < before

    def visible_frame(self) -> Frame:
        """Return the picture published last or, where a command has forbidden it since, what takes its place next.

        Any thread may call it. Nobody writes into the picture.
        """
        chosen = self.chooser.choose(self._control.state).frame
        return self.shown.frame if chosen is self._chosen else chosen

    def run(self) -> None:
        """Step until the run stops, then close all sinks."""
        try:
            while not self._context.stopping.is_set():
                self.step()
                self.beats += 1
        finally:
            self._close_sinks()

    def step(self) -> None:
        """Wait for the tick and publish one frame; or, while nobody watches, check for viewers."""
        if not self._context.viewers.update(self._clock.now()):
            self._rest()
            return
        self._resting = False
        if self._pacer.fps != self._context.fps:
            self._pacer = Pacer(self._context.fps, self._clock.now())
        if not self._clock.wait_until(self._pacer.deadline, self._context.stopping):
            return
        taken = self._frames.take()
        now = self._clock.now()
        with self._stages.time("publish"):
            picture = self._publish(taken, now)
        done = self._clock.now()
        # A frame that was styled once more while a command settled keeps its index.
        fresh = taken is not None and picture.frame is taken.frame and taken.frame.index != self._last_index
        if taken is not None:
            self._last_index = taken.frame.index
        self._context.stats.count_published(done, picture.frame.captured_at if fresh else None)
        self._pacer.advance(done, None if taken is None else now - taken.ready_at)

    def _publish(self, taken: StyledFrame | None, now: float) -> Picture:
        """Write the picture that the state of this moment allows, and return it."""
        with self._control.hold() as state:
            if taken is not None and not self.chooser.offer(taken, state):
                self.refused += 1
            picture = self.chooser.choose(state)
            covered = state.panic or state.resting
            frame = picture.frame if covered else self._with_badge(picture.frame, now)
            self._write(picture, frame, now, silent=covered or frame.index == COVER_INDEX)
        return picture

    def _rest(self) -> None:
        now = self._clock.now()
        self._frames.take()  # styled before the camera went off: a new viewer must not see it
        if not self._resting:
            self._resting = True
            self._last_index = COVER_INDEX
            self._context.stats.pause()
        with self._control.hold() as state:
            self.chooser.forget(state)
            picture = self.chooser.choose(state)
            if now - self._card_at >= CARD_S or picture.frame is not self.shown.frame:
                self._card_at = now
                self._write(picture, picture.frame, now, silent=True)
        self._clock.wait_until(now + UPDATE_INTERVAL_S, self._context.stopping)

    def _write(self, picture: Picture, frame: Frame, now: float, *, silent: bool) -> None:
        """Write `frame`, which is `picture` with or without a badge. While it is `silent`, no sound may be heard."""
        if self._context.microphone is not None:
            self._context.microphone.timeline.published(now, frame.index, frame.captured_at, covered=silent)
        self.shown = picture if frame is picture.frame else Picture(frame, picture.content)
        self._chosen = picture.frame
        with self._writing:
            for runner in self.sink_runners:
                failure = runner.write(frame, now)
                if failure is not None:
                    self._context.stats.count_fault("sink", failure)

    def _close_sinks(self) -> None:
        """Close every sink, also when closing one fails. The first failure is raised at the end, others are logged."""
        with self._writing:
            self._closed = True
        failures: list[Exception] = []
        for runner in self.sink_runners:
            try:
                runner.close()
            except Exception as error:  # noqa: BLE001 - counted, and raised when the other sinks are closed too
                self._context.stats.count_fault(
                    "sink", Message("{name} could not be closed: {error}", name=runner.sink.name, error=error)
                )
                failures.append(error)
        for failure in failures[1:]:
            logger.warning("%s", failure)
        if failures:
            raise failures[0]

    def _with_badge(self, frame: Frame, now: float) -> Frame:
        text = self._badge_text(now)
        if text is None:
            return frame
        if self._badged is None or self._badged[0] is not frame or self._badged[1] != text:
            image = with_badge(frame.image, text, self._context.language)
            self._badged = (frame, text, Frame(image, frame.index, frame.captured_at))
        return self._badged[2]
