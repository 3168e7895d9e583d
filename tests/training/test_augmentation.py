"""Tests of the camera noise and light changes used by the stability losses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stylecam.training import augmentation


def gray_image(level: float = 0.5) -> torch.Tensor:
    return torch.full((2, 3, 64, 64), level)


def test_noise_has_the_requested_deviation_and_mean_zero() -> None:
    noise = augmentation.add_noise(gray_image(), np.random.default_rng(0), 0.02) - gray_image()
    assert noise.std().item() == pytest.approx(0.02, rel=0.03)
    assert abs(noise.mean().item()) < 0.001


def test_the_same_seed_makes_the_same_noise_and_values_stay_in_range() -> None:
    for make in (augmentation.add_noise, augmentation.relight_and_add_noise):
        first, second = (make(gray_image(0.99), np.random.default_rng(5)) for _ in range(2))
        assert torch.equal(first, second)
        assert (first.amin() >= 0, first.amax()) == (True, 1.0)


def test_the_light_changes_a_little_and_randomly() -> None:
    means = [
        augmentation.relight_and_add_noise(gray_image(), np.random.default_rng(seed)).mean().item()
        for seed in range(20)
    ]
    assert 0.01 < max(means) - min(means) < 0.1


@pytest.mark.parametrize("away", [None, (10.0, 32.0), (32.0, 60.0)])
def test_a_wall_covers_a_part_of_the_picture_away_from_the_face(away: tuple[float, float] | None) -> None:
    for seed in range(5):
        picture = np.random.default_rng(seed).random((64, 64, 3), dtype=np.float32)
        before = picture.copy()
        augmentation.with_wall(picture, np.random.default_rng(seed), away)
        changed = np.abs(picture - before).max(2) > 0.02
        assert 0.1 < changed.mean() < 0.75
        assert picture.min() >= 0
        assert picture.max() <= 1
        rough = np.abs(np.diff(picture, axis=1)).mean(2)
        assert np.median(rough[changed[:, 1:]]) < 0.05  # it is plain


def test_other_colors_keep_a_gray_picture_nearly_gray_and_differ_each_time() -> None:
    gray = np.full((32, 32, 3), 0.5, np.float32)
    turned = [augmentation.recolored_and_blurred(gray, np.random.default_rng(seed)) for seed in range(8)]
    assert all(0.4 < picture.mean() < 0.6 for picture in turned)  # the tint alone
    red = np.zeros((32, 32, 3), np.float32)
    red[..., 0] = 0.8
    pictures = [augmentation.recolored_and_blurred(red, np.random.default_rng(seed)) for seed in range(8)]
    assert all(picture.min() >= 0 and picture.max() <= 1 for picture in pictures)
    assert np.std([picture.mean((0, 1)) for picture in pictures], axis=0).max() > 0.05
