"""Tests of FrameStylizer: the size of its results, switches, the governor, failures and still pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stylecam.errors import EngineError
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.testing import gray_image
from stylecam.models.brush import StrokeScales
from stylecam.models.model import Model
from stylecam.models.style_mix import StyleMix
from stylecam.stylize.frame_stylizer import PADDING, FrameStylizer, run_session
from stylecam.stylize.governor import Rung, ladder
from stylecam.stylize.look import Content, Look
from stylecam.stylize.network_failures import MAX_FAILURES
from stylecam.stylize.rung_memory import RungMemory
from stylecam.stylize.styled_frame import StyledFrame, StylizeResult
from stylecam.utils.clock import ManualClock
from stylecam.utils.metrics import StageTimes
from tests.doubles import ManualSessionPool, TintEngine, model

SIZE = Size(640, 360)
FPS = 30.0
SECONDS = 6
"""How long a run lasts whose rung is remembered."""
CARD_LEVEL = 7
"""The grey level that stands for the card before the first picture."""


@pytest.fixture(autouse=True)
def warm_up_times_on_the_manual_clock(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure warm-up runs on the manual clock."""
    monkeypatch.setattr("stylecam.stylize.session_pool.time", SimpleNamespace(perf_counter=clock.now))


def only(network: Model, index: int = 0) -> StyleMix:
    weights = network.one_hot(index)
    return StyleMix(network, weights, f"{network.key}{index}")


PAIRED = replace(model("paired", 2), stroke_scales=StrokeScales(340, 860))
"""A bank with rows for fine and for broad strokes."""


class ManualStylizer:
    """A `FrameStylizer` with an engine of known cost, a manual clock, and sessions built when the test says so."""

    def __init__(
        self,
        clock: ManualClock,
        ms_per_megapixel: float = 100.0,
        models: Sequence[Model] = (),
        *,
        busy_budget_ms: float = math.inf,
        memory: RungMemory | None = None,
    ) -> None:
        self.clock = clock
        self.engine = TintEngine(clock, lambda megapixels: megapixels * self.ms_per_megapixel)
        self.ms_per_megapixel = ms_per_megapixel
        self.pool = ManualSessionPool(self.engine, PADDING)
        self.faults: list[str] = []
        self.frame_stylizer = FrameStylizer(
            self.pool,
            SIZE,
            FPS,
            clock,
            lambda kind, text: self.faults.append(text),
            models,
            busy_budget_ms=busy_budget_ms,
            memory=memory,
        )
        self.index = -1
        self.styled: StyledFrame | None = None
        self.shown = Frame(gray_image(CARD_LEVEL, SIZE), -1, 0.0)

    def prepare(self, look: Look) -> None:
        self.frame_stylizer.prepare(look)

    @property
    def result(self) -> StylizeResult:
        return self.frame_stylizer.result

    @property
    def stages(self) -> StageTimes:
        return self.frame_stylizer.stages

    def stylize(self, look: Look, image: Image | None = None) -> Frame:
        """Stylize a camera frame, one frame period after the last; without `image` a bright one with motion.

        Returns the new picture, or the one before if there is none; at first a card.
        """
        self.clock.advance(1 / FPS)
        self.index += 1
        self.styled = self.frame_stylizer.stylize(
            Frame(self.moving_image() if image is None else image, self.index, self.clock.now()), look
        )
        if self.styled is not None:
            self.shown = self.styled.frame
        return self.shown

    def moving_image(self) -> Image:
        """Return a white image with a dark patch in the lower left or right corner."""
        image = gray_image(255, Size(320, 180))
        image[140:, :40] = 0
        return image if self.index % 2 else np.ascontiguousarray(image[:, ::-1])

    def level(self, look: Look) -> int:
        return int(self.stylize(look).image[180, 320, 0])


@pytest.fixture
def stylizer(clock: ManualClock) -> ManualStylizer:
    return ManualStylizer(clock)


BANK = model("bank", 4)
OTHER = model("other", 2)
BROKEN = model("broken")
LEVEL = {i: 51 * (i + 1) for i in range(4)}


