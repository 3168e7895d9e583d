"""The pipeline: what goes wrong is counted and recovered from, and everything is let go at the end."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest

from stylecam.control.actions import Command
from stylecam.control.commands import CommandQueue
from stylecam.control.state import LiveState
from stylecam.errors import SourceLostError
from stylecam.live.cpu_budget import CpuBudget
from stylecam.live.pipeline import Pipeline
from stylecam.live.stats import Stats
from stylecam.media.frame import Frame, Image, Size
from stylecam.models.catalog import Catalog, StyleMix
from stylecam.stylize.live import PADDING, FrameStylizer
from stylecam.stylize.look import Look
from stylecam.testing import CollectingSink, ScriptedSource, ScriptEvent, gray_image
from stylecam.utils.clock import ManualClock, SystemClock
from tests.doubles import ManualSessionPool, TintEngine, model, until, viewers

SIZE = Size(128, 96)
BANK = model("bank", 4)
MIX = StyleMix(BANK, (1.0, 0.0, 0.0, 0.0), "bank")


class Studio:
    """A pipeline of doubles; step it by hand, or start it on the system clock."""

    def __init__(
        self,
        events: Sequence[ScriptEvent],
        clock: ManualClock | SystemClock,
        mix: StyleMix | None = MIX,
        share: float = 1.0,
        panic: Image | None = None,
    ) -> None:
        self.clock = clock
        self.source = ScriptedSource(events, clock, fps=60)
        self.sink = CollectingSink()
        self.engine = TintEngine()
        self.stats = Stats()
        self.pool = ManualSessionPool(self.engine, PADDING)
        stylist = FrameStylizer(self.pool, SIZE, 30, clock, self.stats.count_fault)
        state = LiveState(Look(mix))
        stylist.prepare(state.look)
        self.control = CommandQueue(Catalog([]), state)
        self.source.open(SIZE, 30)
        self.sink.open(SIZE, 30)
        self.pipeline = Pipeline(
            self.source,
            stylist,
            [self.sink],
            self.control,
            self.stats,
            clock,
            SIZE,
            30,
            viewers(),
            CpuBudget(share, 1),
            panic,
        )

    def step(self, count: int = 1) -> None:
        """One frame through all three threads' work."""
        for _ in range(count):
            self.pipeline.capture.step()
            self.pipeline.style_step()
            self.pipeline.publisher.step()

    def order(self, *names: str) -> None:
        for name in names:
            self.control.submit(Command.parse(name))

    @property
    def newest(self) -> Frame:
        return self.sink.frames[-1]


@pytest.fixture
def studio(clock: ManualClock) -> Studio:
    return Studio([gray_image(255, SIZE)], clock)


PAINTED = round(0.2 * 255)


def test_a_frame_walks_from_the_camera_painted_to_the_output(studio: Studio) -> None:
    studio.step()
    assert studio.newest.index == 0
    assert studio.newest.image[40, 60, 0] == PAINTED


def test_frozen_before_there_is_a_picture_it_holds_the_first(studio: Studio) -> None:
    studio.order("freeze")
    studio.step(5)
    assert [frame.index for frame in studio.sink.frames] == [0] * 5


def test_frames_are_published_in_order(studio: Studio) -> None:
    studio.step(30)
    indexes = [frame.index for frame in studio.sink.frames]
    assert indexes == sorted(indexes)


def test_a_key_pressed_is_seen_in_the_next_frame(studio: Studio) -> None:
    studio.step(3)
    studio.order("bypass")
    studio.step()
    assert studio.newest.image[40, 60, 0] == 255


def test_a_frozen_picture_stays(studio: Studio) -> None:
    studio.step(3)
    studio.order("freeze")
    studio.step(5)
    assert studio.newest.index == studio.sink.frames[2].index


def test_a_picture_frozen_and_freed_moves_again(studio: Studio) -> None:
    studio.step(3)
    studio.order("freeze")
    studio.step(5)
    studio.order("freeze")
    studio.step()
    assert studio.newest.index == 8


def test_while_frozen_the_published_rate_is_held(studio: Studio) -> None:
    studio.order("freeze")
    studio.step(90)
    assert studio.pipeline.report()["published_fps"] == pytest.approx(30, rel=0.01)


def test_a_network_that_fails_is_a_fault_and_the_camera_picture_goes_on(studio: Studio) -> None:
    studio.step(2)
    studio.engine.failing.add("bank")
    studio.step(1)
    assert studio.newest.index == 2
    assert studio.newest.image[40, 60, 0] == 255
    assert studio.pipeline.report()["faults"]["engine"] == 1


def test_a_network_that_works_again_goes_on_painting(studio: Studio) -> None:
    studio.engine.failing.add("bank")
    studio.step(1)
    studio.engine.failing.clear()
    studio.step()
    assert studio.newest.image[40, 60, 0] == PAINTED


