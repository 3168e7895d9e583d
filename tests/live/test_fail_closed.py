"""Whatever fails, nobody sees the bare camera picture while the look asks for a painting."""

from __future__ import annotations

import random
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stylecam.errors import EngineRunError, SourceLostError
from stylecam.media.frame import Image, Size
from stylecam.media.overlays import panic_cover, starting_cover, with_badge
from stylecam.media.transforms import Tensor
from stylecam.stylize.network_failures import MAX_FAILURES, PAUSES_S
from stylecam.stylize.postprocess.temporal_filter import TemporalFilter
from tests.doubles import TintEngine
from tests.live.fault_fixtures import (
    RAW_LIMIT,
    FaultyPipeline,
    RunFault,
    broken_result,
    camera_picture,
    camera_share,
    is_warming_up,
    wrong_shape,
)
from tests.live.fixtures import FPS, SIZE

PAINTED = 51
"""The grey level that both networks paint."""


def frames(seconds: float) -> int:
    return round(seconds * FPS)


# What the measure of these tests can tell apart


@pytest.mark.parametrize("number", range(4))
def test_the_measure_finds_the_camera_picture_however_it_is_shown(number: int) -> None:
    raw = camera_picture(number)
    small = cv2.resize(camera_picture(number, Size(64, 48)), SIZE, interpolation=cv2.INTER_LINEAR)
    assert camera_share(raw) == pytest.approx(1, abs=0.01)
    assert camera_share(np.ascontiguousarray(raw[:, ::-1])) == pytest.approx(1, abs=0.01)
    assert camera_share(np.asarray(small, np.uint8)) > 0.5
    assert camera_share(with_badge(raw, "camera lost")) > 0.6
    faded = np.asarray(cv2.addWeighted(raw, 0.2, np.full_like(raw, PAINTED), 0.8, 0), np.uint8)
    assert camera_share(faded) > 1.5 * RAW_LIMIT


@pytest.mark.parametrize(
    "image",
    [
        starting_cover(SIZE),
        panic_cover(SIZE),
        panic_cover(SIZE, "the painting has stopped"),
        np.full((SIZE.height, SIZE.width, 3), PAINTED, np.uint8),
        with_badge(np.full((SIZE.height, SIZE.width, 3), PAINTED, np.uint8), "camera lost"),
    ],
    ids=["starting", "panic", "message", "painting", "badge"],
)
def test_the_measure_finds_no_camera_picture_in_cards_and_paintings(image: Image) -> None:
    assert camera_share(image) < 0.6 * RAW_LIMIT


# Faults of networks


def run_error(*_: object) -> Tensor | None:
    raise EngineRunError("the network does not run")


def on_frames(fault: RunFault) -> RunFault:
    """Let a network pass its warm-up and fail on frames."""
    return lambda image, shape: None if is_warming_up(image) else fault(image, shape)


def times(count: int, fault: RunFault) -> RunFault:
    """Let a network fail only the first `count` times."""
    left = [count]

    def run(image: Image, shape: tuple[int, ...]) -> Tensor | None:
        left[0] -= 1
        return fault(image, shape) if left[0] >= 0 else None

    return run


def raising(error: Exception) -> RunFault:
    def run(*_: object) -> Tensor | None:
        raise error

    return run


RUN_FAULTS: dict[str, RunFault] = {
    "run error": run_error,
    "run error on frames only": on_frames(run_error),
    "no memory": raising(MemoryError()),
    "error of the library": raising(cv2.error("out of resources")),
    "error of numpy": raising(ValueError("operands could not be broadcast")),
    "a spot of NaN": broken_result(float("nan")),
    "a spot of infinity": broken_result(float("inf")),
    "all NaN": lambda _, shape: np.full(shape, np.nan, np.float32),
    "wrong shape": wrong_shape,
    "wrong shape on frames only": on_frames(wrong_shape),
}