def test_a_frame_is_stylized_at_the_output_size(stylizer: ManualStylizer) -> None:
    look = Look(only(BANK, 2))
    stylizer.prepare(look)
    styled = stylizer.stylize(look)
    assert styled.size == SIZE
    assert styled.image[100, 100, 0] == LEVEL[2]


def test_a_stylized_frame_keeps_its_index_and_capture_time(stylizer: ManualStylizer) -> None:
    look = Look(only(BANK))
    stylizer.prepare(look)
    styled = stylizer.stylize(look)
    assert styled.index == 0
    assert styled.captured_at < stylizer.clock.now()


def test_the_first_frame_is_stylized(stylizer: ManualStylizer) -> None:
    look = Look(only(BANK))
    stylizer.prepare(look)
    stylizer.stylize(look)
    assert stylizer.result.stylized


def test_the_network_gets_the_rung_with_padding_around_it(stylizer: ManualStylizer) -> None:
    look = Look(only(BANK), scale=0.5)
    stylizer.prepare(look)
    stylizer.stylize(look)
    assert stylizer.result.rung == Rung(320, 184) or stylizer.result.rung == Rung(320, 176)
    assert stylizer.result.rung is not None
    assert stylizer.engine.loaded[-1][1:] == (
        stylizer.result.rung.width + 2 * PADDING,
        stylizer.result.rung.height + 2 * PADDING,
    )


@pytest.mark.parametrize("look", [Look(None), Look(only(BANK), strength=0.0)])
def test_without_a_style_the_camera_picture_is_passed_through(stylizer: ManualStylizer, look: Look) -> None:
    assert stylizer.level(look) == 255
    assert stylizer.styled is not None
    assert stylizer.styled.content is Content.RAW
    assert not stylizer.result.stylized
    assert stylizer.engine.runs == []


def test_a_bypassed_picture_has_the_output_size(stylizer: ManualStylizer) -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    image[220:260, 300:340] = 255
    output = stylizer.stylize(Look(None), image)
    assert output.size == SIZE


def test_half_strength_blends_camera_and_styled_picture(stylizer: ManualStylizer) -> None:
    look = Look(only(BANK), strength=0.5)
    stylizer.prepare(look)
    assert stylizer.level(look) == pytest.approx((255 + LEVEL[0]) / 2, abs=1)


def test_mirroring_exchanges_left_and_right(stylizer: ManualStylizer) -> None:
    image = np.zeros((180, 320, 3), np.uint8)
    image[:, :160] = 255
    output = stylizer.stylize(Look(None, mirror=True), image).image
    assert (output[0, 0, 0], output[0, -1, 0]) == (0, 255)


def test_at_half_strength_the_mirrored_camera_is_blended_in(stylizer: ManualStylizer) -> None:
    image = np.zeros((180, 320, 3), np.uint8)
    image[:, :160] = 255
    look = Look(only(BANK), strength=0.5, mirror=True)
    stylizer.prepare(look)
    output = stylizer.stylize(look, image).image
    assert output[0, 0, 0] < output[0, -1, 0]


def test_the_cameras_array_is_never_written_to(stylizer: ManualStylizer) -> None:
    look = Look(only(BANK), strength=0.7, mirror=True)
    stylizer.prepare(look)
    image = gray_image(77, SIZE)
    image.flags.writeable = False
    stylizer.stylize(look, image)
    assert image.min() == image.max() == 77


def test_without_a_warm_session_there_is_no_picture(stylizer: ManualStylizer) -> None:
    stylizer.stylize(Look(only(BANK)))
    assert stylizer.styled is None


def test_stylizing_begins_once_the_session_is_warm(stylizer: ManualStylizer) -> None:
    look = Look(only(BANK, 1))
    stylizer.stylize(look)
    stylizer.pool.build_requested()
    stylizer.stylize(look)
    stylizer.pool.build_requested()
    assert stylizer.level(look) == LEVEL[1]


