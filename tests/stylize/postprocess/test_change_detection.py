"""Tests of detecting changes: noise alone is none, the slightest motion is one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import cv2
import numpy as np
import pytest

from stylecam.media.frame import Image
from stylecam.stylize.postprocess.change_detection import ChangeDetector
from tests.stylize.postprocess.scenes import brighter, noisy_frames, scene, with_square

SETTLED = 30


def settled(sigma: float) -> tuple[ChangeDetector, Iterator[Image]]:
    detector, cameras = ChangeDetector(), noisy_frames(scene(), sigma)
    for camera in islice(cameras, SETTLED):
        detector.unchanged(camera)
    return detector, cameras


def test_the_first_picture_has_changed() -> None:
    assert not ChangeDetector().unchanged(scene())


@pytest.mark.parametrize("sigma", [0.0, 1.0, 3.0, 5.0])
def test_noise_alone_is_mostly_no_change(sigma: float) -> None:
    detector, cameras = settled(sigma)
    results = [detector.unchanged(camera) for camera in islice(cameras, 100)]
    assert np.mean(results) > 0.75


def test_a_paused_video_counts_as_changed_now_and_then() -> None:
    detector = ChangeDetector()
    results = [detector.unchanged(scene()) for _ in range(200)]
    last_change = [number for number, unchanged in enumerate(results) if not unchanged]
    assert 0.9 < np.mean(results[20:]) < 1
    assert 20 <= np.diff(last_change[-3:]).min() <= 60


def test_another_size_has_changed() -> None:
    detector, _ = settled(0)
    assert not detector.unchanged(cv2.resize(scene(), (320, 180)).astype(np.uint8))


@pytest.mark.parametrize("sigma", [0.0, 3.0])
def test_a_blinking_eye_is_detected(sigma: float) -> None:
    detector, cameras = settled(sigma)
    camera = next(cameras)
    cv2.ellipse(camera, (128, 60), (7, 3), 0, 0, 360, (60, 60, 80), -1)
    assert not detector.unchanged(camera)


def test_a_shifted_gaze_is_detected_although_no_area_gets_lighter() -> None:
    detector, cameras = settled(0)
    camera = next(cameras)
    camera[60:64, 100:102] += 25
    camera[60:64, 102:104] -= 25
    assert not detector.unchanged(camera)


def test_a_faint_light_change_is_detected_although_each_pixel_could_be_noise() -> None:
    detector, cameras = settled(3)
    assert not detector.unchanged(brighter(next(cameras), 1.4))


@pytest.mark.parametrize("sigma", [0.0, 3.0])
def test_a_slow_motion_is_detected_before_it_is_a_pixel_wide(sigma: float) -> None:
    detector = ChangeDetector()
    noise = noisy_frames(np.full_like(scene(), 128), sigma)
    large = cv2.resize(scene(), None, fx=10, fy=10, interpolation=cv2.INTER_CUBIC)
    results = []
    for tenths in [0] * SETTLED + list(range(1, 60)):  # a tenth of a pixel each time
        shifted = cv2.resize(np.roll(large, tenths, 1), (256, 144), interpolation=cv2.INTER_AREA)
        camera = (shifted.astype(np.int16) + next(noise) - 128).clip(0, 255).astype(np.uint8)
        results.append(detector.unchanged(camera))
    moving = results[SETTLED:]
    assert "".join("x" if unchanged else "." for unchanged in moving).find("x" * 12) == -1


@pytest.mark.parametrize("sigma", [0.0, 3.0])
def test_a_slow_change_of_the_light_is_detected_within_two_levels(sigma: float) -> None:
    detector, cameras = settled(sigma)
    last_change, light = 0.0, 0.0
    while light < 12:
        light += 0.1
        if not detector.unchanged(brighter(next(cameras), light)):
            last_change = light
        assert light - last_change <= 2.2


def test_a_change_back_is_a_change() -> None:
    detector, cameras = settled(1)
    assert not detector.unchanged(with_square(next(cameras), 100))
    assert not detector.unchanged(next(cameras))


def test_after_motion_a_few_frames_still_count_as_changed() -> None:
    detector = ChangeDetector()
    for left in range(20, 140, 8):
        assert not detector.unchanged(with_square(scene(), left))
    results = [detector.unchanged(with_square(scene(), left)) for _ in range(20)]
    assert not any(results[:5])
    assert results[-1]


def test_constant_motion_is_never_taken_for_noise() -> None:
    detector = ChangeDetector()
    noise = noisy_frames(np.full_like(scene(), 128), 2)
    for number in range(200):
        camera = with_square(scene(), 100 + 20 * (number % 4)).astype(np.int16) + next(noise) - 128
        assert not detector.unchanged(camera.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("size", [(64, 64), (8, 8), (77, 101), (1280, 720)], ids=str)
def test_changes_are_detected_at_every_size(size: tuple[int, int]) -> None:
    detector, still = ChangeDetector(), cv2.resize(scene(), size).astype(np.uint8)
    assert [detector.unchanged(still) for _ in range(20)][-1]
    assert not detector.unchanged(brighter(still, 10))
