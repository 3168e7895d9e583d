"""Whether a picture must be painted again: noise alone is no reason, the least motion is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import cv2
import numpy as np
import pytest

from stylecam.media.frame import Image
from stylecam.stylize.postprocess.change_detection import ChangeDetector
from tests.stylize.postprocess.scenes import brighter, noised, scene, with_square

SETTLED = 30


def settled(sigma: float) -> tuple[ChangeDetector, Iterator[Image]]:
    stillness, cameras = ChangeDetector(), noised(scene(), sigma)
    for camera in islice(cameras, SETTLED):
        stillness.unchanged(camera)
    return stillness, cameras


def test_the_first_picture_has_changed() -> None:
    assert not ChangeDetector().unchanged(scene())


@pytest.mark.parametrize("sigma", [0.0, 1.0, 3.0, 5.0])
def test_a_camera_whose_noise_is_all_that_changes_sees_nothing_new(sigma: float) -> None:
    stillness, cameras = settled(sigma)
    said = [stillness.unchanged(camera) for camera in islice(cameras, 100)]
    assert np.mean(said) > 0.75


def test_a_paused_video_is_painted_now_and_then() -> None:
    stillness = ChangeDetector()
    said = [stillness.unchanged(scene()) for _ in range(200)]
    painted = [number for number, unchanged in enumerate(said) if not unchanged]
    assert 0.9 < np.mean(said[20:]) < 1
    assert 20 <= np.diff(painted[-3:]).min() <= 60


def test_another_size_has_changed() -> None:
    stillness, _ = settled(0)
    assert not stillness.unchanged(cv2.resize(scene(), (320, 180)).astype(np.uint8))


@pytest.mark.parametrize("sigma", [0.0, 3.0])
def test_a_blinking_eye_is_seen(sigma: float) -> None:
    stillness, cameras = settled(sigma)
    camera = next(cameras)
    cv2.ellipse(camera, (128, 60), (7, 3), 0, 0, 360, (60, 60, 80), -1)
    assert not stillness.unchanged(camera)


def test_a_gaze_that_moves_is_seen_though_no_area_gets_lighter() -> None:
    stillness, cameras = settled(0)
    camera = next(cameras)
    camera[60:64, 100:102] += 25
    camera[60:64, 102:104] -= 25
    assert not stillness.unchanged(camera)


def test_a_faint_shadow_is_seen_though_every_spot_of_it_could_be_noise() -> None:
    stillness, cameras = settled(3)
    assert not stillness.unchanged(brighter(next(cameras), 1.4))


@pytest.mark.parametrize("sigma", [0.0, 3.0])
def test_a_slow_motion_is_seen_before_it_is_a_pixel_wide(sigma: float) -> None:
    stillness = ChangeDetector()
    noise = noised(np.full_like(scene(), 128), sigma)
    large = cv2.resize(scene(), None, fx=10, fy=10, interpolation=cv2.INTER_CUBIC)
    said = []
    for tenths in [0] * SETTLED + list(range(1, 60)):  # a tenth of a pixel each time
        turned = cv2.resize(np.roll(large, tenths, 1), (256, 144), interpolation=cv2.INTER_AREA)
        camera = (turned.astype(np.int16) + next(noise) - 128).clip(0, 255).astype(np.uint8)
        said.append(stillness.unchanged(camera))
    moving = said[SETTLED:]
    assert "".join("x" if unchanged else "." for unchanged in moving).find("x" * 12) == -1


@pytest.mark.parametrize("sigma", [0.0, 3.0])
def test_a_slow_change_of_the_light_is_seen_within_two_levels(sigma: float) -> None:
    stillness, cameras = settled(sigma)
    painted, light = 0.0, 0.0
    while light < 12:
        light += 0.1
        if not stillness.unchanged(brighter(next(cameras), light)):
            painted = light
        assert light - painted <= 2.2


def test_what_was_changed_and_comes_back_has_changed_again() -> None:
    stillness, cameras = settled(1)
    assert not stillness.unchanged(with_square(next(cameras), 100))
    assert not stillness.unchanged(next(cameras))


def test_motion_settles_before_anything_is_called_unchanged() -> None:
    stillness = ChangeDetector()
    for left in range(20, 140, 8):
        assert not stillness.unchanged(with_square(scene(), left))
    said = [stillness.unchanged(with_square(scene(), left)) for _ in range(20)]
    assert not any(said[:5])
    assert said[-1]


def test_something_always_moving_never_becomes_noise() -> None:
    stillness = ChangeDetector()
    noise = noised(np.full_like(scene(), 128), 2)
    for number in range(200):
        sensed = with_square(scene(), 100 + 20 * (number % 4)).astype(np.int16) + next(noise) - 128
        assert not stillness.unchanged(sensed.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("size", [(64, 64), (8, 8), (77, 101), (1280, 720)], ids=str)
def test_every_size_is_looked_at(size: tuple[int, int]) -> None:
    stillness, still = ChangeDetector(), cv2.resize(scene(), size).astype(np.uint8)
    assert [stillness.unchanged(still) for _ in range(20)][-1]
    assert not stillness.unchanged(brighter(still, 10))