def test_a_switch_within_a_bank_shows_in_the_next_frame(stylizer: ManualStylizer) -> None:
    first, second = Look(only(BANK, 0)), Look(only(BANK, 3))
    stylizer.prepare(first)
    stylizer.stylize(first)
    assert LEVEL[0] < stylizer.level(second) < LEVEL[3]


def test_a_switch_within_a_bank_is_gradual_and_complete(stylizer: ManualStylizer) -> None:
    first, second = Look(only(BANK, 0)), Look(only(BANK, 3))
    stylizer.prepare(first)
    stylizer.stylize(first)
    levels = [stylizer.level(second) for _ in range(15)]
    assert levels == sorted(levels)
    assert levels[-1] == LEVEL[3]


def test_a_switch_to_a_warm_network_cross_fades(clock: ManualClock) -> None:
    stylizer = ManualStylizer(clock, models=[BANK, OTHER])
    stylizer.engine.levels["other"] = (0.9, 0.8)
    first, second = Look(only(BANK, 0)), Look(only(OTHER, 0))
    stylizer.prepare(first)
    for _ in range(40):
        stylizer.stylize(first)
        stylizer.pool.build_requested()
    levels = [stylizer.level(second) for _ in range(20)]
    assert LEVEL[0] < levels[0] < round(0.9 * 255)
    assert levels[-1] == round(0.9 * 255)


def test_nothing_fades_in_over_a_painting_that_was_forgotten(clock: ManualClock) -> None:
    stylizer = ManualStylizer(clock, models=[BANK, OTHER])
    stylizer.engine.levels["other"] = (0.9, 0.8)
    stylizer.prepare(Look(only(BANK, 0)))
    for _ in range(40):
        stylizer.stylize(Look(only(BANK, 0)))
        stylizer.pool.build_requested()
    stylizer.frame_stylizer.forget()
    assert stylizer.level(Look(only(OTHER, 0))) == round(0.9 * 255)


def test_a_switch_to_a_cold_network_uses_the_old_one_until_it_is_warm(stylizer: ManualStylizer) -> None:
    first, second = Look(only(BANK, 0)), Look(only(OTHER, 1))
    stylizer.prepare(first)
    stylizer.stylize(first)
    meanwhile = [stylizer.level(second) for _ in range(5)]
    stylizer.pool.build_requested()
    later = [stylizer.level(second) for _ in range(30)]
    stylizer.pool.build_requested()
    assert meanwhile == [LEVEL[0]] * 5
    assert later[-1] == LEVEL[1]


def test_after_a_bypass_the_style_is_back_at_once(stylizer: ManualStylizer) -> None:
    look = Look(only(BANK, 2))
    stylizer.prepare(look)
    stylizer.stylize(look)
    stylizer.stylize(replace(look, strength=0.0))
    assert stylizer.level(look) == LEVEL[2]


def test_a_network_that_cannot_be_loaded_is_reported_once_per_rung(stylizer: ManualStylizer) -> None:
    stylizer.engine.unloadable.add("broken")
    first, second = Look(only(BANK, 0)), Look(only(BROKEN))
    stylizer.prepare(first)
    for _ in range(40):  # less than the pause before the next attempt
        stylizer.stylize(second)
        stylizer.pool.build_requested()
    assert set(stylizer.faults) == {"broken cannot be loaded"}
    assert len(stylizer.faults) <= len(ladder(SIZE))


def test_while_the_selected_network_is_broken_the_last_picture_stays(stylizer: ManualStylizer) -> None:
    stylizer.engine.unloadable.add("broken")
    first, second = Look(only(BANK, 1)), Look(only(BROKEN))
    stylizer.prepare(first)
    stylizer.stylize(first)
    for _ in range(3 * len(ladder(SIZE))):
        stylizer.stylize(second)
        stylizer.pool.build_requested()
    assert stylizer.level(second) == LEVEL[1]


def test_at_the_start_a_broken_network_is_an_error(stylizer: ManualStylizer) -> None:
    stylizer.engine.unloadable.add("broken")
    with pytest.raises(EngineError, match="broken cannot be loaded"):
        stylizer.prepare(Look(only(BROKEN)))