def test_an_unplugged_camera_keeps_the_last_picture_and_shows_a_badge(clock: ManualClock) -> None:
    studio = Studio([gray_image(255, SIZE), SourceLostError("the camera gives no more pictures")], clock)
    studio.step(2)
    assert studio.newest.index == 0
    assert (studio.newest.image != studio.sink.frames[0].image).any()
    assert studio.pipeline.report()["source_trouble"] == "the camera gives no more pictures"


def test_a_camera_that_returns_moves_again_without_a_badge(clock: ManualClock) -> None:
    studio = Studio([gray_image(255, SIZE), SourceLostError("gone"), gray_image(255, SIZE)], clock)
    studio.step(4)
    assert studio.newest.index == 1
    assert (studio.newest.image == PAINTED).all()


def test_before_the_first_frame_a_card_is_published(clock: ManualClock) -> None:
    studio = Studio([None], clock)
    studio.step()
    assert studio.newest.size == SIZE
    assert studio.newest.index < 0


def test_the_report_is_ready_for_json_at_any_moment(studio: Studio) -> None:
    before = json.dumps(studio.pipeline.report(), allow_nan=False)
    studio.step(5)
    after = json.loads(json.dumps(studio.pipeline.report(), allow_nan=False))
    assert before
    assert after["rung"] == [128, 96]
    assert after["governor"]["wanted"] == [128, 96]
    assert after["painting"] is True


def test_the_report_of_a_plain_camera_names_no_rung(clock: ManualClock) -> None:
    studio = Studio([gray_image()], clock, mix=None)
    studio.step()
    report = studio.pipeline.report()
    assert (report["rung"], report["governor"], report["painting"]) == (None, None, False)


@pytest.fixture
def running() -> Studio:
    return Studio([gray_image(255, SIZE)], SystemClock())


def test_started_it_publishes_painted_frames(running: Studio) -> None:
    running.pipeline.start()
    try:
        assert until(lambda: any(frame.index > 3 for frame in running.sink.frames))
    finally:
        running.pipeline.stop()


def test_stopped_it_has_closed_camera_and_outputs(running: Studio) -> None:
    running.pipeline.start()
    until(lambda: bool(running.sink.frames))
    running.pipeline.stop()
    assert (running.source.closed, running.sink.closed_count) == (1, 1)


def test_stopped_it_has_left_no_thread_behind(running: Studio) -> None:
    before = threading.active_count()
    running.pipeline.start()
    until(lambda: bool(running.sink.frames))
    running.pipeline.stop()
    assert threading.active_count() == before


