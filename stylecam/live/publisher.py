"""The publish thread: writes the newest frame, or the last one again, to all sinks on a steady clock."""

from __future__ import annotations

import cmath
import math
import threading
from collections.abc import Callable, Sequence

from stylecam.errors import SinkError, SinkLostError, WindowClosedError
from stylecam.live.context import PipelineContext
from stylecam.live.report import OutputStatus
from stylecam.live.viewers import UPDATE_INTERVAL_S
from stylecam.media.frame import Frame, Size
from stylecam.media.overlays import starting_cover, with_badge
from stylecam.media.sinks.base import Sink
from stylecam.utils.latest import Latest
from stylecam.utils.metrics import StageTimes

RETRY_S = 1.0
"""Wait between two attempts to open a lost sink again."""
CARD_S = 0.5
"""Time between two cards while nobody watches, for programs that list cameras or just open one."""
STARTING = -1
"""Index of the card that is shown before the first frame."""


def starting_frame(size: Size, now: float) -> Frame:
    """Return the card to publish until the first frame comes."""
    return Frame(starting_cover(size), STARTING, now)


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
    """Writes frames to one sink, closes it when it fails and opens it again now and then."""

    def __init__(self, sink: Sink, size: Size, fps: float) -> None:
        self.sink = sink
        self._size, self._fps = size, fps
        self.trouble: str | None = None
        self._closed_by_user = False
        self._retry_at = 0.0

    @property
    def given_up(self) -> bool:
        """True if the sink failed and is not retried."""
        return self.trouble is not None and not self.sink.retries

    @property
    def status(self) -> OutputStatus:
        """The sink's entry in the report."""
        return OutputStatus(self.sink.name, self.trouble, self._closed_by_user)

    def open(self) -> None:
        """Open the sink."""
        self.sink.open(self._size, self._fps)

    def write(self, frame: Frame, now: float) -> str | None:
        """Write `frame`, after reopening a lost sink if that is due. Return the message of a new failure, else None."""
        if self.trouble is not None and not self._reopened(now):
            return None
        try:
            self.sink.write(frame)
        except SinkLostError as error:
            self.trouble, self._retry_at = str(error), now + RETRY_S
            self._closed_by_user = isinstance(error, WindowClosedError)
            try:
                self.sink.close()
            except Exception as further:  # noqa: BLE001 - reported with the failure it follows from
                self.trouble += f"; closing it failed too: {further}"
            return self.trouble
        return None

    def _reopened(self, now: float) -> bool:
        if self.given_up or now < self._retry_at:
            return False
        try:
            self.open()
        except SinkError:
            self._retry_at = now + RETRY_S
            return False
        self.trouble = None
        return True


class Publisher:
    """Writes to all sinks at the output rate: the newest styled frame, or the last one again.

    While nobody watches it writes a card now and then, and new viewers see that card until the camera is there.

    Attributes:
        sink_runners: where frames go; any thread may read them.
        shown: the frame published last; nobody writes into it.
        beats: how many steps it has made, also while nobody watches; it stands still only while a sink hangs.
    """

    def __init__(
        self,
        frames: Latest[tuple[Frame, float]],
        sink_runners: Sequence[SinkRunner],
        context: PipelineContext,
        stages: StageTimes,
        card: Frame,
        *,
        badge_text: Callable[[float], str | None],
        cover: Callable[[], Frame | None],
    ) -> None:
        """Prepare to publish; nothing is written before `run`.

        Args:
            frames: styled frames, each with the time it was ready.
            sink_runners: where they go.
            context: what the three threads share.
            stages: takes the duration of the stage `publish`.
            card: published until the first frame comes, and while nobody watches.
            badge_text: returns the words to show on the picture at a time (clock seconds), or None.
            cover: returns a picture that replaces all others, or None.
        """
        self._frames = frames
        self.sink_runners = tuple(sink_runners)
        self._context = context
        self._clock = context.clock
        self._badge_text, self._cover = badge_text, cover
        self._stages = stages
        self._writing = threading.Lock()
        self._last = self._card = self.shown = card
        self._card_at = float("-inf")
        self._badged: tuple[Frame, str, Frame] | None = None
        self._pacer = Pacer(context.fps, self._clock.now())
        self.beats = 0

    def add(self, runner: SinkRunner) -> None:
        """Write to one more open sink from the next frame on. Any thread may call it."""
        with self._writing:
            self.sink_runners = (*self.sink_runners, runner)

    def remove(self, runner: SinkRunner) -> bool:
        """Stop writing to `runner` at once. Return whether frames went to it; the caller then closes its sink."""
        with self._writing:
            before = len(self.sink_runners)
            self.sink_runners = tuple(other for other in self.sink_runners if other is not runner)
            return len(self.sink_runners) < before

    @property
    def shows_card(self) -> bool:
        """True until a frame comes, at the start or after a rest."""
        return self._last is self._card

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
        if not self._clock.wait_until(self._pacer.deadline, self._context.stopping):
            return
        taken = self._frames.take()
        now = self._clock.now()
        waited_s = None
        fresh = taken is not None and taken[0].index != self._last.index  # or the one before, styled once more
        if taken is not None:
            self._last = taken[0]
            waited_s = now - taken[1]
        cover = self._cover()
        with self._stages.time("publish"):
            self._write(cover or self._with_badge(now), now)
        done = self._clock.now()
        self._context.stats.count_published(done, self._last.captured_at if fresh and cover is None else None)
        self._pacer.advance(done, waited_s)

    def _rest(self) -> None:
        now = self._clock.now()
        self._frames.take()  # styled before the camera went off: a new viewer must not see it
        if not self.shows_card:
            self._last = self._card
            self._context.stats.pause()
        card = self._cover() or self._card
        if now - self._card_at >= CARD_S or card is not self.shown:
            self._card_at = now
            self._write(card, now)
        self._clock.wait_until(now + UPDATE_INTERVAL_S, self._context.stopping)

    def _write(self, frame: Frame, now: float) -> None:
        self.shown = frame
        with self._writing:
            for runner in self.sink_runners:
                failure = runner.write(frame, now)
                if failure is not None:
                    self._context.stats.count_fault("sink", failure)

    def _close_sinks(self) -> None:
        """Close every sink, also when closing one fails. The first failure is raised when all are closed."""
        failures: list[Exception] = []
        for runner in self.sink_runners:
            try:
                runner.sink.close()
            except Exception as error:  # noqa: BLE001 - counted, and raised when the other sinks are closed too
                self._context.stats.count_fault("sink", f"{runner.sink.name} could not be closed: {error}")
                failures.append(error)
        if failures:
            raise failures[0]

    def _with_badge(self, now: float) -> Frame:
        text = self._badge_text(now)
        if text is None:
            return self._last
        if self._badged is None or self._badged[0] is not self._last or self._badged[1] != text:
            image = with_badge(self._last.image, text)
            self._badged = (self._last, text, Frame(image, self._last.index, self._last.captured_at))
        return self._badged[2]