@pytest.mark.parametrize("fault", RUN_FAULTS.values(), ids=RUN_FAULTS)
def test_a_network_that_fails_for_ever_leaves_the_last_painting_and_a_notice(fault: RunFault) -> None:
    pipeline = FaultyPipeline()
    pipeline.step(10)
    pipeline.engine.run_faults["a"] = fault
    pipeline.step(20)
    pipeline.pass_time(PAUSES_S[0])
    assert pipeline.leaks == []
    assert (pipeline.level, pipeline.publishing) == (PAINTED, "covered")
    assert pipeline.notice is not None
    assert "the painting has stopped" in pipeline.notice
    assert pipeline.pipeline.report().frames.faults.by_kind["engine"] >= MAX_FAILURES


@pytest.mark.parametrize("fault", RUN_FAULTS.values(), ids=RUN_FAULTS)
@pytest.mark.parametrize("count", [1, MAX_FAILURES])
def test_after_a_network_has_failed_it_paints_again_and_the_notice_is_gone(count: int, fault: RunFault) -> None:
    pipeline = FaultyPipeline()
    pipeline.step(10)
    pipeline.engine.run_faults["a"] = times(count, fault)
    pipeline.step(20)
    pipeline.pass_time(PAUSES_S[0])
    assert pipeline.leaks == []
    assert (pipeline.publishing, pipeline.notice) == ("painted", None)
    assert pipeline.sink.frames[-1].index > 30


def test_one_failed_run_holds_the_painting_for_one_frame() -> None:
    pipeline = FaultyPipeline()
    pipeline.step(10)
    pipeline.engine.run_faults["a"] = times(1, run_error)
    pipeline.step()
    assert pipeline.sink.frames[-1].index == 9
    pipeline.step()
    assert pipeline.sink.frames[-1].index == 11
    assert pipeline.notice is None


def test_a_network_that_rests_is_tried_again_with_growing_pauses_and_the_attempts_are_counted() -> None:
    pipeline = FaultyPipeline()
    pipeline.step(10)
    pipeline.engine.run_faults["a"] = on_frames(run_error)
    counts = []
    for pause_s in (*PAUSES_S[:4], PAUSES_S[0]):
        pipeline.step(30)
        pipeline.pass_time(pause_s)
        counts.append(pipeline.pipeline.report().network_retries)
    assert counts == [1, 2, 3, 4, 4]
    assert pipeline.leaks == []


def test_a_network_that_is_selected_again_is_tried_at_once() -> None:
    pipeline = FaultyPipeline()
    pipeline.step(10)
    pipeline.engine.run_faults["a"] = run_error
    pipeline.step(frames(1))
    pipeline.engine.heal()
    pipeline.press("select:a")
    pipeline.step(4)
    assert (pipeline.publishing, pipeline.notice) == ("painted", None)
    assert pipeline.pipeline.report().network_retries == 1


def test_a_broken_network_that_is_chosen_lets_the_style_before_go_on() -> None:
    pipeline = FaultyPipeline()
    pipeline.engine.load_faults["b"] = EngineRunError("b cannot be loaded")
    pipeline.step(10)
    pipeline.press("select:b")
    pipeline.step(frames(1))
    assert pipeline.leaks == []
    assert (pipeline.publishing, pipeline.notice) == ("painted", "b cannot be painted (b cannot be loaded); a goes on")
    assert pipeline.sink.frames[-1].index > 20


@pytest.mark.parametrize("fault", RUN_FAULTS.values(), ids=RUN_FAULTS)
def test_a_network_that_fails_after_a_switch_lets_the_style_before_go_on(fault: RunFault) -> None:
    pipeline = FaultyPipeline()
    pipeline.step(10)
    pipeline.press("select:b")
    pipeline.step(10)
    pipeline.engine.run_faults["b"] = fault
    pipeline.step(30)
    assert pipeline.leaks == []
    assert pipeline.publishing == "painted"
    assert pipeline.notice is not None
    assert pipeline.notice.startswith("b cannot be painted")
    pipeline.engine.heal()
    pipeline.pass_time(PAUSES_S[0])
    assert pipeline.notice is None


@pytest.mark.parametrize("error", [MemoryError(), EngineRunError("damaged"), cv2.error("no"), ValueError("no")])
def test_from_the_plain_camera_to_a_network_that_cannot_be_loaded_there_is_a_card(error: Exception) -> None:
    pipeline = FaultyPipeline(style="none")
    pipeline.engine.load_faults["a"] = pipeline.engine.load_faults["b"] = error
    pipeline.step(10)
    assert camera_share(pipeline.sink.frames[-1].image) > 0.9
    pipeline.press("select:b")
    pipeline.step(frames(2))
    assert pipeline.leaks == []
    assert (pipeline.publishing, pipeline.sink.frames[-1].image.mean() < 60) == ("covered", True)
    assert pipeline.notice is not None
    assert "the painting has stopped" in pipeline.notice


