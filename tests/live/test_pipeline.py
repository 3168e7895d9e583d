"""The pipeline: faults are counted and recovered from, and everything is closed at the end."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest

from stylecam.control.command import Command
from stylecam.control.command_queue import CommandQueue
from stylecam.control.state import LiveState
from stylecam.errors import SourceLostError
from stylecam.live.pipeline import Pipeline
from stylecam.media.frame import Frame, Image
from stylecam.media.overlays import panic_cover
from stylecam.media.testing import CollectingSink, ScriptedSource, ScriptEvent, gray_image
from stylecam.models.catalog import Catalog
from stylecam.models.style_mix import StyleMix
from stylecam.stylize.frame_stylizer import PADDING, FrameStylizer
from stylecam.stylize.look import Look
from stylecam.utils.clock import ManualClock, SystemClock
from tests.doubles import ManualSessionPool, TintEngine, model, until
from tests.live.fixtures import FPS, SIZE, pipeline_context

BANK = model("bank", 4)
CARD = panic_cover(SIZE)
MIX = StyleMix(BANK, (1.0, 0.0, 0.0, 0.0), "bank")


class SteppedPipeline:
    """A pipeline of doubles; step it by hand, or start it on the system clock."""

    def __init__(
        self,
        events: Sequence[ScriptEvent],
        clock: ManualClock | SystemClock,
        mix: StyleMix | None = MIX,
        share: float = 1.0,
        panic: Image = CARD,
    ) -> None:
        self.clock = clock
        self.source = ScriptedSource(events, clock, fps=60)
        self.sink = CollectingSink()
        self.engine = TintEngine()
        self.context = pipeline_context(clock, cpu_share=share)
        self.pool = ManualSessionPool(self.engine, PADDING)
        stylizer = FrameStylizer(self.pool, SIZE, FPS, clock, self.context.stats.count_fault)
        state = LiveState(Look(mix))
        stylizer.prepare(state.look)
        self.control = CommandQueue(Catalog([]), state)
        self.source.open(SIZE, FPS)
        self.sink.open(SIZE, FPS)
        self.pipeline = Pipeline(self.source, [self.sink], stylizer, self.control, self.context, panic)

    def step(self, count: int = 1) -> None:
        """Take `count` frames through the work of all three threads."""
        for _ in range(count):
            self.pipeline.capture.step()
            self.pipeline.style_step()
            self.pipeline.publisher.step()

    def press(self, *names: str) -> None:
        for name in names:
            self.control.submit(Command.parse(name))

    @property
    def newest(self) -> Frame:
        return self.sink.frames[-1]


@pytest.fixture
def stepped(clock: ManualClock) -> SteppedPipeline:
    return SteppedPipeline([gray_image(255, SIZE)], clock)


PAINTED = round(0.2 * 255)


def test_a_frame_goes_from_the_camera_through_the_stylizer_to_the_sink(stepped: SteppedPipeline) -> None:
    stepped.step()
    assert stepped.newest.index == 0
    assert stepped.newest.image[40, 60, 0] == PAINTED


def test_frozen_before_there_is_a_picture_it_holds_the_first(stepped: SteppedPipeline) -> None:
    stepped.press("freeze")
    stepped.step(5)
    assert [frame.index for frame in stepped.sink.frames] == [0] * 5


def test_frames_are_published_in_order(stepped: SteppedPipeline) -> None:
    stepped.step(30)
    indexes = [frame.index for frame in stepped.sink.frames]
    assert indexes == sorted(indexes)


def test_a_key_pressed_is_seen_in_the_next_frame(stepped: SteppedPipeline) -> None:
    stepped.step(3)
    stepped.press("bypass")
    stepped.step()
    assert stepped.newest.image[40, 60, 0] == 255


def test_a_frozen_picture_stays(stepped: SteppedPipeline) -> None:
    stepped.step(3)
    stepped.press("freeze")
    stepped.step(5)
    assert stepped.newest.index == stepped.sink.frames[2].index


def test_a_picture_frozen_and_freed_moves_again(stepped: SteppedPipeline) -> None:
    stepped.step(3)
    stepped.press("freeze")
    stepped.step(5)
    stepped.press("freeze")
    stepped.step()
    assert stepped.newest.index == 8


def test_what_was_on_its_way_when_the_picture_was_frozen_is_given_up(
    stepped: SteppedPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    stepped.step(3)
    given_up = threading.Event()
    monkeypatch.setattr(stepped.pipeline._stylizer, "pause", given_up.set)
    stepped.press("freeze")
    stepped.step()
    assert given_up.is_set()


def test_while_frozen_the_published_rate_is_held(stepped: SteppedPipeline) -> None:
    stepped.press("freeze")
    stepped.step(90)
    assert stepped.pipeline.report().frames.published_fps == pytest.approx(30, rel=0.01)


def test_a_network_that_fails_is_a_fault_and_the_last_painting_stays(stepped: SteppedPipeline) -> None:
    stepped.step(2)
    stepped.engine.failing.add("bank")
    stepped.step(1)
    assert stepped.newest.index == 1
    assert stepped.newest.image[40, 60, 0] == PAINTED
    assert stepped.pipeline.report().frames.faults.by_kind["engine"] == 1


def test_a_network_that_works_again_goes_on_painting(stepped: SteppedPipeline) -> None:
    stepped.engine.failing.add("bank")
    stepped.step(1)
    stepped.engine.failing.clear()
    stepped.step()
    assert stepped.newest.image[40, 60, 0] == PAINTED


def test_an_unplugged_camera_keeps_the_last_picture_and_shows_a_badge(clock: ManualClock) -> None:
    stepped = SteppedPipeline([gray_image(255, SIZE), SourceLostError("the camera gives no more pictures")], clock)
    stepped.step(2)
    assert stepped.newest.index == 0
    assert (stepped.newest.image != stepped.sink.frames[0].image).any()
    assert stepped.pipeline.report().source_trouble == "the camera gives no more pictures"


def test_a_camera_that_returns_moves_again_without_a_badge(clock: ManualClock) -> None:
    stepped = SteppedPipeline([gray_image(255, SIZE), SourceLostError("gone"), gray_image(255, SIZE)], clock)
    stepped.step(4)
    assert stepped.newest.index == 1
    assert (stepped.newest.image == PAINTED).all()


def test_before_the_first_frame_a_card_is_published(clock: ManualClock) -> None:
    stepped = SteppedPipeline([None], clock)
    stepped.step()
    assert stepped.newest.size == SIZE
    assert stepped.newest.index < 0


def test_the_report_is_ready_for_json_at_any_moment(stepped: SteppedPipeline) -> None:
    before = json.dumps(stepped.pipeline.report().to_json(), allow_nan=False)
    stepped.step(5)
    after = json.loads(json.dumps(stepped.pipeline.report().to_json(), allow_nan=False))
    assert before
    assert after["rung"] == [128, 96]
    assert after["governor"]["wanted"] == [128, 96]
    assert after["painting"] is True


def test_the_report_of_a_plain_camera_names_no_rung(clock: ManualClock) -> None:
    stepped = SteppedPipeline([gray_image()], clock, mix=None)
    stepped.step()
    report = stepped.pipeline.report()
    assert (report.rung, report.governor, report.painting) == (None, None, False)


@pytest.fixture
def running() -> SteppedPipeline:
    return SteppedPipeline([gray_image(255, SIZE)], SystemClock())


def test_started_it_publishes_painted_frames(running: SteppedPipeline) -> None:
    running.pipeline.start()
    try:
        assert until(lambda: any(frame.index > 3 for frame in running.sink.frames))
    finally:
        running.pipeline.stop()


def test_stopped_it_has_closed_camera_and_outputs(running: SteppedPipeline) -> None:
    running.pipeline.start()
    until(lambda: bool(running.sink.frames))
    running.pipeline.stop()
    assert (running.source.closed, running.sink.closed_count) == (1, 1)


def test_stopped_it_has_left_no_thread_behind(running: SteppedPipeline) -> None:
    before = threading.active_count()
    running.pipeline.start()
    until(lambda: bool(running.sink.frames))
    running.pipeline.stop()
    assert threading.active_count() == before


@pytest.mark.parametrize("where", ["source", "sink", "stylizer"])
def test_an_exception_nobody_expected_ends_the_run_and_is_raised_by_stop(
    running: SteppedPipeline, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a mistake of ours")

    target = {"source": running.source, "sink": running.sink, "stylizer": running.pipeline._stylizer}[where]
    monkeypatch.setattr(target, {"source": "read", "sink": "write", "stylizer": "stylize"}[where], broken)
    running.pipeline.start()
    assert running.pipeline.stopping.wait(20)
    with pytest.raises(ZeroDivisionError):
        running.pipeline.stop()
    assert (running.source.closed, running.sink.closed_count) == (1, 1)


def test_a_camera_driver_that_hangs_does_not_hold_up_the_end() -> None:
    stepped = SteppedPipeline([gray_image()], SystemClock())
    hanging, released = threading.Event(), threading.Event()

    def hang() -> None:
        hanging.set()
        released.wait(60)

    stepped.source._read = hang  # type: ignore[method-assign]
    stepped.pipeline.start()
    hanging.wait(20)
    try:
        stepped.pipeline.stop()
        assert stepped.sink.closed_count == 1
    finally:
        released.set()


def test_beyond_the_processor_time_allowed_frames_pass_unpainted_and_the_rate_is_held(clock: ManualClock) -> None:
    stepped = SteppedPipeline([gray_image(255, SIZE), gray_image(0, SIZE)] * 200, clock, share=0.5)
    stepped.engine.on_run = lambda: clock.advance(0, process_time=0.033)
    stepped.step(300)
    report = stepped.pipeline.report()
    assert report.frames.published_fps == pytest.approx(30, rel=0.01)
    assert 0.4 < report.frames.spared / 300 < 0.6
    assert report.frames.spared + report.frames.styled == 300


def test_the_plain_camera_picture_is_never_spared(clock: ManualClock) -> None:
    stepped = SteppedPipeline([gray_image(255, SIZE)], clock, mix=None, share=0.05)
    for _ in range(50):
        clock.advance(0, process_time=1.0)
        stepped.step()
    assert stepped.pipeline.report().frames.spared == 0


def test_the_stages_of_a_frame_are_in_the_report(stepped: SteppedPipeline) -> None:
    stepped.step(3)
    assert stepped.pipeline.report().stages.keys() >= {"fit", "network", "steady", "publish"}


def test_a_command_is_applied_at_once_by_a_style_thread_that_waits_for_the_camera(clock: ManualClock) -> None:
    stepped = SteppedPipeline([None], clock)
    styling = threading.Thread(target=stepped.pipeline._style_all)
    styling.start()
    try:
        for name in ("freeze", "bypass", "weaker"):
            assert stepped.control.submit(Command.parse(name)).result(20)
    finally:
        stepped.pipeline.stopping.set()
        stepped.pipeline._captured.close()
        styling.join()


def test_a_command_is_applied_by_the_next_tick_while_a_network_is_busy(stepped: SteppedPipeline) -> None:
    stepped.step()
    future = stepped.control.submit(Command.parse("panic"))
    stepped.pipeline.publisher.step()
    assert future.done()


def test_in_a_panic_the_still_picture_is_out_with_the_next_tick_and_only_that(stepped: SteppedPipeline) -> None:
    stepped.step(3)
    stepped.press("panic")
    stepped.pipeline.publisher.step()
    card = stepped.newest.image
    assert card.mean() < 60
    stepped.step(5)
    assert all((frame.image == card).all() for frame in stepped.sink.frames[-5:])


def test_after_a_panic_the_picture_of_that_moment_is_shown(stepped: SteppedPipeline) -> None:
    stepped.press("panic")
    stepped.step(5)
    stepped.press("panic")
    stepped.step()
    assert (stepped.newest.index, stepped.newest.image[40, 60, 0]) == (5, PAINTED)


def test_a_panic_shows_no_badge_and_counts_no_latency(clock: ManualClock) -> None:
    stepped = SteppedPipeline([gray_image(255, SIZE), SourceLostError("gone")], clock)
    stepped.press("panic")
    stepped.step(6)
    shown = {frame.image.tobytes() for frame in stepped.sink.frames}
    assert len(shown) == 1
    assert stepped.pipeline.report().frames.latency_ms.p50 is None


def test_in_a_panic_the_rate_is_held(stepped: SteppedPipeline) -> None:
    stepped.press("panic")
    stepped.step(90)
    assert stepped.pipeline.report().frames.published_fps == pytest.approx(30, rel=0.02)


def test_the_chosen_still_picture_is_shown(clock: ManualClock) -> None:
    stepped = SteppedPipeline([gray_image(255, SIZE)], clock, panic=gray_image(77, SIZE))
    stepped.press("panic")
    stepped.step()
    assert (stepped.newest.image == 77).all()


def test_mirror_and_colours_are_seen_in_the_next_frame(clock: ManualClock) -> None:
    half = gray_image(0, SIZE)
    half[:, 64:] = (255, 0, 0)
    stepped = SteppedPipeline([half], clock)
    stepped.press("preserve_color")
    stepped.step()
    left, right = stepped.newest.image[48, 20], stepped.newest.image[48, 100]
    assert int(right[0]) - int(right[2]) > 60  # blue, as the camera has it
    assert abs(int(left[0]) - int(left[2])) < 10
    stepped.press("mirror")
    stepped.step()
    assert int(stepped.newest.image[48, 20][0]) - int(stepped.newest.image[48, 20][2]) > 60


def test_while_the_camera_is_lost_a_command_shows_in_the_held_frame(clock: ManualClock) -> None:
    stepped = SteppedPipeline([gray_image(255, SIZE), SourceLostError("gone")], clock)
    stepped.step(3)
    stepped.press("bypass")
    stepped.step()
    assert (stepped.newest.index, stepped.newest.image[40, 60, 0]) == (0, 255)


def test_with_a_slow_camera_a_command_does_not_wait_for_its_next_frame(clock: ManualClock) -> None:
    stepped = SteppedPipeline([gray_image(255, SIZE), None], clock)
    stepped.step(6)
    stepped.press("bypass")
    stepped.pipeline.style_step()
    stepped.pipeline.publisher.step()
    assert stepped.newest.image[40, 60, 0] == 255


def test_a_style_is_reached_also_while_the_camera_is_lost(clock: ManualClock) -> None:
    other = StyleMix(BANK, (0.0, 0.0, 0.0, 1.0), "other")
    stepped = SteppedPipeline([gray_image(255, SIZE), None], clock)
    stepped.step(6)
    stepped.control._state = replace(stepped.control.state, look=Look(other), version=7)
    shades = []
    for _ in range(20):
        stepped.step()
        shades.append(int(stepped.newest.image[40, 60, 0]))
    assert shades[0] > PAINTED
    assert shades == sorted(shades)
    assert shades[-1] == round(0.8 * 255)


def test_a_frame_that_is_styled_again_is_a_repeat(clock: ManualClock) -> None:
    stepped = SteppedPipeline([gray_image(255, SIZE), None], clock)
    stepped.step(6)
    stepped.press("bypass")
    stepped.step(2)
    report = stepped.pipeline.report()
    assert report.frames.published - report.frames.repeats == 1


def test_a_frame_from_before_a_rest_is_never_styled_again(clock: ManualClock) -> None:
    stepped = SteppedPipeline([gray_image(255, SIZE), None], clock)
    stepped.step(3)
    stepped.context.viewers.watching = False
    stepped.pipeline.style_step()
    stepped.context.viewers.watching = True
    styled = stepped.pipeline.report().frames.styled
    stepped.press("bypass")
    stepped.pipeline.style_step()
    assert stepped.pipeline.report().frames.styled == styled


def test_while_the_camera_is_on_time_a_command_costs_no_further_styling(stepped: SteppedPipeline) -> None:
    for _ in range(10):
        stepped.press("weaker")
        stepped.step()
    assert stepped.pipeline.report().frames.styled == 10


@pytest.mark.parametrize("action", ["panic", "rest"])
def test_while_the_picture_is_covered_no_camera_frame_is_kept(stepped: SteppedPipeline, action: str) -> None:
    kept = []
    for command in ("bypass:off", f"{action}:on", f"{action}:off"):
        stepped.press(command)
        stepped.step(6)
        kept.append(stepped.pipeline.newest is not None)
    assert kept == [True, False, True]


def test_once_nobody_watches_what_was_on_its_way_is_forgotten(
    stepped: SteppedPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten = threading.Event()
    monkeypatch.setattr(stepped.pipeline._stylizer, "forget", forgotten.set)
    stepped.step(3)
    assert not forgotten.is_set()
    stepped.context.viewers.watching = False
    stepped.pipeline.style_step()
    assert forgotten.is_set()


def test_with_the_camera_off_the_paintings_before_are_forgotten(
    stepped: SteppedPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten = threading.Event()
    monkeypatch.setattr(stepped.pipeline._stylizer, "forget", forgotten.set)
    stepped.step(3)
    assert not forgotten.is_set()
    stepped.press("rest:on")
    stepped.step(6)
    assert forgotten.is_set()
