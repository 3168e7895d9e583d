"""Tests of frame views, blending, badges, transitions and preserved colours."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylecam.media.frame import Box, Size
from stylecam.media.overlays import starting_cover, with_badge
from stylecam.media.testing import gray_image
from stylecam.models.style_mix import StyleMix
from stylecam.stylize.look import Look
from stylecam.stylize.postprocess.chain import FrameView, Postprocessor, blend, with_colors_of
from stylecam.stylize.postprocess.guided_upsample import GuidedUpsampler
from stylecam.stylize.postprocess.parallel_rows import faster_resizing
from stylecam.stylize.postprocess.transition import DURATION_S, Transition
from stylecam.utils.clock import ManualClock
from stylecam.utils.metrics import StageTimes
from tests.doubles import model

BANK = model("bank", 3)
A = StyleMix(BANK, (1.0, 0.0, 0.0), "a")
B = StyleMix(BANK, (0.0, 1.0, 0.0), "b")
C = StyleMix(BANK, (0.0, 0.0, 1.0), "c")
OTHER = StyleMix(model("other", 2), (0.0, 1.0), "other")
FRAME = 1 / 30


@pytest.mark.parametrize(("opacity", "level"), [(0.25, 75), (0.5, 100), (0.75, 125)])
def test_a_blend_lies_between_its_pictures(opacity: float, level: int) -> None:
    assert blend(gray_image(50), gray_image(150), opacity)[0, 0, 0] == level


@pytest.mark.parametrize(("opacity", "expected"), [(0.0, 0), (-1.0, 0), (1.0, 1), (2.0, 1)])
def test_at_full_or_zero_opacity_one_picture_is_returned_as_it_is(opacity: float, expected: int) -> None:
    pictures = gray_image(50), gray_image(150)
    assert blend(*pictures, opacity) is pictures[expected]


def test_blending_changes_neither_picture() -> None:
    below, above = gray_image(50), gray_image(150)
    blend(below, above, 0.5)
    assert below.max() == 50
    assert above.min() == 150


def test_a_badge_lies_in_the_lower_left_corner_of_a_copy() -> None:
    image = gray_image(128, Size(1280, 720))
    changed = np.any(with_badge(image, "camera lost") != image, axis=2)
    rows, columns = np.nonzero(changed)
    assert image.min() == image.max() == 128
    assert rows.min() > 600
    assert columns.max() < 400


@pytest.mark.parametrize("size", [(64, 64), (64, 4096), (4096, 64), (128, 96), (4096, 2160)], ids=str)
def test_a_badge_fits_every_size(size: tuple[int, int]) -> None:
    image = gray_image(128, Size(*size))
    badge = with_badge(image, "camera stalled")
    assert badge.shape == image.shape
    assert (badge != image).any()


@pytest.mark.parametrize("size", [(64, 64), (1280, 720), (4096, 2160)], ids=str)
def test_the_starting_cover_is_dark_and_has_the_output_size(size: tuple[int, int]) -> None:
    card = starting_cover(Size(*size))
    assert card.shape == (size[1], size[0], 3)
    assert card.dtype == np.uint8
    assert card.mean() < 60


def test_the_first_style_is_complete_at_once() -> None:
    step = Transition(FRAME).toward(A, 5.0)
    assert (step.values.tolist(), step.fading) == ([*A.weights], 0.0)


def test_a_switch_shows_in_its_first_frame() -> None:
    transition = Transition(FRAME)
    transition.toward(A, 5.0)
    assert transition.toward(B, 5.0 + FRAME).values[1] > 0.1


def test_a_switch_is_complete_after_its_time() -> None:
    transition = Transition(FRAME)
    transition.toward(A, 5.0)
    transition.toward(B, 6.0)
    assert transition.toward(B, 6.0 + DURATION_S).values.tolist() == [*B.weights]


def test_another_brush_is_reached_on_the_way_and_is_no_switch() -> None:
    transition = Transition(FRAME)
    first = transition.toward(A, 5.0, 1.0)
    half = transition.toward(A, 6.0, 2.0)
    assert 1.0 < half.brush < 2.0
    assert half.values.tolist() == [*A.weights]
    assert transition.toward(A, 6.0 + DURATION_S, 2.0).brush == 2.0
    assert half.switch_count == first.switch_count


def test_another_network_starts_with_its_brush() -> None:
    transition = Transition(FRAME)
    transition.toward(A, 5.0, 1.0)
    assert transition.toward(OTHER, 6.0, 2.0).brush == 2.0


def test_another_brush_during_a_crossing_lets_the_fade_go_on() -> None:
    undisturbed, brushed = Transition(FRAME), Transition(FRAME)
    for transition in (undisturbed, brushed):
        transition.toward(A, 5.0)
    times = [6.0 + i * FRAME for i in range(15)]
    steps = [brushed.toward(OTHER, now, 1.0 + max(0, i - 2) / 10) for i, now in enumerate(times)]
    assert [step.fading for step in steps] == [undisturbed.toward(OTHER, now).fading for now in times]
    assert {tuple(step.values.tolist()) for step in steps} == {OTHER.weights}
    brushes = [step.brush for step in steps]
    assert brushes == sorted(brushes)
    assert brushed.toward(OTHER, times[-1] + DURATION_S, 2.2).brush == 2.2


def test_another_brush_on_the_way_to_a_style_of_the_bank_does_not_hold_it_up() -> None:
    transition = Transition(FRAME)
    transition.toward(A, 5.0)
    transition.toward(B, 6.0)
    transition.toward(B, 6.0 + DURATION_S / 2, 2.0)
    step = transition.toward(B, 6.0 + DURATION_S, 2.0)
    assert step.values.tolist() == [*B.weights]
    assert 1.0 < step.brush < 2.0


def test_a_switch_during_a_transition_starts_from_the_current_blend() -> None:
    transition = Transition(FRAME)
    transition.toward(A, 5.0)
    half = transition.toward(B, 6.0)
    redirected = transition.toward(C, 6.0)
    assert redirected.values[2] > 0
    assert redirected.values[1] == pytest.approx(half.values[1] * (1 - redirected.values[2]))


def test_between_networks_the_old_picture_fades_out() -> None:
    transition = Transition(FRAME)
    transition.toward(A, 5.0)
    fading = [transition.toward(OTHER, 6.0 + i * FRAME).fading for i in range(15)]
    assert fading[0] > 0.5
    assert fading == sorted(fading, reverse=True)
    assert fading[-1] == 0.0


def test_between_networks_the_new_one_has_its_full_weights_from_the_start() -> None:
    transition = Transition(FRAME)
    transition.toward(A, 5.0)
    assert transition.toward(OTHER, 6.0).values.tolist() == [*OTHER.weights]


def test_within_a_bank_nothing_is_cross_faded() -> None:
    transition = Transition(FRAME)
    transition.toward(A, 5.0)
    assert transition.toward(B, 6.0).fading == 0.0


def test_after_a_reset_the_next_style_is_complete_at_once() -> None:
    transition = Transition(FRAME)
    transition.toward(A, 5.0)
    transition.reset()
    assert transition.toward(B, 6.0).values.tolist() == [*B.weights]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([A, B, C, replace(A, weights=(0.5, 0.3, 0.2))]), st.floats(0, 0.2, allow_subnormal=False)
        ),
        min_size=1,
    )
)
def test_the_weights_sum_to_one_after_any_switches(steps: list[tuple[StyleMix, float]]) -> None:
    transition, now = Transition(FRAME), 0.0
    for mix, wait in steps:
        now += wait
        weights = transition.toward(mix, now).values
        assert sum(weights) == pytest.approx(1)
        assert min(weights) >= -1e-6


def test_preserved_colors_have_the_luminance_of_the_styled_picture_and_the_chroma_of_the_camera() -> None:
    original = np.full((8, 8, 3), (90, 120, 150), np.uint8)
    styled = np.full((8, 8, 3), (160, 100, 120), np.uint8)
    mixed = with_colors_of(original, styled)
    grey = [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(int) for image in (mixed, styled)]
    assert np.abs(grey[0] - grey[1]).max() <= 2
    hues = [cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb)[..., 1:].astype(int) for image in (mixed, original)]
    assert np.abs(hues[0] - hues[1]).max() <= 2
    assert (original == (90, 120, 150)).all()


def test_a_view_has_the_shape_of_the_output_and_the_requested_size() -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    image[60:420] = 200  # the middle, of 16:9
    view = FrameView(image, Size(1280, 720))
    assert view.at(Size(320, 180)).shape == (180, 320, 3)
    assert view.at(Size(320, 180)).min() == 200


def test_a_picture_that_fits_is_not_copied() -> None:
    image = np.zeros((96, 128, 3), np.uint8)
    assert np.shares_memory(FrameView(image, Size(128, 96)).at(Size(128, 96)), image)


def test_each_size_is_computed_once() -> None:
    view = FrameView(np.zeros((96, 128, 3), np.uint8), Size(128, 96), mirror=True)
    assert view.at(Size(64, 48)) is view.at(Size(64, 48))


def test_a_mirrored_view_exchanges_left_and_right() -> None:
    image = np.zeros((96, 128, 3), np.uint8)
    image[:, :64] = 255
    mirrored = FrameView(image, Size(128, 96), mirror=True).at(Size(128, 96))
    assert (mirrored[0, 0, 0], mirrored[0, -1, 0]) == (0, 255)


def test_a_view_of_a_region_shows_that_part() -> None:
    image = np.zeros((360, 640, 3), np.uint8)
    image[90:270, 160:480] = 200
    view = FrameView(image, Size(640, 360), region=Box(0.25, 0.25, 0.5, 0.5))
    assert view.at(Size(320, 180)).min() == 200
    assert view.at(Size(640, 360))[8:-8, 8:-8].min() == 200


def test_a_region_of_the_whole_picture_is_the_picture() -> None:
    image = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    view = FrameView(image, Size(128, 96), region=Box(0, 0, 1, 1))
    assert (view.at(Size(128, 96)) == image).all()


def test_the_region_of_another_view_is_shown_as_that_view_shows_it() -> None:
    image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    shape = Size(320, 180)
    middle = FrameView(image, shape)
    assert (FrameView(image, shape, region=middle.region).at(shape) == middle.at(shape)).all()


def test_a_region_moves_smoothly_by_less_than_a_pixel() -> None:
    ramp = np.repeat(np.arange(0, 256, 2, dtype=np.uint8)[None, :, None], 96, 0).repeat(3, 2)
    levels = [
        FrameView(ramp, Size(128, 96), region=Box(0.1 + step / 1280, 0.1, 0.7, 0.7)).at(Size(128, 96)).mean()
        for step in range(11)
    ]
    assert np.diff(levels) == pytest.approx(0.2, abs=0.1)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("region", [None, Box(0.2, 0.3, 0.5, 0.375), Box(0.1, 0.1, 0.75, 0.5625)], ids=str)
@pytest.mark.parametrize("size", [Size(640, 360), Size(160, 90)], ids=str)
def test_a_point_is_located_where_the_view_shows_it(mirror: bool, region: Box | None, size: Size) -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    point = np.array([[299.5, 219.5]])
    cv2.circle(image, (299, 219), 12, (255, 255, 255), -1)
    view = FrameView(image, Size(1280, 720), mirror, region)
    moments = cv2.moments(view.at(size)[..., 0])
    found = np.array((moments["m10"], moments["m01"])) / moments["m00"] + 0.5
    assert view.locate(point, size)[0] == pytest.approx(found, abs=0.7)


@pytest.mark.parametrize(
    ("size", "fraction"), [((1280, 720), 1), ((1366, 768), 1), ((1920, 1080), 2), ((3840, 2160), 3)]
)
def test_a_large_output_gets_the_detail_of_a_fraction_of_it(size: tuple[int, int], fraction: int) -> None:
    detailed = Size(size[0] // fraction, size[1] // fraction)
    camera = np.random.default_rng(2).integers(0, 255, (size[1] // 8, size[0] // 8, 3), np.uint8)
    view = FrameView(np.asarray(cv2.resize(camera, size), np.uint8), Size(*size))
    small = Size(size[0] // 6 // 8 * 8, size[1] // 6 // 8 * 8)
    step = Transition(FRAME).toward(A, 0.0, 1.0)
    look = Look(A, steadiness=0.0)
    result = Postprocessor(Size(*size), StageTimes(ManualClock())).apply(
        view.at(small), view, step, None, look=look, detail=True
    )
    expected = GuidedUpsampler(detailed).enlarge(view.at(small), view.at(small), view.at(detailed))
    with faster_resizing():
        assert np.array_equal(result.image, cv2.resize(expected, size))
    assert result.detail_ms is not None


def test_a_painting_as_fine_as_the_detail_is_only_enlarged() -> None:
    size = Size(1920, 1080)
    view = FrameView(gray_image(90, size), size)
    result = Postprocessor(size, StageTimes(ManualClock())).apply(
        view.at(Size(960, 544)), view, Transition(FRAME).toward(A, 0.0, 1.0), None, look=Look(A), detail=True
    )
    assert result.image.shape == (1080, 1920, 3)
    assert result.detail_ms is None