def test_from_the_plain_camera_to_a_network_that_loads_slowly_there_is_a_card() -> None:
    pipeline = FaultyPipeline(style="none")
    pipeline.step(10, build=False)
    pipeline.press("select:b")
    pipeline.step(frames(3), build=False)
    assert pipeline.leaks == []
    assert pipeline.publishing == "covered"
    pipeline.step(3)
    assert pipeline.publishing == "painted"


def test_a_first_network_that_loads_slowly_leaves_the_starting_card() -> None:
    pipeline = FaultyPipeline(prepared=False)
    pipeline.step(frames(3), build=False)
    assert pipeline.leaks == []
    assert (pipeline.sink.frames[-1].index, pipeline.publishing) == (-1, "covered")
    pipeline.step(3)
    assert pipeline.publishing == "painted"


@pytest.mark.parametrize("fault", RUN_FAULTS.values(), ids=RUN_FAULTS)
def test_a_network_that_fails_at_one_size_goes_on_at_the_size_before(fault: RunFault) -> None:
    pipeline = FaultyPipeline()
    pipeline.press("scale:1")
    pipeline.step(10)
    only_small = lambda image, shape: fault(image, shape) if shape[2] < 96 + 16 else None  # noqa: E731
    pipeline.engine.run_faults["a"] = on_frames(only_small)
    pipeline.press("scale:0.5")
    pipeline.step(30)
    assert pipeline.leaks == []
    assert (pipeline.level, pipeline.publishing) == (PAINTED, "painted")
    assert pipeline.sink.frames[-1].index > 35


def test_a_network_that_fails_at_the_size_that_slowness_asks_for_goes_on_at_the_size_before() -> None:
    pipeline = FaultyPipeline()
    pipeline.step(30)
    assert pipeline.stylizer.result.rung is not None
    height = pipeline.stylizer.result.rung.height + 16
    coarser: RunFault = lambda image, shape: run_error() if shape[2] < height else None  # noqa: E731
    pipeline.engine.run_faults["a"] = on_frames(coarser)
    pipeline.engine.cost_ms = lambda megapixels: 4000 * megapixels
    pipeline.step(frames(2))
    assert pipeline.leaks == []
    assert pipeline.publishing == "painted"


def test_a_network_that_the_engine_cannot_run_is_painted_by_the_fallback() -> None:
    pipeline = FaultyPipeline(fallback=TintEngine())
    pipeline.step(10)
    pipeline.engine.run_faults["a"] = on_frames(run_error)
    pipeline.step(30)
    pipeline.pass_time(PAUSES_S[0])
    assert pipeline.leaks == []
    assert (pipeline.publishing, pipeline.notice) == ("painted", None)


def failing_filter(error: Exception) -> Callable[..., Image]:
    def apply(*_: object) -> Image:
        raise error

    return apply