def test_a_network_that_fails_on_a_frame_is_reported_and_gives_no_picture(stylizer: ManualStylizer) -> None:
    look = Look(only(BANK))
    stylizer.prepare(look)
    stylizer.engine.failing.add("bank")
    assert stylizer.level(look) == CARD_LEVEL
    assert stylizer.styled is None
    assert stylizer.faults == ["bank does not run"]


def test_a_network_that_recovers_is_used_again(stylizer: ManualStylizer) -> None:
    look = Look(only(BANK))
    stylizer.prepare(look)
    stylizer.engine.failing.add("bank")
    stylizer.stylize(look)
    stylizer.engine.failing.clear()
    assert stylizer.level(look) == LEVEL[0]


def test_a_network_that_fails_repeatedly_is_no_longer_run(stylizer: ManualStylizer) -> None:
    look = Look(only(BANK))
    stylizer.prepare(look)
    stylizer.engine.failing.add("bank")
    before = len(stylizer.engine.runs)
    for _ in range(100):
        stylizer.stylize(look)
    assert len(stylizer.engine.runs) - before == MAX_FAILURES
    assert stylizer.faults[-1] == "bank.onnx has failed 3 times; it is tried again later"


def test_another_network_is_used_after_one_has_failed_repeatedly(stylizer: ManualStylizer) -> None:
    look, other = Look(only(BANK)), Look(only(OTHER, 1))
    stylizer.prepare(look)
    stylizer.engine.failing.add("bank")
    for _ in range(10):
        stylizer.stylize(look)
    for _ in range(30):
        stylizer.stylize(other)
        stylizer.pool.build_requested()
    assert stylizer.level(other) == LEVEL[1]


def test_a_fixed_scale_fixes_the_rung(stylizer: ManualStylizer) -> None:
    look = Look(only(BANK), scale=1.0)
    stylizer.prepare(look)
    stylizer.ms_per_megapixel = 1000
    for _ in range(60):
        stylizer.stylize(look)
    assert stylizer.result.rung == Rung(640, 360)


def _settle(stylizer: ManualStylizer, look: Look, frames: int) -> Rung:
    for _ in range(frames):
        stylizer.stylize(look)
        stylizer.pool.build_requested()
    assert stylizer.result.rung is not None
    return stylizer.result.rung


def _climbs(stylizer: ManualStylizer, look: Look, frames: int, image: Image | None = None) -> Rung | None:
    """Stylize at most so many frames, until it is at the finest rung; return the rung."""
    for _ in range(frames):
        stylizer.stylize(look, image)
        stylizer.pool.build_requested()
        if stylizer.result.rung == ladder(SIZE)[-1]:
            break
    return stylizer.result.rung


def test_a_slower_machine_gets_a_coarser_rung(stylizer: ManualStylizer) -> None:
    look = Look(only(BANK))
    stylizer.prepare(look)
    before = _settle(stylizer, look, 120)
    stylizer.ms_per_megapixel = 300
    assert _settle(stylizer, look, 60) < before


def test_a_faster_machine_gets_the_finest_rung(stylizer: ManualStylizer) -> None:
    look = Look(only(BANK))
    stylizer.ms_per_megapixel = 400
    stylizer.prepare(look)
    _settle(stylizer, look, 30)
    stylizer.ms_per_megapixel = 20
    assert _climbs(stylizer, look, 1000) == ladder(SIZE)[-1]


