"""Tests of the temporal filter: less flicker, no trails, and changes are followed."""

from __future__ import annotations

from itertools import islice

import cv2
import numpy as np
import pytest

from stylecam.media.frame import Image
from stylecam.stylize.postprocess.temporal_filter import TemporalFilter
from tests.stylize.postprocess.scenes import HEIGHT, WIDTH, brighter, fake_styled, noisy_frames, scene, with_square

WARM = 12


def filtered(cameras: list[Image], strength: float = 0.8) -> list[Image]:
    temporal_filter = TemporalFilter()
    return [temporal_filter.apply(fake_styled(camera), camera, strength) for camera in cameras]


def flicker(pictures: list[Image]) -> float:
    return float(np.std(np.array(pictures[WARM:], np.float32), axis=0).mean())


def max_difference(one: Image, other: Image) -> int:
    return int(cv2.absdiff(one, other).max())


@pytest.mark.parametrize("sigma", [1.5, 3.0, 6.0, 10.0])
def test_a_noisy_still_scene_flickers_less(sigma: float) -> None:
    cameras = list(islice(noisy_frames(scene(), sigma), 40))
    unfiltered = [fake_styled(camera) for camera in cameras]
    assert flicker(filtered(cameras)) < 0.5 * flicker(unfiltered) + 0.1


def test_more_strength_means_less_flicker() -> None:
    cameras = list(islice(noisy_frames(scene(), 3), 40))
    flickers = [flicker(filtered(cameras, strength)) for strength in (0.0, 0.3, 0.6, 1.0)]
    assert flickers == sorted(flickers, reverse=True)
    assert flickers[-1] < 0.3 * flickers[0]


def test_filtering_keeps_the_mean_picture() -> None:
    cameras = list(islice(noisy_frames(scene(), 3), 60))
    expected = np.mean([fake_styled(camera) for camera in cameras], axis=0)
    assert np.abs(np.mean(filtered(cameras)[WARM:], axis=0) - expected).max() < 2
    assert abs(float(np.mean(filtered(cameras)[WARM:]) - expected.mean())) < 0.1


def test_at_zero_strength_nothing_is_filtered_and_the_history_is_cleared() -> None:
    temporal_filter, first, second = TemporalFilter(), scene(1), scene(2)
    temporal_filter.apply(fake_styled(first), first, 1.0)
    assert temporal_filter.apply(second, second, 0.0) is second
    brighter_frame = brighter(first, 2)
    assert temporal_filter.apply(brighter_frame, first, 1.0) is brighter_frame


def test_after_a_reset_the_next_picture_passes_untouched() -> None:
    temporal_filter, camera = TemporalFilter(), scene()
    temporal_filter.apply(fake_styled(camera), camera, 1.0)
    temporal_filter.reset()
    assert temporal_filter.apply(camera, camera, 1.0) is camera


def test_a_new_size_clears_the_history() -> None:
    temporal_filter, camera = TemporalFilter(), scene()
    temporal_filter.apply(fake_styled(camera), camera, 1.0)
    larger = cv2.resize(camera, (320, 176)).astype(np.uint8)
    assert temporal_filter.apply(larger, larger, 1.0) is larger
    assert temporal_filter.apply(larger, larger, 1.0).shape == larger.shape


@pytest.mark.parametrize("size", [(64, 64), (66, 98), (8, 8), (101, 77)], ids=str)
def test_small_and_odd_sizes_are_filtered_too(size: tuple[int, int]) -> None:
    still = cv2.resize(scene(), size).astype(np.uint8)
    cameras = list(islice(noisy_frames(still, 3), 30))
    assert flicker(filtered(cameras)) < 0.7 * flicker([fake_styled(camera) for camera in cameras])


def test_inputs_and_earlier_results_are_never_changed() -> None:
    temporal_filter, results, copies = TemporalFilter(), [], []
    for camera in islice(noisy_frames(scene(), 3), 8):
        style, before = fake_styled(camera), camera.copy()
        style_before = style.copy()
        results.append(temporal_filter.apply(style, camera, 0.8))
        copies.append(results[-1].copy())
        assert (style == style_before).all()
        assert (camera == before).all()
        style[:] = 0  # the caller may change it
    assert all((one == other).all() for one, other in zip(results[1:], copies[1:], strict=True))


def test_another_scene_is_shown_at_once() -> None:
    temporal_filter, old, new = TemporalFilter(), scene(1), scene(2)
    for camera in islice(noisy_frames(old, 3), 10):
        temporal_filter.apply(fake_styled(camera), camera, 1.0)
    camera = next(noisy_frames(new, 3, 9))
    assert max_difference(temporal_filter.apply(fake_styled(camera), camera, 1.0), fake_styled(camera)) <= 2


