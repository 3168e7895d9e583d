"""The publishing thread's work: a steady clock, the newest frame or the last one again, and sinks that may fail."""

from __future__ import annotations

import cmath
import math
import threading
from collections.abc import Callable, Sequence

from stylecam.errors import SinkError, SinkLostError
from stylecam.live.stats import Stats
from stylecam.live.viewers import UPDATE_INTERVAL_S, Viewers
from stylecam.media.frame import Frame, Size
from stylecam.media.overlays import with_badge
from stylecam.media.sinks.base import Sink
from stylecam.utils.clock import Clock
from stylecam.utils.latest import Latest
from stylecam.utils.metrics import StageTimes

RETRY_S = 1.0
CARD_S = 0.5
"""Between two placeholders while nobody watches: often enough for programs that list cameras, or just open one."""


class Pacer:
    """Ticks at a steady rate, and drifts into step with frames that arrive at the same rate.

    Two clocks of equal rate keep whatever distance they started with: a frame may wait a whole period for its tick, or
    arrive around it and be repeated and dropped in turns. So the pacer follows how long frames wait for their tick, as
    an angle on the period's circle (the running mean of unit vectors: its direction is the mean wait, its length says
    how far waits agree; see Mardia and Jupp, Directional Statistics, 2000), and lengthens or shortens each period by up
    to 1 % until they arrive a little before it. Frames of another rate point everywhere, and nothing is followed.
    """

    WEIGHT = 0.04
    """Share of each new frame in the mean: it follows changes within about a second."""
    COHERENT = 0.6
    """Length of the mean vector from which the rates are taken to be the same."""
    GAIN, DRIFT = 0.2, 0.01
    """Share of the distance made good each period, and the most a period is changed."""
    LEAST_SLACK_S = 0.003

    def __init__(self, fps: float, start: float) -> None:
        self._period = 1 / fps
        self._mean = 0j
        self.deadline = start

    def advance(self, now: float, waited_s: float | None) -> None:
        """Set the next deadline. `waited_s` is how long before this tick its frame was ready; None for a repeat."""
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
    """A sink with its troubles: closed when it fails, opened again now and then, without harm to the others."""

    def __init__(self, sink: Sink, size: Size, fps: float) -> None:
        self.sink = sink
        self._size, self._fps = size, fps
        self.trouble: str | None = None
        self.failure: SinkLostError | None = None
        self._retry_at = 0.0

    @property
    def given_up(self) -> bool:
        """True if it failed and cannot come back."""
        return self.trouble is not None and not self.sink.retries

    def open(self) -> None:
        """Open the sink; raises what the sink raises."""
        self.sink.open(self._size, self._fps)

    def write(self, frame: Frame, now: float) -> str | None:
        """Hand `frame` over, or try to open again; the message of a new failure, else None."""
        if self.trouble is not None and not self._reopened(now):
            return None
        try:
            self.sink.write(frame)
        except SinkLostError as error:
            self.trouble, self.failure, self._retry_at = str(error), error, now + RETRY_S
            try:
                self.sink.close()
            except Exception as further:  # noqa: BLE001 - told with the failure it follows from
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
        self.trouble = self.failure = None
        return True


def close_all(sink_runners: Sequence[SinkRunner], stats: Stats) -> None:
    """Close every sink, also when closing one fails; the first failure is raised when all are closed."""
    failures: list[Exception] = []
    for runner in sink_runners:
        try:
            runner.sink.close()
        except Exception as error:  # noqa: BLE001 - counted and raised below; the other sinks must not stay open for it
            stats.count_fault("sink", f"{runner.sink.name} could not be closed: {error}")
            failures.append(error)
    if failures:
        raise failures[0]