def test_the_next_run_begins_at_the_rung_that_this_one_held(clock: ManualClock, tmp_path: Path) -> None:
    look = Look(mix=only(BANK))
    rungs: list[dict[float, Rung]] = []
    for _ in range(2):
        memory = RungMemory(tmp_path / "rungs.json", {"size": list(SIZE)})
        stylizer = ManualStylizer(clock, 150.0, memory=memory)
        stylizer.prepare(look)
        at: dict[float, Rung] = {}
        for number in range(SECONDS * round(FPS)):
            stylizer.stylize(look)
            stylizer.pool.build_requested()
            if stylizer.result.rung is not None:
                at[number / FPS] = stylizer.result.rung
        memory.save()
        rungs.append(at)
    steps, last = ladder(SIZE), SECONDS - 1 / FPS
    first, second = rungs
    assert steps.index(first[last]) - steps.index(first[0]) > 1, "the first run had nothing to climb"
    assert abs(steps.index(second[2.0]) - steps.index(second[last])) <= 1
    assert second[0] == first[last]


def test_a_large_brush_does_not_make_the_next_run_begin_coarsely(clock: ManualClock) -> None:
    memory = RungMemory()
    stylizer = ManualStylizer(clock, 10.0, memory=memory)
    for brush in (1.0, 2.0):
        look = Look(mix=only(PAIRED), brush=brush)
        for _ in range(SECONDS * round(FPS)):
            stylizer.stylize(look)
            stylizer.pool.build_requested()
        assert memory.recall(PAIRED) == Rung.at(SIZE, 1.0)
    assert stylizer.result.rung is not None
    assert stylizer.result.rung < Rung.at(SIZE, 1.0)


def test_the_published_size_never_changes_with_the_rung(stylizer: ManualStylizer) -> None:
    look = Look(only(BANK))
    stylizer.prepare(look)
    sizes = set()
    for ms in (100, 400, 50):
        stylizer.ms_per_megapixel = ms
        for _ in range(60):
            sizes.add(stylizer.stylize(look).size)
            stylizer.pool.build_requested()
    assert sizes == {SIZE}


def test_the_frame_path_never_builds_a_session(stylizer: ManualStylizer) -> None:
    look = Look(only(BANK))
    stylizer.prepare(look)
    built = len(stylizer.engine.loaded)
    stylizer.ms_per_megapixel = 400
    for _ in range(120):
        stylizer.stylize(look)
    assert len(stylizer.engine.loaded) == built
    assert stylizer.pool.requested


def test_the_next_coarser_rung_and_the_coarsest_are_warmed_ahead_and_no_finer_one(stylizer: ManualStylizer) -> None:
    look = Look(only(BANK))
    stylizer.prepare(look)
    stylizer.stylize(look)
    rungs = ladder(SIZE)
    assert stylizer.result.rung is not None
    at = rungs.index(stylizer.result.rung)
    assert at >= 2
    assert {rung for _, rung in stylizer.pool.requested} == {rungs[0], rungs[at - 1]}


def test_after_a_slowdown_a_warm_coarser_rung_is_used_until_the_chosen_one_is_built(
    stylizer: ManualStylizer,
) -> None:
    look = Look(only(BANK))
    stylizer.ms_per_megapixel = 20
    stylizer.prepare(look)
    _settle(stylizer, look, 12)
    assert stylizer.result.rung == ladder(SIZE)[-1]
    stylizer.pool.capacity_megapixels = 0
    stylizer.pool.build(BANK, ladder(SIZE)[0])  # drops the other sessions
    stylizer.ms_per_megapixel = 400
    output = []
    for _ in range(20):
        stylizer.stylize(look)
        output.append(stylizer.result.rung)
    assert ladder(SIZE)[0] in output
    decision = stylizer.result.decision
    assert decision is not None
    assert decision.rung in {rung for _, rung in stylizer.pool.requested} | set(output)


def test_the_current_and_the_coarsest_rung_are_never_dropped(stylizer: ManualStylizer) -> None:
    look = Look(only(BANK))
    stylizer.pool.capacity_megapixels = 0.05
    stylizer.prepare(look)
    for number in range(300):
        stylizer.ms_per_megapixel = 30 if number % 100 < 50 else 200
        stylizer.stylize(look)
        stylizer.pool.build_requested()
        warm = {warm.rung for warm in stylizer.pool._ready.values()}
        assert stylizer.result.rung in warm
    assert ladder(SIZE)[0] in warm
    assert len(warm) <= 4


