"""Stabilised paintings: what stands still does, what moves leaves nothing behind, what changes is followed."""

from __future__ import annotations

from itertools import islice

import cv2
import numpy as np
import pytest

from stylecam.media.frame import Image
from stylecam.stylize.postprocess.temporal_filter import TemporalFilter
from tests.stylize.postprocess.scenes import HEIGHT, WIDTH, brighter, noised, painted, scene, with_square

WARM = 12


def shown(cameras: list[Image], strength: float = 0.8) -> list[Image]:
    steady = TemporalFilter()
    return [steady.apply(painted(camera), camera, strength) for camera in cameras]


def flicker(pictures: list[Image]) -> float:
    return float(np.std(np.array(pictures[WARM:], np.float32), axis=0).mean())


def apart(one: Image, other: Image) -> int:
    return int(cv2.absdiff(one, other).max())


@pytest.mark.parametrize("sigma", [1.5, 3.0, 6.0, 10.0])
def test_a_noisy_still_scene_stands_still(sigma: float) -> None:
    cameras = list(islice(noised(scene(), sigma), 40))
    unsteadied = [painted(camera) for camera in cameras]
    assert flicker(shown(cameras)) < 0.5 * flicker(unsteadied) + 0.1


def test_the_stronger_the_stiller() -> None:
    cameras = list(islice(noised(scene(), 3), 40))
    flickers = [flicker(shown(cameras, strength)) for strength in (0.0, 0.3, 0.6, 1.0)]
    assert flickers == sorted(flickers, reverse=True)
    assert flickers[-1] < 0.3 * flickers[0]


def test_steadying_keeps_the_picture() -> None:
    cameras = list(islice(noised(scene(), 3), 60))
    wanted = np.mean([painted(camera) for camera in cameras], axis=0)
    assert np.abs(np.mean(shown(cameras)[WARM:], axis=0) - wanted).max() < 2
    assert abs(float(np.mean(shown(cameras)[WARM:]) - wanted.mean())) < 0.1


def test_without_strength_nothing_is_done_and_nothing_kept() -> None:
    steady, first, second = TemporalFilter(), scene(1), scene(2)
    steady.apply(painted(first), first, 1.0)
    assert steady.apply(second, second, 0.0) is second
    again = brighter(first, 2)
    assert steady.apply(again, first, 1.0) is again


def test_after_a_reset_the_next_picture_passes_untouched() -> None:
    steady, camera = TemporalFilter(), scene()
    steady.apply(painted(camera), camera, 1.0)
    steady.reset()
    assert steady.apply(camera, camera, 1.0) is camera


def test_a_new_size_begins_anew() -> None:
    steady, camera = TemporalFilter(), scene()
    steady.apply(painted(camera), camera, 1.0)
    larger = cv2.resize(camera, (320, 176)).astype(np.uint8)
    assert steady.apply(larger, larger, 1.0) is larger
    assert steady.apply(larger, larger, 1.0).shape == larger.shape


@pytest.mark.parametrize("size", [(64, 64), (66, 98), (8, 8), (101, 77)], ids=str)
def test_small_and_odd_sizes_are_steadied_too(size: tuple[int, int]) -> None:
    still = cv2.resize(scene(), size).astype(np.uint8)
    cameras = list(islice(noised(still, 3), 30))
    assert flicker(shown(cameras)) < 0.7 * flicker([painted(camera) for camera in cameras])


def test_what_was_given_is_never_written_into_and_what_was_got_stays() -> None:
    steady, got, copies = TemporalFilter(), [], []
    for camera in islice(noised(scene(), 3), 8):
        style, before = painted(camera), camera.copy()
        kept = style.copy()
        got.append(steady.apply(style, camera, 0.8))
        copies.append(got[-1].copy())
        assert (style == kept).all()
        assert (camera == before).all()
        style[:] = 0  # the caller's to change
    assert all((one == other).all() for one, other in zip(got[1:], copies[1:], strict=True))


def test_another_scene_is_there_at_once() -> None:
    steady, old, new = TemporalFilter(), scene(1), scene(2)
    for camera in islice(noised(old, 3), 10):
        steady.apply(painted(camera), camera, 1.0)
    camera = next(noised(new, 3, 9))
    assert apart(steady.apply(painted(camera), camera, 1.0), painted(camera)) <= 2