def test_another_scene_also_replaces_the_parts_that_look_the_same() -> None:
    temporal_filter, old, new = TemporalFilter(), scene(1), scene(2)
    new[:, :48] = old[:, :48]
    for camera in islice(noisy_frames(old, 3), 10):
        temporal_filter.apply(fake_styled(camera), camera, 1.0)
    styled = scene(9)  # a network with a global view changes the common part too
    assert max_difference(temporal_filter.apply(styled, new, 1.0), styled) <= 2


@pytest.mark.parametrize("step", [2, 7, 16])
def test_a_moving_square_leaves_no_trail(step: int) -> None:
    temporal_filter, background = TemporalFilter(), scene()
    lefts = list(range(20, 20 + 10 * step, step))
    for left in lefts:
        camera = with_square(background, left)
        picture = temporal_filter.apply(fake_styled(camera), camera, 0.8)
    behind = slice(max(0, left - 8 * step), left - 2 * step - 2)  # uncovered two frames ago, or longer
    assert max_difference(picture[48:92, behind], fake_styled(camera)[48:92, behind]) <= 6


def test_a_moving_square_in_noise_stays_in_place() -> None:
    temporal_filter, background = TemporalFilter(), scene()
    for number, noise in enumerate(islice(noisy_frames(np.full_like(background, 128), 3), 20)):
        left = 20 + 6 * number
        noisy = with_square(background, left).astype(np.int16) + noise - 128
        camera = noisy.clip(0, 255).astype(np.uint8)
        wrong = cv2.absdiff(temporal_filter.apply(fake_styled(camera), camera, 0.8), fake_styled(camera))
        edge = np.zeros(wrong.shape[:2], np.uint8)
        cv2.rectangle(edge, (left, 50), (left + 39, 89), 255, 7)
        if number:
            assert wrong[edge == 0].max() <= 8  # the rest is removed noise
            assert wrong[edge == 255].mean() <= 8


def test_a_new_object_is_shown_at_once() -> None:
    temporal_filter, still = TemporalFilter(), scene()
    for camera in islice(noisy_frames(still, 2), 12):
        temporal_filter.apply(fake_styled(camera), camera, 0.8)
    camera = with_square(still, 120)
    picture = temporal_filter.apply(fake_styled(camera), camera, 0.8)
    assert max_difference(picture[54:86, 124:156], fake_styled(camera)[54:86, 124:156]) <= 2


@pytest.mark.parametrize("a_frame", [0.1, 0.3, 0.6])
def test_a_slow_change_of_the_light_is_followed(a_frame: float) -> None:
    temporal_filter, still = TemporalFilter(), scene() // 2
    for number in range(100):
        camera = brighter(still, a_frame * number)
        picture = temporal_filter.apply(fake_styled(camera), camera, 0.8)
        assert abs(float(picture.mean()) - float(fake_styled(camera).mean())) <= 2


def test_a_change_by_one_level_is_followed_exactly() -> None:
    temporal_filter, camera = TemporalFilter(), scene()
    temporal_filter.apply(fake_styled(camera), camera, 1.0)
    now = brighter(fake_styled(camera), 1)
    for _ in range(60):
        picture = temporal_filter.apply(now, camera, 1.0)
    assert (picture == now).all()


def test_a_styled_picture_that_changes_under_a_still_camera_is_followed() -> None:
    temporal_filter, camera = TemporalFilter(), scene()
    for _ in range(10):
        temporal_filter.apply(fake_styled(camera), camera, 0.8)
    other = scene(7)
    for _ in range(12):
        picture = temporal_filter.apply(other, camera, 0.8)
    assert max_difference(picture, other) <= 6


def test_the_result_has_the_size_of_the_picture() -> None:
    temporal_filter = TemporalFilter()
    for camera in islice(noisy_frames(scene(), 3), 3):
        picture = temporal_filter.apply(fake_styled(camera), camera, 0.5)
        assert picture.shape == (HEIGHT, WIDTH, 3)
        assert picture.dtype == np.uint8
        assert picture.flags.c_contiguous


def test_a_large_change_of_the_styled_picture_is_shown_at_once() -> None:
    temporal_filter, still = TemporalFilter(), scene()
    for camera in islice(noisy_frames(still, 3), 12):
        temporal_filter.apply(fake_styled(camera), camera, 0.8)
    camera = next(noisy_frames(still, 3, 9))
    styled = fake_styled(camera)
    styled[32:96, 96:192] = cv2.add(styled[32:96, 96:192], (30.0, 30.0, 30.0, 0.0))  # type: ignore[call-overload]
    inside = (slice(48, 80), slice(112, 176))
    assert max_difference(temporal_filter.apply(styled, camera, 0.8)[inside], styled[inside]) <= 2