def test_only_the_neighboring_networks_are_kept_when_capacity_is_short(clock: ManualClock) -> None:
    others = [model(f"other{number}") for number in range(6)]
    stylizer = ManualStylizer(clock, models=[BANK, *others])
    look = Look(only(BANK), scale=0.5)
    stylizer.pool.capacity_megapixels = 0.0
    stylizer.prepare(look)
    for _ in range(100):
        stylizer.stylize(look)
        stylizer.pool.build_requested()
    assert {key for key, _ in stylizer.pool._ready} == {"bank", "other0", "other5"}
    loaded = len(stylizer.engine.loaded)
    for _ in range(100):
        stylizer.stylize(look)
        stylizer.pool.build_requested()
    assert len(stylizer.engine.loaded) == loaded, "none is let go and built reused"


def test_other_networks_are_warmed_ahead(clock: ManualClock) -> None:
    stylizer = ManualStylizer(clock, models=[BANK, OTHER])
    look = Look(only(BANK))
    stylizer.prepare(look)
    stylizer.stylize(look)
    assert "other" in {network.key for network, _ in stylizer.pool.requested}


def test_the_result_holds_the_governors_decision(stylizer: ManualStylizer) -> None:
    look = Look(only(BANK))
    stylizer.prepare(look)
    stylizer.stylize(look)
    decision = stylizer.result.decision
    assert decision is not None
    assert decision.predicted_ms == pytest.approx(
        decision.rung.megapixels * 100 * (decision.rung.width + 16) / decision.rung.width, rel=0.2
    )


STILL = gray_image(120, Size(320, 180))
FRAMES_UNTIL_STILL = 20
"""The number of equal frames after which a picture counts as still."""


def test_while_nothing_moves_the_last_result_is_reused(stylizer: ManualStylizer) -> None:
    look = Look(only(BANK))
    stylizer.prepare(look)
    for _ in range(FRAMES_UNTIL_STILL):
        first = stylizer.stylize(look, STILL)
    runs = len(stylizer.engine.runs)
    reused = stylizer.stylize(look, STILL.copy())
    assert len(stylizer.engine.runs) == runs
    assert stylizer.result.reused
    assert stylizer.result.stylized
    assert np.array_equal(reused.image, first.image)
    assert reused.index == stylizer.index


def test_motion_is_stylized(stylizer: ManualStylizer) -> None:
    look = Look(only(BANK))
    stylizer.prepare(look)
    for _ in range(FRAMES_UNTIL_STILL):
        stylizer.stylize(look, STILL)
    moved = STILL.copy()
    moved[60:120, 100:200] = 240
    runs = len(stylizer.engine.runs)
    stylizer.stylize(look, moved)
    assert len(stylizer.engine.runs) == runs + 1
    assert not stylizer.result.reused


@pytest.mark.parametrize(
    "change",
    [{"strength": 0.5}, {"mix": only(BANK, 3)}, {"steadiness": 0.2}, {"mirror": True}, {"scale": 0.5}],
    ids=str,
)
def test_a_changed_look_shows_on_a_still_picture_too(stylizer: ManualStylizer, change: dict[str, Any]) -> None:
    look = Look(only(BANK))
    stylizer.prepare(look)
    for _ in range(FRAMES_UNTIL_STILL):
        stylizer.stylize(look, STILL)
    runs = len(stylizer.engine.runs)
    for _ in range(2):
        stylizer.stylize(replace(look, **change), STILL)
        stylizer.pool.build_requested()
    assert len(stylizer.engine.runs) > runs


def test_a_still_picture_reaches_the_same_rung_as_a_moving_one(stylizer: ManualStylizer) -> None:
    look = Look(only(BANK))
    stylizer.ms_per_megapixel = 400
    stylizer.prepare(look)
    _settle(stylizer, look, 30)
    stylizer.ms_per_megapixel = 20
    assert _climbs(stylizer, look, 3000, STILL) == ladder(SIZE)[-1]