class Publisher:
    """Writes to all sinks at the output rate: the newest styled frame, or the last one again.

    While nobody watches it writes a still card instead, now and then, and new viewers see it until the camera is there.

    Attributes:
        shown: the frame published last; nobody writes into it.
    """

    def __init__(
        self,
        frames: Latest[tuple[Frame, float]],
        sink_runners: Sequence[SinkRunner],
        stats: Stats,
        clock: Clock,
        stop: threading.Event,
        fps: float,
        first: Frame,
        notice: Callable[[float], str | None],
        viewers: Viewers,
        stages: StageTimes,
        cover: Callable[[], Frame | None] = lambda: None,
    ) -> None:
        """`frames` carries styled frames with the time they were ready.

        `first` is published until one comes, and while nobody watches. `notice(now)` gives words to show on the
        picture, or None. `cover()` gives a picture to publish instead of whatever there is, or None.
        """
        self._frames = frames
        self._sink_runners = tuple(sink_runners)
        self._writing = threading.Lock()
        self._cover = cover
        self._stats = stats
        self._clock = clock
        self._stop = stop
        self._notice = notice
        self._last = self._card = self.shown = first
        self._viewers = viewers
        self._stages = stages
        self._card_at = float("-inf")
        self._badged: tuple[Frame, str, Frame] | None = None
        self._pacer = Pacer(fps, clock.now())
        self.beats = 0
        """How often it has gone round, resting too: it stands still only while a sink hangs."""

    @property
    def sink_runners(self) -> tuple[SinkRunner, ...]:
        """Where frames go."""
        return self._sink_runners

    def add(self, runner: SinkRunner) -> None:
        """Write to one more sink runner, whose sink is open, from the next frame on; from any thread."""
        with self._writing:
            self._sink_runners = (*self._sink_runners, runner)

    def remove(self, runner: SinkRunner) -> bool:
        """Write no more to `runner`, from now on; True if it was one of ours. The caller closes its sink."""
        with self._writing:
            before = len(self._sink_runners)
            self._sink_runners = tuple(one for one in self._sink_runners if one is not runner)
            return len(self._sink_runners) < before

    @property
    def shows_card(self) -> bool:
        """True as long as no picture of the camera has come, at the start or after a rest."""
        return self._last is self._card

    def run(self) -> None:
        """Step until stopped, then close all sinks."""
        try:
            while not self._stop.is_set():
                self.step()
                self.beats += 1
        finally:
            close_all(self._sink_runners, self._stats)

    def step(self) -> None:
        """Wait for the tick and publish one frame; or, while nobody watches, look around."""
        if not self._viewers.update(self._clock.now()):
            self._rest()
            return
        if not self._clock.wait_until(self._pacer.deadline, self._stop):
            return
        taken = self._frames.take()
        now = self._clock.now()
        waited_s = None
        fresh = taken is not None and taken[0].index != self._last.index  # or the one before, painted once more
        if taken is not None:
            self._last = taken[0]
            waited_s = now - taken[1]
        cover = self._cover()
        with self._stages.time("publish"):
            self._write(cover or self._with_notice(now), now)
        done = self._clock.now()
        self._stats.count_published(done, self._last.captured_at if fresh and cover is None else None)
        self._pacer.advance(done, waited_s)

    def _rest(self) -> None:
        now = self._clock.now()
        self._frames.take()  # painted before the camera went off: nothing that a new viewer should see
        if not self.shows_card:
            self._last = self._card
            self._stats.pause()
        card = self._cover() or self._card
        if now - self._card_at >= CARD_S or card is not self.shown:
            self._card_at = now
            self._write(card, now)
        self._clock.wait_until(now + UPDATE_INTERVAL_S, self._stop)

    def _write(self, frame: Frame, now: float) -> None:
        self.shown = frame
        with self._writing:
            for runner in self._sink_runners:
                failure = runner.write(frame, now)
                if failure is not None:
                    self._stats.count_fault("sink", failure)

    def _with_notice(self, now: float) -> Frame:
        text = self._notice(now)
        if text is None:
            return self._last
        if self._badged is None or self._badged[0] is not self._last or self._badged[1] != text:
            image = with_badge(self._last.image, text)
            self._badged = (self._last, text, Frame(image, self._last.index, self._last.captured_at))
        return self._badged[2]
