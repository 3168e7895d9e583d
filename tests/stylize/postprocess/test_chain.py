"""Views of the camera picture, and what happens to a styled picture after the network."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylecam.media.frame import Size
from stylecam.media.overlays import starting_cover, with_badge
from stylecam.models.catalog import StyleMix
from stylecam.stylize.postprocess.chain import FrameView, blend, with_colors_of
from stylecam.stylize.postprocess.transition import DURATION_S, Transition
from stylecam.testing import gray_image
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


@pytest.mark.parametrize(("opacity", "all_of"), [(0.0, 0), (-1.0, 0), (1.0, 1), (2.0, 1)])
def test_where_one_picture_is_all_nothing_is_computed(opacity: float, all_of: int) -> None:
    pictures = gray_image(50), gray_image(150)
    assert blend(*pictures, opacity) is pictures[all_of]


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
def test_the_waiting_card_is_dark_and_has_the_outputs_size(size: tuple[int, int]) -> None:
    card = starting_cover(Size(*size))
    assert card.shape == (size[1], size[0], 3)
    assert card.dtype == np.uint8
    assert card.mean() < 60


def test_the_first_style_is_there_at_once() -> None:
    step = Transition(FRAME).toward(A, 5.0)
    assert (step.weights, step.fading) == (A.weights, 0.0)


def test_a_switch_shows_in_its_first_frame() -> None:
    morph = Transition(FRAME)
    morph.toward(A, 5.0)
    assert morph.toward(B, 5.0 + FRAME).weights[1] > 0.1


def test_a_switch_is_complete_after_its_time() -> None:
    morph = Transition(FRAME)
    morph.toward(A, 5.0)
    morph.toward(B, 6.0)
    assert morph.toward(B, 6.0 + DURATION_S).weights == B.weights


def test_a_switch_on_the_way_starts_from_where_it_is() -> None:
    morph = Transition(FRAME)
    morph.toward(A, 5.0)
    half = morph.toward(B, 6.0)
    turned = morph.toward(C, 6.0)
    assert turned.weights[2] > 0
    assert turned.weights[1] == pytest.approx(half.weights[1] * (1 - turned.weights[2]))


def test_between_networks_the_old_picture_fades_out() -> None:
    morph = Transition(FRAME)
    morph.toward(A, 5.0)
    fading = [morph.toward(OTHER, 6.0 + i * FRAME).fading for i in range(15)]
    assert fading[0] > 0.5
    assert fading == sorted(fading, reverse=True)
    assert fading[-1] == 0.0


def test_between_networks_the_new_one_paints_with_its_own_weights_from_the_start() -> None:
    morph = Transition(FRAME)
    morph.toward(A, 5.0)
    assert morph.toward(OTHER, 6.0).weights == OTHER.weights


def test_within_a_bank_nothing_is_faded() -> None:
    morph = Transition(FRAME)
    morph.toward(A, 5.0)
    assert morph.toward(B, 6.0).fading == 0.0


def test_after_a_reset_the_next_style_is_there_at_once() -> None:
    morph = Transition(FRAME)
    morph.toward(A, 5.0)
    morph.reset()
    assert morph.toward(B, 6.0).weights == B.weights


@given(
    st.lists(
        st.tuples(
            st.sampled_from([A, B, C, replace(A, weights=(0.5, 0.3, 0.2))]), st.floats(0, 0.2, allow_subnormal=False)
        ),
        min_size=1,
    )
)
def test_the_weights_sum_to_one_whatever_keys_are_pressed(steps: list[tuple[StyleMix, float]]) -> None:
    morph, now = Transition(FRAME), 0.0
    for mix, wait in steps:
        now += wait
        weights = morph.toward(mix, now).weights
        assert sum(weights) == pytest.approx(1)
        assert min(weights) >= -1e-9


def test_preserved_colors_take_the_light_of_the_styled_picture_and_the_hue_of_the_camera() -> None:
    original = np.full((8, 8, 3), (90, 120, 150), np.uint8)
    styled = np.full((8, 8, 3), (160, 100, 120), np.uint8)
    mixed = with_colors_of(original, styled)
    grey = [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(int) for image in (mixed, styled)]
    assert np.abs(grey[0] - grey[1]).max() <= 2
    hues = [cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb)[..., 1:].astype(int) for image in (mixed, original)]
    assert np.abs(hues[0] - hues[1]).max() <= 2
    assert (original == (90, 120, 150)).all()


def test_a_view_has_the_shape_of_the_output_and_the_size_asked_for() -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    image[60:420] = 200  # the middle, of 16:9
    view = FrameView(image, Size(1280, 720))
    assert view.at(Size(320, 180)).shape == (180, 320, 3)
    assert view.at(Size(320, 180)).min() == 200


def test_a_picture_that_fits_is_not_copied() -> None:
    image = np.zeros((96, 128, 3), np.uint8)
    assert np.shares_memory(FrameView(image, Size(128, 96)).at(Size(128, 96)), image)


def test_each_size_is_made_once() -> None:
    view = FrameView(np.zeros((96, 128, 3), np.uint8), Size(128, 96), mirror=True)
    assert view.at(Size(64, 48)) is view.at(Size(64, 48))


def test_a_mirrored_view_exchanges_left_and_right() -> None:
    image = np.zeros((96, 128, 3), np.uint8)
    image[:, :64] = 255
    mirrored = FrameView(image, Size(128, 96), mirror=True).at(Size(128, 96))
    assert (mirrored[0, 0, 0], mirrored[0, -1, 0]) == (0, 255)