def test_detail_is_added_below_full_size(stylizer: ManualStylizer) -> None:
    look = Look(only(BANK), scale=0.5)
    stylizer.prepare(look)
    stylizer.stylize(look)
    assert stylizer.result.detail
    assert "detail" in stylizer.stages.snapshot()


def test_no_detail_is_added_at_full_size(stylizer: ManualStylizer) -> None:
    look = Look(only(BANK), scale=1.0)
    stylizer.prepare(look)
    stylizer.stylize(look)
    assert not stylizer.result.detail


def test_a_machine_too_slow_for_the_coarsest_rung_gets_no_detail(stylizer: ManualStylizer) -> None:
    look = Look(only(BANK))
    stylizer.prepare(look)
    stylizer.ms_per_megapixel = 5000
    _settle(stylizer, look, 200)
    assert stylizer.result.rung == ladder(SIZE)[0]
    assert not stylizer.result.detail


def test_a_cpu_budget_leads_to_a_coarser_rung(clock: ManualClock) -> None:
    unlimited, limited = ManualStylizer(clock), ManualStylizer(clock, busy_budget_ms=8.0)
    rungs = []
    for stylizer in (unlimited, limited):
        look = Look(only(BANK))
        stylizer.prepare(look)
        stylizer.engine.on_run = lambda: clock.advance(0.0, process_time=0.015)
        rungs.append(_settle(stylizer, look, 200))
    assert rungs[1] < rungs[0]


@pytest.mark.parametrize("scale", [0.6, 0.75, 1.0])
def test_a_finer_rung_is_painted_with_broader_strokes(scale: float, stylizer: ManualStylizer) -> None:
    look = Look(mix=only(PAIRED), scale=scale)
    stylizer.prepare(look)
    stylizer.stylize(look)
    fine, broad, *others = stylizer.engine.runs[-1][1]
    assert broad == pytest.approx(StrokeScales(340, 860).broad_share(round(360 * scale / 8) * 8))
    assert fine + broad == pytest.approx(1)
    assert others == [0, 0]


def test_the_brush_changes_the_strokes_within_some_frames(stylizer: ManualStylizer) -> None:
    look = Look(mix=only(PAIRED), scale=1.0)
    stylizer.prepare(look)
    stylizer.stylize(look)
    for _ in range(12):
        stylizer.stylize(replace(look, brush=1.5))
    shares = [weights[1] for _, weights in stylizer.engine.runs[-13:]]
    assert shares[0] < shares[1] < shares[-1]
    assert shares[-1] == pytest.approx(StrokeScales(340, 860).broad_share(360, 1.5))


@pytest.mark.parametrize(
    ("network", "brush", "finest"),
    [(PAIRED, 1.0, 360), (PAIRED, 2.0, 230), (model("single"), 2.0, 180), (model("bank", 3), 2.0, 360)],
    ids=lambda value: getattr(value, "key", str(value)),
)
def test_no_rung_is_finer_than_the_strokes_allow(
    network: Model, brush: float, finest: int, stylizer: ManualStylizer
) -> None:
    stylizer.ms_per_megapixel = 1.0
    look = Look(mix=only(network), brush=brush)
    stylizer.prepare(look)
    for _ in range(200):
        stylizer.stylize(look)
        stylizer.pool.build_requested()
    rung = stylizer.result.rung
    assert rung is not None
    assert rung.height == max(each.height for each in ladder(SIZE) if each.height <= finest)


def test_a_session_of_two_styles_paints_each_where_the_mask_says() -> None:
    bank = model("bank", 2)
    session = TintEngine().session(replace(bank, key="bank.two", bank=bank), 64 + 2 * PADDING, 48 + 2 * PADDING)
    mask = np.zeros((48, 64), np.uint8)
    mask[:, :32] = 255
    painted = run_session(session, gray_image(0, Size(64, 48)), (1.0, 0.0, 0.0, 1.0), mask)
    assert painted.shape == (48, 64, 3)
    assert [{*painted[:, side].ravel()} for side in (np.s_[:32], np.s_[32:])] == [{51}, {102}]