@pytest.mark.parametrize("where", ["source", "sink", "stylist"])
def test_an_exception_nobody_expected_ends_the_run_and_is_raised_by_stop(
    running: Studio, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a mistake of ours")

    target = {"source": running.source, "sink": running.sink, "stylist": running.pipeline._stylist}[where]
    monkeypatch.setattr(target, {"source": "read", "sink": "write", "stylist": "stylize"}[where], broken)
    running.pipeline.start()
    assert running.pipeline.stopping.wait(20)
    with pytest.raises(ZeroDivisionError):
        running.pipeline.stop()
    assert (running.source.closed, running.sink.closed_count) == (1, 1)


def test_a_camera_driver_that_hangs_does_not_hold_up_the_end() -> None:
    studio = Studio([gray_image()], SystemClock())
    hanging, let_go = threading.Event(), threading.Event()

    def hang() -> None:
        hanging.set()
        let_go.wait(60)

    studio.source._read = hang  # type: ignore[method-assign]
    studio.pipeline.start()
    hanging.wait(20)
    try:
        studio.pipeline.stop()
        assert studio.sink.closed_count == 1
    finally:
        let_go.set()


def test_beyond_the_processor_time_allowed_frames_pass_unpainted_and_the_rate_is_held(clock: ManualClock) -> None:
    studio = Studio([gray_image(255, SIZE), gray_image(0, SIZE)] * 200, clock, share=0.5)
    studio.engine.on_run = lambda: clock.advance(0, process_time=0.033)
    studio.step(300)
    report = studio.pipeline.report()
    assert report["published_fps"] == pytest.approx(30, rel=0.01)
    assert 0.4 < report["spared"] / 300 < 0.6
    assert report["spared"] + report["styled"] == 300


def test_the_plain_camera_picture_is_never_spared(clock: ManualClock) -> None:
    studio = Studio([gray_image(255, SIZE)], clock, mix=None, share=0.05)
    for _ in range(50):
        clock.advance(0, process_time=1.0)
        studio.step()
    assert studio.pipeline.report()["spared"] == 0


def test_the_stages_of_a_frame_are_in_the_report(studio: Studio) -> None:
    studio.step(3)
    assert studio.pipeline.report()["stages"].keys() >= {"fit", "network", "steady", "publish"}


def test_an_order_is_carried_out_at_once_by_a_stylist_that_waits_for_the_camera(clock: ManualClock) -> None:
    studio = Studio([None], clock)
    styling = threading.Thread(target=studio.pipeline._style_all)
    styling.start()
    try:
        for name in ("freeze", "bypass", "weaker"):
            assert studio.control.submit(Command.parse(name)).result(20)
    finally:
        studio.pipeline.stopping.set()
        studio.pipeline._captured.close()
        styling.join()


def test_an_order_is_carried_out_by_the_next_tick_while_a_network_is_busy(studio: Studio) -> None:
    studio.step()
    future = studio.control.submit(Command.parse("panic"))
    studio.pipeline.publisher.step()
    assert future.done()


def test_in_a_panic_the_still_picture_is_out_with_the_next_tick_and_only_that(studio: Studio) -> None:
    studio.step(3)
    studio.order("panic")
    studio.pipeline.publisher.step()
    card = studio.newest.image
    assert card.mean() < 60
    studio.step(5)
    assert all((frame.image == card).all() for frame in studio.sink.frames[-5:])


def test_after_a_panic_the_picture_of_that_moment_is_shown(studio: Studio) -> None:
    studio.order("panic")
    studio.step(5)
    studio.order("panic")
    studio.step()
    assert (studio.newest.index, studio.newest.image[40, 60, 0]) == (5, PAINTED)


def test_a_panic_shows_no_badge_and_counts_no_latency(clock: ManualClock) -> None:
    studio = Studio([gray_image(255, SIZE), SourceLostError("gone")], clock)
    studio.order("panic")
    studio.step(6)
    shown = {frame.image.tobytes() for frame in studio.sink.frames}
    assert len(shown) == 1
    assert studio.pipeline.report()["latency_ms"]["p50"] is None


def test_in_a_panic_the_rate_is_held(studio: Studio) -> None:
    studio.order("panic")
    studio.step(90)
    assert studio.pipeline.report()["published_fps"] == pytest.approx(30, rel=0.02)


def test_the_chosen_still_picture_is_shown(clock: ManualClock) -> None:
    studio = Studio([gray_image(255, SIZE)], clock, panic=gray_image(77, SIZE))
    studio.order("panic")
    studio.step()
    assert (studio.newest.image == 77).all()


def test_mirror_and_colours_are_seen_in_the_next_frame(clock: ManualClock) -> None:
    half = gray_image(0, SIZE)
    half[:, 64:] = (255, 0, 0)
    studio = Studio([half], clock)
    studio.order("preserve_color")
    studio.step()
    left, right = studio.newest.image[48, 20], studio.newest.image[48, 100]
    assert int(right[0]) - int(right[2]) > 60  # blue, as the camera has it
    assert abs(int(left[0]) - int(left[2])) < 10
    studio.order("mirror")
    studio.step()
    assert int(studio.newest.image[48, 20][0]) - int(studio.newest.image[48, 20][2]) > 60


def test_while_the_camera_is_lost_an_order_shows_in_the_picture_that_is_held(clock: ManualClock) -> None:
    studio = Studio([gray_image(255, SIZE), SourceLostError("gone")], clock)
    studio.step(3)
    studio.order("bypass")
    studio.step()
    assert (studio.newest.index, studio.newest.image[40, 60, 0]) == (0, 255)


def test_with_a_camera_that_delivers_rarely_an_order_does_not_wait_for_its_next_picture(clock: ManualClock) -> None:
    studio = Studio([gray_image(255, SIZE), None], clock)
    studio.step(6)
    studio.order("bypass")
    studio.pipeline.style_step()
    studio.pipeline.publisher.step()
    assert studio.newest.image[40, 60, 0] == 255


def test_a_style_is_reached_also_while_the_camera_is_lost(clock: ManualClock) -> None:
    other = StyleMix(BANK, (0.0, 0.0, 0.0, 1.0), "other")
    studio = Studio([gray_image(255, SIZE), None], clock)
    studio.step(6)
    studio.control._state = replace(studio.control.state, look=Look(other), version=7)
    shades = []
    for _ in range(20):
        studio.step()
        shades.append(int(studio.newest.image[40, 60, 0]))
    assert shades[0] > PAINTED
    assert shades == sorted(shades)
    assert shades[-1] == round(0.8 * 255)


def test_a_picture_painted_once_more_is_a_repeat(clock: ManualClock) -> None:
    studio = Studio([gray_image(255, SIZE), None], clock)
    studio.step(6)
    studio.order("bypass")
    studio.step(2)
    report = studio.pipeline.report()
    assert report["published"] - report["repeats"] == 1


def test_what_the_camera_saw_before_it_rested_is_never_painted_again(clock: ManualClock) -> None:
    studio = Studio([gray_image(255, SIZE), None], clock)
    studio.step(3)
    studio.pipeline._viewers.watching = False
    studio.pipeline.style_step()
    studio.pipeline._viewers.watching = True
    styled = studio.pipeline.report()["styled"]
    studio.order("bypass")
    studio.pipeline.style_step()
    assert studio.pipeline.report()["styled"] == styled


def test_while_pictures_come_as_they_should_an_order_costs_no_further_painting(studio: Studio) -> None:
    for _ in range(10):
        studio.order("weaker")
        studio.step()
    assert studio.pipeline.report()["styled"] == 10