@pytest.mark.parametrize("error", [cv2.error("bad size"), MemoryError(), ValueError("shapes differ")], ids=repr)
def test_an_error_in_the_work_on_the_painting_holds_the_last_one(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = FaultyPipeline()
    pipeline.step(10)
    with monkeypatch.context() as patched:
        patched.setattr(TemporalFilter, "apply", failing_filter(error))
        pipeline.step(frames(1))
        assert (pipeline.level, pipeline.publishing) == (PAINTED, "covered")
    pipeline.pass_time(PAUSES_S[0])
    assert pipeline.leaks == []
    assert (pipeline.publishing, pipeline.notice) == ("painted", None)


def test_beyond_the_processor_time_allowed_the_last_painting_stays() -> None:
    pipeline = FaultyPipeline(share=0.1)
    pipeline.engine.on_run = lambda: pipeline.clock.advance(0, process_time=0.2)
    pipeline.step(frames(5))
    assert pipeline.leaks == []
    assert pipeline.pipeline.report().frames.spared > 50


# Faults of the source and of sinks


@pytest.mark.parametrize("size", [Size(256, 192), Size(64, 48), Size(160, 120), Size(96, 128), Size(130, 34)])
def test_a_camera_that_changes_its_size_is_painted_all_the_same(size: Size) -> None:
    pipeline = FaultyPipeline()
    pipeline.play([*(camera_picture(n) for n in range(8)), *(camera_picture(n, size) for n in range(40))])
    pipeline.step(80)
    assert pipeline.leaks == []
    assert (pipeline.level, pipeline.publishing) == (PAINTED, "painted")


@pytest.mark.parametrize("painting_fails", [False, True])
def test_a_camera_that_goes_and_comes_back_never_shows_its_bare_picture(painting_fails: bool) -> None:
    pipeline = FaultyPipeline()
    pictures = [camera_picture(number) for number in range(4)]
    pipeline.play([*pictures, SourceLostError("unplugged"), *pictures, None, None, SourceLostError("again")])
    if painting_fails:
        pipeline.engine.run_faults["a"] = on_frames(run_error)
    pipeline.step(100)
    assert pipeline.leaks == []
    assert pipeline.publishing == ("covered" if painting_fails else "painted")


def test_leaving_a_bypass_while_the_camera_is_gone_paints_its_last_picture() -> None:
    pipeline = FaultyPipeline()
    pipeline.play([camera_picture(0), camera_picture(1), SourceLostError("unplugged"), *[None] * 400])
    pipeline.press("bypass")
    pipeline.step(10)
    assert camera_share(pipeline.sink.frames[-1].image) > 0.6
    pipeline.press("bypass")
    pipeline.step(30)
    assert pipeline.leaks == []
    assert pipeline.publishing == "painted"


def test_a_sink_that_fails_and_comes_back_gets_no_bare_picture() -> None:
    pipeline = FaultyPipeline()
    pipeline.step(10)
    pipeline.engine.run_faults["a"] = on_frames(run_error)
    pipeline.sink_broken = True
    pipeline.step(frames(2))
    pipeline.sink_broken = False
    pipeline.step(frames(2))
    assert pipeline.leaks == []
    assert pipeline.sink.opened_count > 1


# Commands


@pytest.mark.parametrize("back", ["bypass", "strength:1", "select:a", "select:b"])
def test_from_the_command_that_asks_for_a_painting_on_no_camera_picture_is_published(back: str) -> None:
    pipeline = FaultyPipeline()
    pipeline.step(10)
    pipeline.press({"bypass": "bypass", "strength:1": "strength:0"}.get(back, "select:none"))
    pipeline.step(10)
    assert camera_share(pipeline.sink.frames[-1].image) > 0.9
    assert pipeline.publishing == "raw"
    pipeline.pipeline.capture.step()
    pipeline.pipeline.style_step()  # this camera picture is on its way to the publisher
    pipeline.press(back)
    pipeline.publish()
    assert pipeline.leaks == []
    assert pipeline.publishing == "covered"
    assert pipeline.pipeline.report().raw_refused == 1
    pipeline.step(5)
    assert pipeline.publishing == "painted"


def test_a_frozen_camera_picture_is_not_shown_any_more_when_the_bypass_ends() -> None:
    pipeline = FaultyPipeline()
    pipeline.press("bypass")
    pipeline.step(5)
    pipeline.press("freeze")
    pipeline.step(5)
    pipeline.press("bypass")
    pipeline.step(5)
    assert pipeline.leaks == []
    assert (pipeline.level, pipeline.publishing) == (PAINTED, "covered")


def test_after_the_camera_was_off_a_failing_network_shows_a_card_and_no_old_picture() -> None:
    pipeline = FaultyPipeline()
    pipeline.step(10)
    pipeline.press("rest")
    pipeline.step(10)
    pipeline.engine.run_faults["a"] = on_frames(run_error)
    pipeline.press("rest")
    pipeline.step(frames(1))
    assert pipeline.leaks == []
    assert (pipeline.sink.frames[-1].index, pipeline.publishing) == (-1, "covered")


COMMANDS = (
    "next", "previous", "random", "select:a", "select:b", "select:none", "bypass", "strength:0", "strength:1",
    "steadiness:0", "preserve_color", "mirror", "scale:0.5", "scale:1", "scale:auto", "freeze", "rest", "panic",
)  # fmt: skip


def test_a_storm_of_commands_while_everything_fails_lets_no_camera_picture_through() -> None:
    pipeline = FaultyPipeline()
    pipeline.engine.run_faults["a"] = on_frames(times(200, run_error))
    pipeline.engine.load_faults["b"] = MemoryError()
    dice = random.Random(3)
    for number in range(400):
        pipeline.press(*dice.choices(COMMANDS, k=dice.randrange(4)))
        pipeline.step()
        if number == 250:
            pipeline.engine.heal()
    assert pipeline.leaks == []


FAULTS: dict[str, Callable[[FaultyPipeline], None]] = {
    **{
        f"{name} in {key}": lambda pipeline, fault=fault, key=key: pipeline.engine.run_faults.update({key: fault})  # type: ignore[misc]
        for name, fault in RUN_FAULTS.items()
        for key in "ab"
    },
    **{
        f"{key} cannot be loaded": lambda pipeline, key=key: pipeline.engine.load_faults.update({key: MemoryError()})  # type: ignore[misc]
        for key in "ab"
    },
    "heal": lambda pipeline: pipeline.engine.heal(),
    "sink fails": lambda pipeline: setattr(pipeline, "sink_broken", True),
    "sink is back": lambda pipeline: setattr(pipeline, "sink_broken", False),
    "camera lost": lambda pipeline: pipeline.play([SourceLostError("unplugged")]),
    "camera stalls": lambda pipeline: pipeline.play([None] * 20),
    "camera size": lambda pipeline: pipeline.play([camera_picture(n, Size(160, 120)) for n in range(6)]),
    "slow": lambda pipeline: setattr(pipeline.engine, "cost_ms", lambda megapixels: 5000 * megapixels),
    "fast": lambda pipeline: setattr(pipeline.engine, "cost_ms", lambda _: 1.0),
    "minutes pass": lambda pipeline: pipeline.clock.advance(70),
}

EVENTS = st.one_of(st.sampled_from(sorted(FAULTS)), st.sampled_from(COMMANDS), st.integers(1, 12))
"""A fault, a command, or some frames that pass."""


@settings(max_examples=60, deadline=None)
@example(False, "a", ["select:none", "sink fails", "next", 3, "sink is back", 3])  # nothing is written in between
@given(st.booleans(), st.sampled_from(["a", "b", "none"]), st.lists(EVENTS, max_size=25))
def test_no_sequence_of_faults_and_commands_publishes_an_unwanted_camera_picture(
    prepared: bool, style: str, events: list[str | int]
) -> None:
    pipeline = FaultyPipeline(prepared=prepared, style=style)
    for event in events:
        if isinstance(event, int):
            pipeline.step(event)
        elif event in FAULTS:
            FAULTS[event](pipeline)
            pipeline.step(build=False)
        else:
            pipeline.pipeline.capture.step()
            pipeline.pipeline.style_step()
            pipeline.press(event)
            pipeline.publish()
    assert pipeline.leaks == []


@settings(max_examples=10, deadline=None)
@given(st.lists(EVENTS, max_size=15))
def test_after_any_faults_and_commands_the_painting_is_back(events: list[str | int]) -> None:
    pipeline = FaultyPipeline()
    for event in events:
        if isinstance(event, int):
            pipeline.step(event)
        elif event in FAULTS:
            FAULTS[event](pipeline)
        else:
            pipeline.press(event)
            pipeline.step()
    FAULTS["heal"](pipeline)
    FAULTS["sink is back"](pipeline)
    FAULTS["fast"](pipeline)
    state = pipeline.control.state
    switched = [("freeze", state.frozen), ("panic", state.panic), ("bypass", state.bypass), ("rest", state.resting)]
    pipeline.press(*(command for command, on in switched if on), "strength:1", "select:a")
    for _ in range(2):  # an attempt that was under way may have failed after the network was chosen
        pipeline.pass_time(1)
    assert pipeline.leaks == []
    assert (pipeline.publishing, pipeline.notice) == ("painted", None)
