"""Publishing: a steady clock, the newest frame or the last one again, and sinks that may fail."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylecam.control.command_queue import CommandQueue
from stylecam.control.state import LiveState
from stylecam.errors import SinkError, SinkLostError, SinkUnavailableError
from stylecam.live.picture_chooser import PictureChooser
from stylecam.live.publisher import CARD_S, RETRY_S, Pacer, Publisher, SinkRunner
from stylecam.live.viewers import LINGER_S, UPDATE_INTERVAL_S, Viewers
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.overlays import starting_cover
from stylecam.media.testing import CollectingSink, gray_image
from stylecam.models.catalog import Catalog
from stylecam.stylize.look import ALL_PAINTED
from stylecam.stylize.styled_frame import StyledFrame
from stylecam.utils.clock import ManualClock
from stylecam.utils.languages import Language
from stylecam.utils.latest import Latest
from stylecam.utils.metrics import StageTimes
from tests.doubles import WatchableSink, frame, until, viewers, watchable_sink
from tests.live.fixtures import FPS, SIZE, pipeline_context

PERIOD = 1 / FPS

BadgeText = Callable[[float], str | None]


def ticks(pacer: Pacer, count: int, waited_s: float | None = None) -> list[float]:
    times = []
    for _ in range(count):
        times.append(pacer.deadline)
        pacer.advance(pacer.deadline, waited_s)
    return times


def test_without_fresh_frames_the_pacer_ticks_exactly_at_its_rate() -> None:
    times = ticks(Pacer(FPS, 5.0), 300)
    assert times == pytest.approx([5.0 + i * PERIOD for i in range(300)])


def follow(offset_s: float, jitter_s: float = 0.0, seconds: float = 30.0, rate: float = FPS) -> list[float | None]:
    """How long frames that arrive `offset_s` after the first tick waited, tick by tick; None for a repeat."""
    draw = random.Random(3)
    pacer, arrived, waits = Pacer(FPS, 0.0), 0, []
    arrivals = [offset_s + i / rate + draw.uniform(-jitter_s, jitter_s) for i in range(round(seconds * rate) + 10)]
    while pacer.deadline < seconds:
        tick, waited = pacer.deadline, None
        while arrivals[arrived] <= tick:
            waited = tick - arrivals[arrived]
            arrived += 1
        waits.append(waited)
        pacer.advance(tick, waited)
    return waits


@pytest.mark.parametrize("offset_s", [0.0, 0.001, 0.01, 0.02, 0.032])
def test_the_pacer_drifts_until_frames_arrive_shortly_before_their_tick(offset_s: float) -> None:
    settled = [wait for wait in follow(offset_s)[-90:] if wait is not None]
    assert max(settled) < 0.4 * PERIOD


@pytest.mark.parametrize("offset_s", [0.0, 0.01, 0.02, 0.03])
def test_once_in_step_no_frame_is_repeated_although_arrivals_jitter(offset_s: float) -> None:
    waits = follow(offset_s, jitter_s=0.002)
    assert None not in waits[-300:]


@pytest.mark.parametrize("rate", [25.0, 24.0, 15.0])
def test_frames_of_another_rate_do_not_pull_the_tick(rate: float) -> None:
    assert len(follow(0.01, rate=rate)) == pytest.approx(30 * FPS, abs=2)


@given(st.lists(st.none() | st.floats(0, 0.2, allow_subnormal=False), max_size=200))
def test_no_period_is_changed_by_more_than_one_percent(waits: list[float | None]) -> None:
    pacer = Pacer(FPS, 0.0)
    for wait in waits:
        before = pacer.deadline
        pacer.advance(before, wait)
        assert pacer.deadline - before == pytest.approx(PERIOD, rel=0.0101)


def test_after_a_long_pause_the_pacer_goes_on_from_now_and_does_not_race() -> None:
    pacer = Pacer(FPS, 0.0)
    pacer.advance(60.0, None)
    assert pacer.deadline == pytest.approx(60.0 + PERIOD)


def test_a_slightly_late_tick_does_not_move_the_ones_after_it() -> None:
    pacer = Pacer(FPS, 0.0)
    pacer.advance(0.7 * PERIOD, None)
    assert pacer.deadline == pytest.approx(PERIOD)


def failing_while(failing: Callable[[], bool], during: str = "write") -> Callable[[str], SinkError | None]:
    def check(call: str) -> SinkError | None:
        if call != during or not failing():
            return None
        return SinkLostError("the device has gone") if during == "write" else SinkUnavailableError("still gone")

    return check


def test_a_runner_returns_the_failure_of_its_sink_once() -> None:
    runner = SinkRunner(CollectingSink(failing=failing_while(lambda: True)), SIZE, FPS)
    runner.open()
    assert [runner.write(frame(), 0.0), runner.write(frame(), 0.1)] == ["the device has gone", None]


def test_a_sink_that_connects_by_itself_stays_open_and_its_trouble_is_told_once() -> None:
    sink = CollectingSink()
    runner = SinkRunner(sink, SIZE, FPS)
    runner.open()
    sink.trouble = "the server refuses"
    assert [runner.write(frame(index), index / FPS) for index in range(3)] == ["the server refuses", None, None]
    assert (runner.trouble, runner.given_up, sink.opened, len(sink.frames)) == ("the server refuses", False, True, 3)
    sink.trouble = None
    assert runner.write(frame(3), 0.2) is None
    assert runner.status.to_json() == {"name": sink.name, "trouble": None, "dropped": 0, "kind": "other", "label": None}


def test_a_failed_sink_is_closed_until_the_next_attempt() -> None:
    sink = CollectingSink(failing=failing_while(lambda: True))
    runner = SinkRunner(sink, SIZE, FPS)
    runner.open()
    runner.write(frame(), 0.0)
    assert not sink.opened
    assert runner.trouble == "the device has gone"


def test_a_failed_sink_is_not_opened_again_before_its_time() -> None:
    broken = [True]
    sink = CollectingSink(failing=failing_while(lambda: broken[0]))
    runner = SinkRunner(sink, SIZE, FPS)
    runner.open()
    runner.write(frame(), 0.0)
    broken[0] = False
    runner.write(frame(), RETRY_S * 0.9)
    assert sink.opened_count == 1


def test_a_sink_that_recovers_gets_frames_again_and_its_trouble_is_forgotten() -> None:
    broken = [True]
    sink = CollectingSink(failing=failing_while(lambda: broken[0]))
    runner = SinkRunner(sink, SIZE, FPS)
    runner.open()
    runner.write(frame(0), 0.0)
    broken[0] = False
    runner.write(frame(1), RETRY_S)
    assert [f.index for f in sink.frames] == [1]
    assert runner.trouble is None


def test_a_sink_that_cannot_be_opened_again_is_tried_once_a_second() -> None:
    attempts: list[str] = []

    def refuse(during: str) -> SinkError | None:
        if during == "write":
            return SinkLostError("gone")
        attempts.append(during)
        return SinkUnavailableError("still gone") if len(attempts) > 1 else None

    runner = SinkRunner(CollectingSink(failing=refuse), SIZE, FPS)
    runner.open()
    for tick in range(300):
        runner.write(frame(), tick / FPS)
    assert len(attempts) == pytest.approx(1 + 10, abs=1)


class SlowlyOpeningSink(CollectingSink):
    """A sink that is lost once, and then opens when it is let."""

    opens_slowly = True

    def __init__(self) -> None:
        super().__init__(failing=failing_while(lambda: self.lost))
        self.lost, self.gate, self.began = False, threading.Event(), threading.Event()

    def _open(self, size: Size, fps: float) -> None:
        if self.opened_count > 0:
            self.began.set()
            assert self.gate.wait(20)
        super()._open(size, fps)


def test_a_sink_that_opens_slowly_is_opened_again_without_anybody_waiting() -> None:
    sink = SlowlyOpeningSink()
    runner = SinkRunner(sink, SIZE, FPS)
    runner.open()
    sink.lost = True
    runner.write(frame(), 0.0)
    sink.lost = False
    assert runner.write(frame(), RETRY_S) is None
    assert sink.began.wait(20)
    assert runner.write(frame(), RETRY_S + 0.1) is None
    assert (sink.opened, runner.trouble) == (False, "the device has gone")
    sink.gate.set()
    assert until(lambda: sink.opened)
    assert until(lambda: runner.write(frame(), RETRY_S + 0.2) is None and len(sink.frames) > 0)
    assert runner.trouble is None


def test_a_sink_that_opens_slowly_while_the_run_ends_is_closed() -> None:
    sink = SlowlyOpeningSink()
    runner = SinkRunner(sink, SIZE, FPS)
    runner.open()
    sink.lost = True
    runner.write(frame(), 0.0)
    runner.write(frame(), RETRY_S)
    assert sink.began.wait(20)
    sink.gate.set()
    runner.close()
    assert not sink.opened
    assert runner.write(frame(), 100.0) is None
    assert not sink.opened


def test_a_sink_that_does_not_retry_is_given_up() -> None:
    sink = CollectingSink(failing=failing_while(lambda: True))
    sink.retries = False
    runner = SinkRunner(sink, SIZE, FPS)
    runner.open()
    for tick in range(100):
        runner.write(frame(), tick / FPS)
    assert runner.given_up
    assert sink.opened_count == 1


PANIC = frame(5, image=gray_image(9, SIZE))


def painted(picture: Frame, ready_at: float) -> StyledFrame:
    return StyledFrame(picture, ALL_PAINTED, ready_at)


class SteppedPublisher:
    """A publisher with its input, sinks and clock, stepped by hand."""

    def __init__(
        self, *sinks: CollectingSink, badge_text: BadgeText = lambda _: None, watching: Viewers | None = None
    ) -> None:
        self.clock = ManualClock()
        self.latest: Latest[StyledFrame] = Latest()
        self.control = CommandQueue(Catalog([]), LiveState())
        self.context = pipeline_context(self.clock, watching)
        self.stats, self.stop = self.context.stats, self.context.stopping
        self.sink_runners = [SinkRunner(sink, SIZE, FPS) for sink in sinks]
        for runner in self.sink_runners:
            runner.open()
        self.publisher = Publisher(
            self.latest,
            self.sink_runners,
            self.control,
            self.context,
            StageTimes(self.clock),
            PictureChooser(SIZE, PANIC),
            badge_text=badge_text,
        )

    def step(self, count: int = 1) -> None:
        for _ in range(count):
            self.publisher.step()

    def offer(self, index: int) -> None:
        self.latest.put(painted(frame(index, self.clock.now()), self.clock.now()))


def test_the_first_card_is_published_until_a_frame_comes() -> None:
    sink = CollectingSink()
    stepped = SteppedPublisher(sink)
    stepped.step(3)
    stepped.offer(0)
    stepped.step()
    assert [f.index for f in sink.frames] == [-1, -1, -1, 0]


def test_the_last_frame_is_published_again_while_none_comes() -> None:
    sink = CollectingSink()
    stepped = SteppedPublisher(sink)
    stepped.offer(7)
    stepped.step(4)
    assert [f.index for f in sink.frames] == [7] * 4


def test_repeats_and_fresh_frames_are_counted_separately() -> None:
    stepped = SteppedPublisher(CollectingSink())
    stepped.offer(0)
    stepped.step(3)
    snapshot = stepped.stats.snapshot(stepped.clock.now())
    assert (snapshot.published, snapshot.repeats) == (3, 2)


def test_of_two_frames_ready_at_a_tick_the_newer_is_published() -> None:
    sink = CollectingSink()
    stepped = SteppedPublisher(sink)
    stepped.offer(0)
    stepped.offer(1)
    stepped.step()
    assert [f.index for f in sink.frames] == [1]


def test_a_busy_second_never_lowers_the_published_rate() -> None:
    sink = CollectingSink()
    stepped = SteppedPublisher(sink)
    for second in range(10):
        if second not in (3, 4):
            stepped.offer(second)
        stepped.step(round(FPS))
    assert stepped.stats.snapshot(stepped.clock.now()).published_fps == pytest.approx(FPS, rel=0.01)


def test_latency_runs_from_capture_until_all_outputs_have_the_frame() -> None:
    stepped = SteppedPublisher(CollectingSink())
    stepped.step()
    stepped.latest.put(painted(frame(0, stepped.clock.now() - 0.040), stepped.clock.now()))
    stepped.step()
    p50 = stepped.stats.snapshot(stepped.clock.now()).latency_ms.p50
    assert p50 == pytest.approx(40 + PERIOD * 1000, abs=1)


def test_one_failing_output_does_not_touch_the_others() -> None:
    good, bad = CollectingSink(), CollectingSink(failing=failing_while(lambda: True))
    stepped = SteppedPublisher(bad, good)
    stepped.step(60)
    assert len(good.frames) == 60


def test_a_failing_output_is_a_fault_in_the_statistics() -> None:
    stepped = SteppedPublisher(CollectingSink(failing=failing_while(lambda: True)))
    stepped.step(5)
    faults = stepped.stats.snapshot(stepped.clock.now()).faults
    assert (faults.by_kind["sink"], faults.last) == (1, "the device has gone")


def test_an_output_that_fails_for_a_while_comes_back_by_itself() -> None:
    clock: list[ManualClock] = []
    sink = CollectingSink(failing=failing_while(lambda: 1001 <= clock[0].now() < 1003))
    stepped = SteppedPublisher(sink)
    clock.append(stepped.clock)
    stepped.step(round(8 * FPS))
    assert stepped.sink_runners[0].trouble is None
    assert len(sink.frames) > 4 * FPS


def test_a_badge_is_drawn_on_the_last_frame() -> None:
    sink = CollectingSink()
    stepped = SteppedPublisher(sink, badge_text=lambda _: "camera lost")
    stepped.offer(3)
    stepped.step()
    changed = np.any(sink.frames[0].image != frame().image, axis=2)
    assert sink.frames[0].index == 3
    assert 0 < changed.mean() < 0.5


def test_the_badge_disappears_with_its_reason() -> None:
    texts: list[str | None] = ["camera lost"]
    sink = CollectingSink()
    stepped = SteppedPublisher(sink, badge_text=lambda _: texts[0])
    stepped.step()
    texts[0] = None
    stepped.step()
    assert np.array_equal(sink.frames[1].image, starting_cover(SIZE))


def test_another_badge_replaces_the_first() -> None:
    texts = ["camera lost"]
    sink = CollectingSink()
    stepped = SteppedPublisher(sink, badge_text=lambda _: texts[0])
    stepped.step()
    texts[0] = "camera busy"
    stepped.step()
    assert not np.array_equal(sink.frames[0].image, sink.frames[1].image)


def test_a_badge_is_drawn_once_and_not_at_every_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    from stylecam.media import overlays as badge

    drawn: list[str] = []

    def draw(image: Image, text: str, language: Language) -> Image:
        drawn.append(text)
        return badge.with_badge(image, text, language)

    monkeypatch.setattr("stylecam.live.publisher.with_badge", draw)
    stepped = SteppedPublisher(CollectingSink(), badge_text=lambda _: "camera lost")
    stepped.step(20)
    assert drawn == ["camera lost"]


def test_nothing_is_published_after_the_stop() -> None:
    sink = CollectingSink()
    stepped = SteppedPublisher(sink)
    stepped.stop.set()
    stepped.step()
    assert sink.frames == []


def test_when_stopped_all_sinks_are_closed() -> None:
    sinks = CollectingSink(), CollectingSink()
    stepped = SteppedPublisher(*sinks)
    stepped.stop.set()
    stepped.publisher.run()
    assert [sink.closed_count for sink in sinks] == [1, 1]


def test_a_slow_output_does_not_make_the_ticks_race_afterwards() -> None:
    holder: list[SteppedPublisher] = []
    times: list[float] = []

    def slow(during: str) -> SinkError | None:
        if during == "write":
            times.append(holder[0].clock.now())
            if len(times) == 10:
                holder[0].clock.advance(2.0)
        return None

    stepped = SteppedPublisher(CollectingSink(failing=slow))
    holder.append(stepped)
    stepped.step(30)
    assert min(b - a for a, b in pairwise(times)) >= PERIOD * 0.98


def test_a_failing_output_that_cannot_even_be_closed_does_not_touch_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken, other = CollectingSink(failing=failing_while(lambda: True)), CollectingSink()

    def stuck() -> None:
        raise OSError("the file is open in a player")

    stepped = SteppedPublisher(broken, other)
    monkeypatch.setattr(broken, "_close", stuck)
    stepped.step(3)
    assert len(other.frames) == 3
    assert "open in a player" in str(stepped.sink_runners[0].trouble)


class UnwatchedPublisher(SteppedPublisher):
    """A publisher whose only viewer has left."""

    def __init__(self) -> None:
        self.watchable_sink = watchable_sink()
        super().__init__(self.watchable_sink, watching=viewers(self.watchable_sink))
        self.offer(7)
        self.step()
        self.watchable_sink.taken = False
        self.clock.advance(LINGER_S)
        self.step()
        self.watchable_sink.frames.clear()

    def play(self, seconds: float) -> list[int]:
        """The numbers of the frames published in the next `seconds`."""
        end = self.clock.now() + seconds
        while self.clock.now() < end:
            self.step()
        return [f.index for f in self.watchable_sink.frames]


def test_while_nobody_watches_a_still_card_goes_out_twice_a_second() -> None:
    numbers = UnwatchedPublisher().play(60)
    assert set(numbers) == {-1}
    assert len(numbers) == pytest.approx(60 / CARD_S, rel=0.2)


def test_a_new_viewer_is_seen_and_gets_the_full_rate_within_a_moment() -> None:
    unwatched = UnwatchedPublisher()
    unwatched.play(10)
    unwatched.watchable_sink.taken = True
    before = unwatched.clock.now()
    while not unwatched.watchable_sink.frames or unwatched.watchable_sink.frames[-1].index < 0:
        unwatched.offer(8)
        unwatched.step()
    assert unwatched.clock.now() - before <= 2 * UPDATE_INTERVAL_S


def test_a_new_viewer_never_sees_what_was_painted_for_the_last_one() -> None:
    unwatched = UnwatchedPublisher()
    unwatched.offer(8)
    unwatched.play(1)
    unwatched.watchable_sink.taken = True
    assert set(unwatched.play(2)) == {-1}


def test_a_rest_is_no_gap_and_lowers_no_rate() -> None:
    unwatched = UnwatchedPublisher()
    unwatched.play(3600)
    unwatched.watchable_sink.taken = True
    unwatched.play(2)
    snapshot = unwatched.stats.snapshot(unwatched.clock.now())
    assert snapshot.gap_ms.max is not None
    assert snapshot.gap_ms.max < 1000 * LINGER_S + 100
    assert snapshot.published < 100


def test_a_sink_that_fails_while_nobody_watches_is_counted() -> None:
    unwatched = UnwatchedPublisher()
    unwatched.watchable_sink._failing = lambda during: SinkLostError("gone") if during == "write" else None
    unwatched.play(1)
    assert unwatched.stats.snapshot(0).faults.by_kind["sink"] >= 1


def test_a_cover_replaces_the_whole_picture() -> None:
    sink = CollectingSink()
    stepped = SteppedPublisher(sink, badge_text=lambda _: "camera lost")
    stepped.offer(0)
    stepped.step()
    stepped.control.submit("panic")
    stepped.offer(1)
    stepped.step(2)
    stepped.control.submit("panic")
    stepped.step()
    assert [f.index for f in sink.frames] == [0, PANIC.index, PANIC.index, 1]
    assert (sink.frames[1].image == PANIC.image).all()


def test_while_nobody_watches_a_cover_comes_at_once_and_goes_at_once() -> None:
    sink = WatchableSink(taken=False)
    stepped = SteppedPublisher(sink, watching=Viewers([sink], lambda: LiveState(resting=True), 1000.0))
    stepped.step(2)
    stepped.control.submit("panic")
    stepped.step()
    stepped.control.submit("panic")
    stepped.step()
    assert [f.index for f in sink.frames] == [-1, PANIC.index, -1]


def test_the_last_published_frame_can_be_read() -> None:
    stepped = SteppedPublisher(CollectingSink())
    assert stepped.publisher.shown.frame.index == -1
    stepped.offer(4)
    stepped.step()
    assert stepped.publisher.shown.frame.index == 4


def test_a_sink_can_be_added_and_removed_while_it_runs() -> None:
    first, second = CollectingSink(), CollectingSink()
    stepped = SteppedPublisher(first)
    joined = SinkRunner(second, SIZE, FPS)
    joined.open()
    stepped.step()
    stepped.publisher.add(joined)
    stepped.step(2)
    assert stepped.publisher.remove(joined)
    stepped.step()
    assert (len(first.frames), len(second.frames)) == (4, 2)
    assert not stepped.publisher.remove(joined)
    assert second.closed_count == 0


def test_a_sink_can_be_closed_as_soon_as_it_is_removed() -> None:
    sink = CollectingSink()
    stepped = SteppedPublisher(CollectingSink())
    stop = threading.Event()

    def publish() -> None:
        while not stop.is_set():
            stepped.step()

    publishing = threading.Thread(target=publish)
    publishing.start()
    for _ in range(50):
        runner = SinkRunner(sink, SIZE, FPS)
        runner.open()
        stepped.publisher.add(runner)
        stepped.publisher.remove(runner)
        sink.close()
    stop.set()
    publishing.join()
    assert sink.closed_count == 50


def test_a_command_ends_only_after_the_picture_that_is_being_written() -> None:
    """So no picture that a command forbids is written after its future has ended."""
    ended_meanwhile: list[bool] = []
    appliers: list[threading.Thread] = []

    def write(during: str) -> SinkError | None:
        if during == "write" and not appliers:
            future = stepped.control.submit("panic")
            appliers.append(threading.Thread(target=stepped.control.apply))
            appliers[0].start()
            appliers[0].join(0.2)
            ended_meanwhile.append(future.done())
        return None

    stepped = SteppedPublisher(CollectingSink(failing=write))
    stepped.offer(0)
    stepped.step()
    appliers[0].join()
    assert ended_meanwhile == [False]
    assert stepped.control.state.panic