def test_another_scene_replaces_also_what_it_has_in_common_with_the_last() -> None:
    steady, old, new = TemporalFilter(), scene(1), scene(2)
    new[:, :48] = old[:, :48]
    for camera in islice(noised(old, 3), 10):
        steady.apply(painted(camera), camera, 1.0)
    styled = scene(9)  # a network that looks at the whole picture paints the common part anew, too
    assert apart(steady.apply(styled, new, 1.0), styled) <= 2


@pytest.mark.parametrize("step", [2, 7, 16])
def test_a_moving_square_leaves_no_trail(step: int) -> None:
    steady, background = TemporalFilter(), scene()
    lefts = list(range(20, 20 + 10 * step, step))
    for left in lefts:
        camera = with_square(background, left)
        picture = steady.apply(painted(camera), camera, 0.8)
    behind = slice(max(0, left - 8 * step), left - 2 * step - 2)  # uncovered two frames ago, or longer
    assert apart(picture[48:92, behind], painted(camera)[48:92, behind]) <= 6


def test_what_moves_in_a_noisy_picture_is_where_it_is() -> None:
    steady, background = TemporalFilter(), scene()
    for number, noise in enumerate(islice(noised(np.full_like(background, 128), 3), 20)):
        left = 20 + 6 * number
        sensed = with_square(background, left).astype(np.int16) + noise - 128
        camera = sensed.clip(0, 255).astype(np.uint8)
        wrong = cv2.absdiff(steady.apply(painted(camera), camera, 0.8), painted(camera))
        edge = np.zeros(wrong.shape[:2], np.uint8)
        cv2.rectangle(edge, (left, 50), (left + 39, 89), 255, 7)
        if number:
            assert wrong[edge == 0].max() <= 8  # what is left there is the noise that was taken away
            assert wrong[edge == 255].mean() <= 8


def test_what_appears_is_there_at_once() -> None:
    steady, still = TemporalFilter(), scene()
    for camera in islice(noised(still, 2), 12):
        steady.apply(painted(camera), camera, 0.8)
    camera = with_square(still, 120)
    picture = steady.apply(painted(camera), camera, 0.8)
    assert apart(picture[54:86, 124:156], painted(camera)[54:86, 124:156]) <= 2


@pytest.mark.parametrize("a_frame", [0.1, 0.3, 0.6])
def test_a_slow_change_of_the_light_is_followed(a_frame: float) -> None:
    steady, still = TemporalFilter(), scene() // 2
    for number in range(100):
        camera = brighter(still, a_frame * number)
        picture = steady.apply(painted(camera), camera, 0.8)
        assert abs(float(picture.mean()) - float(painted(camera).mean())) <= 2


def test_nothing_sticks_one_level_off() -> None:
    steady, camera = TemporalFilter(), scene()
    steady.apply(painted(camera), camera, 1.0)
    now = brighter(painted(camera), 1)
    for _ in range(60):
        picture = steady.apply(now, camera, 1.0)
    assert (picture == now).all()


def test_a_painting_that_changes_under_a_still_camera_is_followed() -> None:
    steady, camera = TemporalFilter(), scene()
    for _ in range(10):
        steady.apply(painted(camera), camera, 0.8)
    other = scene(7)
    for _ in range(12):
        picture = steady.apply(other, camera, 0.8)
    assert apart(picture, other) <= 6


def test_a_picture_of_one_size_gives_one_of_that_size() -> None:
    steady = TemporalFilter()
    for camera in islice(noised(scene(), 3), 3):
        picture = steady.apply(painted(camera), camera, 0.5)
        assert picture.shape == (HEIGHT, WIDTH, 3)
        assert picture.dtype == np.uint8
        assert picture.flags.c_contiguous


def test_an_area_painted_lighter_for_what_moves_nearby_is_lighter_at_once() -> None:
    steady, still = TemporalFilter(), scene()
    for camera in islice(noised(still, 3), 12):
        steady.apply(painted(camera), camera, 0.8)
    camera = next(noised(still, 3, 9))
    styled = painted(camera)
    styled[32:96, 96:192] = cv2.add(styled[32:96, 96:192], (30.0, 30.0, 30.0, 0.0))  # type: ignore[call-overload]
    inside = (slice(48, 80), slice(112, 176))
    assert apart(steady.apply(styled, camera, 0.8)[inside], styled[inside]) <= 2
