"""The pipeline: three threads, two newest-only slots, start and stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from stylecam.control.commands import CommandQueue
from stylecam.live.capture import Capture
from stylecam.live.cpu_budget import CpuBudget
from stylecam.live.publisher import Publisher, SinkRunner
from stylecam.live.stats import Stats
from stylecam.live.viewers import Viewers
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.overlays import panic_cover, starting_cover
from stylecam.media.sinks.base import Sink
from stylecam.media.sources.base import Source
from stylecam.stylize.live import FrameStylizer
from stylecam.utils.clock import Clock
from stylecam.utils.latest import Latest

TAKE_S = 0.1
STOP_S = 0.8
ORDER_S, LATE_S = 0.4, 0.05
"""For so long after an order pictures must go on to come, a morph's time; and a camera is late after that much."""
FINISH_S = 10.0
"""A recording may need a moment to be finished; without one the publishing thread ends at once."""
STARTING = -1
"""Index of the card shown before the first frame."""


def waiting_frame(size: Size, now: float) -> Frame:
    """What is published until the first frame comes."""
    return Frame(starting_cover(size), STARTING, now)


class Pipeline:
    """Runs source → stylist → sinks until stopped; `newest` is the last camera frame that came to the stylist.

    Whatever goes wrong with a frame, a source or a sink is counted in the statistics and recovered from; an exception
    nobody expected ends the pipeline and is raised again by `stop`.
    """

    def __init__(
        self,
        source: Source,
        stylist: FrameStylizer,
        sinks: Sequence[Sink],
        control: CommandQueue,
        stats: Stats,
        clock: Clock,
        size: Size,
        fps: float,
        viewers: Viewers,
        cpu_budget: CpuBudget,
        panic: Image | None = None,
    ) -> None:
        """`source` and `sinks` are already open; the pipeline closes them.

        `viewers` says whether to paint at all, `cpu_budget` how much processor time that may take. `panic` is the
        picture of that action, of the output's size; without, it is a card.
        """
        self._viewers = viewers
        self._cpu_budget = cpu_budget
        self.stopping = threading.Event()
        self._stylist = stylist
        self._control = control
        self._stats = stats
        self._clock = clock
        self._captured: Latest[Frame] = Latest()
        self._styled: Latest[tuple[Frame, float]] = Latest()
        self._panic = Frame(panic_cover(size) if panic is None else panic, 0, clock.now())
        self.capture = Capture(source, self._captured, stats, clock, self.stopping, size, fps, viewers)
        first = waiting_frame(size, clock.now())
        self.publisher = Publisher(
            self._styled,
            [SinkRunner(sink, size, fps) for sink in sinks],
            stats,
            clock,
            self.stopping,
            fps,
            first,
            self.capture.notice,
            viewers,
            stylist.stages,
            self._cover,
        )
        self.newest: Frame | None = None
        self._held: Frame | None = None
        self._version, self._settled_at = control.state.version, float("-inf")
        control.wake = self._captured.wake
        self._threads: list[threading.Thread] = []
        self._crash: BaseException | None = None

    @property
    def sink_runners(self) -> tuple[SinkRunner, ...]:
        """The sinks with their troubles."""
        return self.publisher.sink_runners

    def set_panic_picture(self, panic: Image) -> None:
        """From now on a panic shows `panic`, of the output's size; from any thread."""
        self._panic = Frame(panic, 0, self._clock.now())

    def start(self) -> None:
        """Start publishing, then capturing and styling (`stop` counts on this order)."""
        for name, work in (("publish", self.publisher.run), ("capture", self.capture.run), ("style", self._style_all)):
            thread = threading.Thread(target=self._guarded, args=(work,), name=f"stylecam-{name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Stop all threads and close source and sinks, within a second; raises what ended the pipeline, if anything.

        A read that hangs in a camera driver is not waited for: its thread ends with the process.
        """
        self.stopping.set()
        self._captured.close()
        self._styled.close()
        deadline = self._clock.now() + STOP_S
        for thread in self._threads[1:]:
            thread.join(max(0.0, deadline - self._clock.now()))
        for thread in self._threads[:1]:
            thread.join(FINISH_S)  # it closes the sinks
        if self._crash is not None:
            raise self._crash

    def style_step(self) -> None:
        """Style the newest frame, if one comes soon; carry out what the user asked for meanwhile."""
        frame = self._captured.take(TAKE_S if self._clock.now() >= self._settled_at else LATE_S)
        state = self._control.apply()
        self.newest = frame or self.newest
        self._held = (frame or self._held) if self._viewers.watching else None
        if state.version != self._version:
            self._version, self._settled_at = state.version, self._clock.now() + ORDER_S
        frame = frame or self._again()
        if frame is None or (state.frozen and not self.publisher.shows_card):  # there must be one to hold
            return
        started = self._clock.now()
        if self._cpu_budget.is_exceeded(started, self._clock.process_time()) and state.visible_look.paints:
            self._stats.count_skipped()
            return
        styled = self._stylist.stylize(frame, state.visible_look)
        now = self._clock.now()
        self._stats.count_styled(now, (now - started) * 1000, self._stylist.result.reused)
        self._styled.put((styled, now))

    def _again(self) -> Frame | None:
        """The last camera picture once more, while an order is on its way and the camera is slow, or gone."""
        now = self._clock.now()
        if self._held is None or now >= self._settled_at or now - self._held.captured_at < LATE_S:
            return None
        self._held = replace(self._held, captured_at=now)
        return self._held

    def report(self) -> dict[str, Any]:
        """Figures of this moment: counters, the governor's view, troubles."""
        work = self._stylist.result
        decision = work.decision
        return {
            **self._stats.snapshot(self._clock.now()),
            "painting": work.stylized,
            "detail": work.detail,
            "stages": self._stylist.stages.snapshot(),
            "rung": None if work.rung is None else [work.rung.width, work.rung.height],
            "governor": None
            if decision is None
            else {
                "wanted": [decision.rung.width, decision.rung.height],
                "predicted_ms": None if decision.predicted_ms is None else round(decision.predicted_ms, 2),
                "reason": decision.reason,
            },
            "waiting_for": self._viewers.waiting_for,
            "beats": self.publisher.beats,
            "source_trouble": self.capture.trouble,
        }

    def _cover(self) -> Frame | None:
        """What covers the picture now. Asked at every tick, so orders are carried out also while a network is busy."""
        return self._panic if self._control.apply().panic else None

    def _style_all(self) -> None:
        while not self.stopping.is_set():
            self.style_step()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - kept and raised by `stop`, in the thread that can tell the user
            self._crash = error
            self.stopping.set()
