"""The stylist: a camera frame in, a painted frame of the output's size out, never waiting for a network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stylecam.errors import EngineError
from stylecam.media.frame import Frame, Image, Size
from stylecam.models.catalog import StyleMix
from stylecam.models.model import Model
from stylecam.stylize.governor import Rung, ladder
from stylecam.stylize.live import MAX_FAILURES, PADDING, FrameStylizer
from stylecam.stylize.look import Look
from stylecam.testing import gray_image
from stylecam.utils.clock import ManualClock
from tests.doubles import ManualSessionPool, TintEngine, model

SIZE = Size(640, 360)
FPS = 30.0


@pytest.fixture(autouse=True)
def warm_up_times_on_the_manual_clock(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stylecam.stylize.session_pool.time", SimpleNamespace(perf_counter=clock.now))


def one(network: Model, index: int = 0) -> StyleMix:
    weights = network.one_hot(index)
    return StyleMix(network, weights, f"{network.key}{index}")


class Studio:
    """A stylist with an engine of known cost and a pool whose warm-up thread is the test."""

    def __init__(
        self,
        clock: ManualClock,
        ms_per_megapixel: float = 100.0,
        models: Sequence[Model] = (),
        *,
        busy_budget_ms: float = math.inf,
    ) -> None:
        self.clock = clock
        self.engine = TintEngine(clock, lambda megapixels: megapixels * self.ms_per_megapixel)
        self.ms_per_megapixel = ms_per_megapixel
        self.pool = ManualSessionPool(self.engine, PADDING)
        self.faults: list[str] = []
        self.stylist = FrameStylizer(
            self.pool,
            SIZE,
            FPS,
            clock,
            lambda kind, text: self.faults.append(text),
            models,
            busy_budget_ms=busy_budget_ms,
        )
        self.index = -1

    def paint(self, state: Look, image: Image | None = None) -> Frame:
        """One camera frame, one period after the one before it; without `image` a bright one with something moving."""
        self.clock.advance(1 / FPS)
        self.index += 1
        return self.stylist.stylize(
            Frame(self.lively() if image is None else image, self.index, self.clock.now()), state
        )

    def lively(self) -> Image:
        """White, with a dark patch in one of the lower corners."""
        image = gray_image(255, Size(320, 180))
        image[140:, :40] = 0
        return image if self.index % 2 else np.ascontiguousarray(image[:, ::-1])

    def level(self, state: Look) -> int:
        return int(self.paint(state).image[180, 320, 0])


@pytest.fixture
def studio(clock: ManualClock) -> Studio:
    return Studio(clock)


BANK = model("bank", 4)
OTHER = model("other", 2)
BROKEN = model("broken")
LEVEL = {i: 51 * (i + 1) for i in range(4)}


def test_a_frame_is_painted_at_the_outputs_size(studio: Studio) -> None:
    state = Look(one(BANK, 2))
    studio.stylist.prepare(state)
    painted = studio.paint(state)
    assert painted.size == SIZE
    assert painted.image[100, 100, 0] == LEVEL[2]


def test_a_painted_frame_keeps_its_number_and_capture_time(studio: Studio) -> None:
    state = Look(one(BANK))
    studio.stylist.prepare(state)
    painted = studio.paint(state)
    assert painted.index == 0
    assert painted.captured_at < studio.clock.now()


def test_painting_starts_with_the_very_first_frame(studio: Studio) -> None:
    state = Look(one(BANK))
    studio.stylist.prepare(state)
    studio.paint(state)
    assert studio.stylist.result.stylized


def test_the_network_sees_the_rung_and_a_rim_around_it(studio: Studio) -> None:
    state = Look(one(BANK), scale=0.5)
    studio.stylist.prepare(state)
    studio.paint(state)
    assert studio.stylist.result.rung == Rung(320, 184) or studio.stylist.result.rung == Rung(320, 176)
    assert studio.stylist.result.rung is not None
    assert studio.engine.loaded[-1][1:] == (
        studio.stylist.result.rung.width + 2 * PADDING,
        studio.stylist.result.rung.height + 2 * PADDING,
    )


@pytest.mark.parametrize("state", [Look(None), Look(one(BANK), strength=0.0)])
def test_without_a_style_the_camera_picture_is_passed_on(studio: Studio, state: Look) -> None:
    assert studio.level(state) == 255
    assert not studio.stylist.result.stylized
    assert studio.engine.runs == []


def test_a_bypassed_picture_also_has_the_outputs_size_and_shape(studio: Studio) -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    image[220:260, 300:340] = 255
    shown = studio.paint(Look(None), image)
    assert shown.size == SIZE


def test_half_strength_lies_between_camera_and_painting(studio: Studio) -> None:
    state = Look(one(BANK), strength=0.5)
    studio.stylist.prepare(state)
    assert studio.level(state) == pytest.approx((255 + LEVEL[0]) / 2, abs=1)


def test_mirroring_exchanges_left_and_right(studio: Studio) -> None:
    image = np.zeros((180, 320, 3), np.uint8)
    image[:, :160] = 255
    shown = studio.paint(Look(None, mirror=True), image).image
    assert (shown[0, 0, 0], shown[0, -1, 0]) == (0, 255)


def test_a_mirrored_half_strength_painting_lies_over_the_mirrored_camera(studio: Studio) -> None:
    image = np.zeros((180, 320, 3), np.uint8)
    image[:, :160] = 255
    state = Look(one(BANK), strength=0.5, mirror=True)
    studio.stylist.prepare(state)
    shown = studio.paint(state, image).image
    assert shown[0, 0, 0] < shown[0, -1, 0]


def test_the_cameras_own_array_is_never_written_to(studio: Studio) -> None:
    state = Look(one(BANK), strength=0.7, mirror=True)
    studio.stylist.prepare(state)
    image = gray_image(77, SIZE)
    image.flags.writeable = False
    studio.paint(state, image)
    assert image.min() == image.max() == 77


def test_without_a_warm_session_the_camera_picture_is_shown_meanwhile(studio: Studio) -> None:
    assert studio.level(Look(one(BANK))) == 255


def test_painting_begins_once_the_session_is_warm(studio: Studio) -> None:
    state = Look(one(BANK, 1))
    studio.paint(state)
    studio.pool.build_requested()
    studio.paint(state)
    studio.pool.build_requested()
    assert studio.level(state) == LEVEL[1]


def test_a_switch_within_a_bank_shows_in_the_next_frame(studio: Studio) -> None:
    first, second = Look(one(BANK, 0)), Look(one(BANK, 3))
    studio.stylist.prepare(first)
    studio.paint(first)
    assert LEVEL[0] < studio.level(second) < LEVEL[3]


def test_a_switch_within_a_bank_glides_and_arrives(studio: Studio) -> None:
    first, second = Look(one(BANK, 0)), Look(one(BANK, 3))
    studio.stylist.prepare(first)
    studio.paint(first)
    levels = [studio.level(second) for _ in range(15)]
    assert levels == sorted(levels)
    assert levels[-1] == LEVEL[3]


def test_a_switch_to_a_warm_network_fades_the_old_picture_out(clock: ManualClock) -> None:
    studio = Studio(clock, models=[BANK, OTHER])
    studio.engine.levels["other"] = (0.9, 0.8)
    first, second = Look(one(BANK, 0)), Look(one(OTHER, 0))
    studio.stylist.prepare(first)
    for _ in range(40):
        studio.paint(first)
        studio.pool.build_requested()
    levels = [studio.level(second) for _ in range(20)]
    assert LEVEL[0] < levels[0] < round(0.9 * 255)
    assert levels[-1] == round(0.9 * 255)


def test_a_switch_to_a_cold_network_goes_on_with_the_old_one_until_it_is_warm(studio: Studio) -> None:
    first, second = Look(one(BANK, 0)), Look(one(OTHER, 1))
    studio.stylist.prepare(first)
    studio.paint(first)
    meanwhile = [studio.level(second) for _ in range(5)]
    studio.pool.build_requested()
    later = [studio.level(second) for _ in range(30)]
    studio.pool.build_requested()
    assert meanwhile == [LEVEL[0]] * 5
    assert later[-1] == LEVEL[1]


def test_after_a_bypass_the_style_is_back_at_once(studio: Studio) -> None:
    state = Look(one(BANK, 2))
    studio.stylist.prepare(state)
    studio.paint(state)
    studio.paint(replace(state, strength=0.0))
    assert studio.level(state) == LEVEL[2]


def test_a_network_that_cannot_be_loaded_is_reported_and_then_left_alone(studio: Studio) -> None:
    studio.engine.unloadable.add("broken")
    first, second = Look(one(BANK, 0)), Look(one(BROKEN))
    studio.stylist.prepare(first)
    for _ in range(200):
        studio.paint(second)
        studio.pool.build_requested()
    assert set(studio.faults) == {"broken cannot be loaded"}
    assert len(studio.faults) <= len(ladder(SIZE))


def test_while_a_wanted_network_is_broken_the_camera_is_shown(studio: Studio) -> None:
    studio.engine.unloadable.add("broken")
    first, second = Look(one(BANK, 1)), Look(one(BROKEN))
    studio.stylist.prepare(first)
    studio.paint(first)
    for _ in range(3 * len(ladder(SIZE))):
        studio.paint(second)
        studio.pool.build_requested()
    assert studio.level(second) not in LEVEL.values()


def test_at_the_start_a_broken_network_is_an_error(studio: Studio) -> None:
    studio.engine.unloadable.add("broken")
    with pytest.raises(EngineError, match="broken cannot be loaded"):
        studio.stylist.prepare(Look(one(BROKEN)))


def test_a_network_that_fails_on_a_frame_is_reported_and_the_camera_shown(studio: Studio) -> None:
    state = Look(one(BANK))
    studio.stylist.prepare(state)
    studio.engine.failing.add("bank")
    assert studio.level(state) == 255
    assert studio.faults == ["bank does not run"]


def test_a_network_that_recovers_paints_again(studio: Studio) -> None:
    state = Look(one(BANK))
    studio.stylist.prepare(state)
    studio.engine.failing.add("bank")
    studio.paint(state)
    studio.engine.failing.clear()
    assert studio.level(state) == LEVEL[0]


def test_a_network_that_fails_again_and_again_is_given_up(studio: Studio) -> None:
    state = Look(one(BANK))
    studio.stylist.prepare(state)
    studio.engine.failing.add("bank")
    before = len(studio.engine.runs)
    for _ in range(100):
        studio.paint(state)
    assert len(studio.engine.runs) - before == MAX_FAILURES
    assert "showing the camera picture instead" in studio.faults[-1]


def test_another_network_paints_while_one_is_given_up(studio: Studio) -> None:
    state, other = Look(one(BANK)), Look(one(OTHER, 1))
    studio.stylist.prepare(state)
    studio.engine.failing.add("bank")
    for _ in range(10):
        studio.paint(state)
    for _ in range(30):
        studio.paint(other)
        studio.pool.build_requested()
    assert studio.level(other) == LEVEL[1]


def test_a_fixed_scale_fixes_the_rung(studio: Studio) -> None:
    state = Look(one(BANK), scale=1.0)
    studio.stylist.prepare(state)
    studio.ms_per_megapixel = 1000
    for _ in range(60):
        studio.paint(state)
    assert studio.stylist.result.rung == Rung(640, 360)


def _settle(studio: Studio, state: Look, frames: int) -> Rung:
    for _ in range(frames):
        studio.paint(state)
        studio.pool.build_requested()
    assert studio.stylist.result.rung is not None
    return studio.stylist.result.rung


def test_a_slower_machine_is_answered_with_a_coarser_rung(studio: Studio) -> None:
    state = Look(one(BANK))
    studio.stylist.prepare(state)
    before = _settle(studio, state, 120)
    studio.ms_per_megapixel = 300
    assert _settle(studio, state, 60) < before


def test_a_faster_machine_gets_its_detail_back(studio: Studio) -> None:
    state = Look(one(BANK))
    studio.ms_per_megapixel = 400
    studio.stylist.prepare(state)
    _settle(studio, state, 30)
    studio.ms_per_megapixel = 20
    assert _settle(studio, state, 1000) == ladder(SIZE)[-1]


def test_the_published_size_never_changes_with_the_rung(studio: Studio) -> None:
    state = Look(one(BANK))
    studio.stylist.prepare(state)
    sizes = set()
    for ms in (100, 400, 50):
        studio.ms_per_megapixel = ms
        for _ in range(60):
            sizes.add(studio.paint(state).size)
            studio.pool.build_requested()
    assert sizes == {SIZE}


def test_the_hot_path_never_builds_a_session(studio: Studio) -> None:
    state = Look(one(BANK))
    studio.stylist.prepare(state)
    built = len(studio.engine.loaded)
    studio.ms_per_megapixel = 400
    for _ in range(120):
        studio.paint(state)
    assert len(studio.engine.loaded) == built
    assert studio.pool.requested


def test_the_next_coarser_rung_and_the_coarsest_are_warmed_ahead_and_no_finer_one(studio: Studio) -> None:
    state = Look(one(BANK))
    studio.stylist.prepare(state)
    studio.paint(state)
    rungs = ladder(SIZE)
    assert studio.stylist.result.rung is not None
    at = rungs.index(studio.stylist.result.rung)
    assert at >= 2
    assert {rung for _, rung in studio.pool.requested} == {rungs[0], rungs[at - 1]}


def test_when_it_must_be_quick_a_warm_rung_that_is_coarse_enough_helps_until_the_right_one_is_built(
    studio: Studio,
) -> None:
    state = Look(one(BANK))
    studio.ms_per_megapixel = 20
    studio.stylist.prepare(state)
    _settle(studio, state, 12)
    assert studio.stylist.result.rung == ladder(SIZE)[-1]
    studio.pool.capacity_megapixels = 0
    studio.pool.build(BANK, ladder(SIZE)[0])  # what is not held goes
    studio.ms_per_megapixel = 400
    shown = []
    for _ in range(20):
        studio.paint(state)
        shown.append(studio.stylist.result.rung)
    assert ladder(SIZE)[0] in shown
    wanted = studio.stylist.result.decision
    assert wanted is not None
    assert wanted.rung in {rung for _, rung in studio.pool.requested} | set(shown)


def test_what_is_painted_with_and_what_helps_in_a_hurry_is_never_let_go(studio: Studio) -> None:
    state = Look(one(BANK))
    studio.pool.capacity_megapixels = 0.05
    studio.stylist.prepare(state)
    for number in range(600):
        studio.ms_per_megapixel = 30 if number % 200 < 100 else 200
        studio.paint(state)
        studio.pool.build_requested()
        warm = {warm.rung for warm in studio.pool._ready.values()}
        assert studio.stylist.result.rung in warm
    assert ladder(SIZE)[0] in warm
    assert len(warm) <= 4


def test_of_the_networks_around_only_so_many_are_kept_as_there_is_room_for(clock: ManualClock) -> None:
    others = [model(f"other{number}") for number in range(6)]
    studio = Studio(clock, models=[BANK, *others])
    state = Look(one(BANK), scale=0.5)
    studio.pool.capacity_megapixels = 0.0
    studio.stylist.prepare(state)
    for _ in range(100):
        studio.paint(state)
        studio.pool.build_requested()
    assert {key for key, _ in studio.pool._ready} == {"bank", "other0", "other5"}
    loaded = len(studio.engine.loaded)
    for _ in range(100):
        studio.paint(state)
        studio.pool.build_requested()
    assert len(studio.engine.loaded) == loaded, "none is let go and built again"


def test_other_networks_are_warmed_ahead_so_that_a_switch_does_not_wait(clock: ManualClock) -> None:
    studio = Studio(clock, models=[BANK, OTHER])
    state = Look(one(BANK))
    studio.stylist.prepare(state)
    studio.paint(state)
    assert "other" in {network.key for network, _ in studio.pool.requested}


def test_the_governors_view_is_in_the_work_done(studio: Studio) -> None:
    state = Look(one(BANK))
    studio.stylist.prepare(state)
    studio.paint(state)
    decision = studio.stylist.result.decision
    assert decision is not None
    assert decision.predicted_ms == pytest.approx(
        decision.rung.megapixels * 100 * (decision.rung.width + 16) / decision.rung.width, rel=0.2
    )


STILL = gray_image(120, Size(320, 180))
A_WHILE = 20
"""Frames after which a still picture is believed to be still."""


def test_while_nothing_moves_the_last_painting_stays(studio: Studio) -> None:
    state = Look(one(BANK))
    studio.stylist.prepare(state)
    for _ in range(A_WHILE):
        first = studio.paint(state, STILL)
    runs = len(studio.engine.runs)
    again = studio.paint(state, STILL.copy())
    assert len(studio.engine.runs) == runs
    assert studio.stylist.result.reused
    assert studio.stylist.result.stylized
    assert np.array_equal(again.image, first.image)
    assert again.index == studio.index


def test_what_moves_is_painted(studio: Studio) -> None:
    state = Look(one(BANK))
    studio.stylist.prepare(state)
    for _ in range(A_WHILE):
        studio.paint(state, STILL)
    moved = STILL.copy()
    moved[60:120, 100:200] = 240
    runs = len(studio.engine.runs)
    studio.paint(state, moved)
    assert len(studio.engine.runs) == runs + 1
    assert not studio.stylist.result.reused


@pytest.mark.parametrize(
    "change",
    [{"strength": 0.5}, {"mix": one(BANK, 3)}, {"steadiness": 0.2}, {"mirror": True}, {"scale": 0.5}],
    ids=str,
)
def test_what_is_changed_shows_on_a_still_picture_too(studio: Studio, change: dict[str, Any]) -> None:
    state = Look(one(BANK))
    studio.stylist.prepare(state)
    for _ in range(A_WHILE):
        studio.paint(state, STILL)
    runs = len(studio.engine.runs)
    for _ in range(2):
        studio.paint(replace(state, **change), STILL)
        studio.pool.build_requested()
    assert len(studio.engine.runs) > runs


def test_a_still_picture_is_painted_as_finely_as_a_moving_one(studio: Studio) -> None:
    state = Look(one(BANK))
    studio.ms_per_megapixel = 400
    studio.stylist.prepare(state)
    _settle(studio, state, 30)
    studio.ms_per_megapixel = 20
    for _ in range(3000):
        studio.paint(state, STILL)
        studio.pool.build_requested()
    assert studio.stylist.result.rung == ladder(SIZE)[-1]


def test_detail_is_added_below_full_size(studio: Studio) -> None:
    state = Look(one(BANK), scale=0.5)
    studio.stylist.prepare(state)
    studio.paint(state)
    assert studio.stylist.result.detail
    assert "detail" in studio.stylist.stages.snapshot()


def test_what_is_painted_at_full_size_needs_no_detail(studio: Studio) -> None:
    state = Look(one(BANK), scale=1.0)
    studio.stylist.prepare(state)
    studio.paint(state)
    assert not studio.stylist.result.detail


def test_a_machine_that_is_too_slow_even_for_the_coarsest_rung_goes_without_detail(studio: Studio) -> None:
    state = Look(one(BANK))
    studio.stylist.prepare(state)
    studio.ms_per_megapixel = 5000
    _settle(studio, state, 200)
    assert studio.stylist.result.rung == ladder(SIZE)[0]
    assert not studio.stylist.result.detail


def test_an_allowance_of_processor_time_is_kept_by_a_coarser_rung(clock: ManualClock) -> None:
    free, bound = Studio(clock), Studio(clock, busy_budget_ms=8.0)
    rungs = []
    for studio in (free, bound):
        state = Look(one(BANK))
        studio.stylist.prepare(state)
        studio.engine.on_run = lambda: clock.advance(0.0, process_time=0.015)
        rungs.append(_settle(studio, state, 200))
    assert rungs[1] < rungs[0]
