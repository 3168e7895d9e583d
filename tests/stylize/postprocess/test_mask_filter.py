"""Tests of steadying masks: calm where nothing moves, at once where something does."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stylecam.media.frame import Image
from stylecam.stylize.postprocess.mask_filter import Mask, MaskFilter, seen_by


def person(left: int) -> Mask:
    mask: Mask = np.zeros((256, 256), np.float32)
    mask[80:, left : left + 80] = 1
    return mask


def camera(left: int | None, noise: float = 0, seed: int = 0) -> Image:
    """A patterned room and a person with a patterned shirt."""
    rows, columns = np.mgrid[0:256, 0:256]
    image = 130 + 40 * np.sin(columns / 11) + 20 * np.sin(rows / 5)
    if left is not None:
        image[80:, left : left + 80] = 60 + 20 * np.sin((columns[80:, :80]) / 4)
    image += np.random.default_rng(seed).normal(0, noise, image.shape) if noise else 0
    return np.asarray(np.clip(image, 0, 255)[..., None].repeat(3, 2), np.uint8)


def test_the_first_mask_passes_untouched() -> None:
    assert np.array_equal(MaskFilter().apply(person(60), seen_by(camera(60))), person(60))


def test_what_changes_at_random_while_nothing_moves_becomes_calm() -> None:
    rng, masks = np.random.default_rng(0), MaskFilter()
    steadied = []
    for at in range(40):
        mask = np.clip(cv2.GaussianBlur(person(60), (0, 0), 3) + rng.uniform(-0.2, 0.2), 0, 1).astype(np.float32)
        steadied.append(masks.apply(mask, seen_by(camera(60, noise=3, seed=at))))
    edge = [float(one[160, 60]) for one in steadied[20:]]
    assert np.std(edge) < 0.045, "0.115 is what the masks have"


@pytest.mark.parametrize("speed", [2, 7, 25])
def test_a_moving_person_is_not_lagged_behind(speed: int) -> None:
    masks = MaskFilter()
    for at in range(6):
        left = 10 + speed * at
        steady = masks.apply(person(left), seen_by(camera(left, noise=2, seed=at)))
        assert ((steady > 0.5) == (person(left) > 0.5)).mean() > 0.995


def test_where_somebody_was_nothing_stays() -> None:
    masks = MaskFilter()
    for at in range(20):
        masks.apply(person(60), seen_by(camera(60, noise=2, seed=at)))
    assert masks.apply(person(60) * 0, seen_by(camera(None, noise=2, seed=30))).max() < 0.02


def test_a_whole_area_that_changes_passes_although_the_camera_sees_no_change() -> None:
    masks = MaskFilter()
    for at in range(10):
        masks.apply(person(60), seen_by(camera(60, seed=at)))
    steady = masks.apply(np.zeros((256, 256), np.float32), seen_by(camera(60)))
    assert steady[150:250, 80:120].max() < 0.02


def test_a_mask_is_carried_along_with_who_moves_and_becomes_smaller() -> None:
    masks = MaskFilter()
    masks.apply(person(60), seen_by(camera(60)))
    for step in (1, 2):
        carried = masks.carry(seen_by(camera(60 + 4 * step)))
        assert carried is not None
        true = person(60 + 4 * step)
        assert (carried[true < 0.5] > 0.5).mean() < 0.01, "no room is taken for person"
        assert (carried[true > 0.5] > 0.5).mean() > 0.88
        edge = np.flatnonzero(carried[200] > 0.5)
        assert edge[0] > 60 + 4 * step, "the person's left edge has moved to the right by more than the person"
        assert edge[-1] < 60 + 4 * step + 79


def test_a_mask_is_carried_unchanged_while_nothing_moves() -> None:
    masks = MaskFilter()
    masks.apply(person(60), seen_by(camera(60)))
    carried = masks.carry(seen_by(camera(60)))
    assert carried is not None
    assert np.array_equal(carried, person(60))


def test_a_mask_is_not_carried_where_somebody_is_gone_at_once() -> None:
    masks = MaskFilter()
    masks.apply(person(60), seen_by(camera(60)))
    assert masks.carry(seen_by(camera(None))) is None


def test_what_is_gone_at_once_in_a_small_place_is_room() -> None:
    with_hand, without = camera(60), camera(60)
    with_hand[20:50, 200:220] = 220
    mask = person(60)
    mask[20:50, 200:220] = 1
    masks = MaskFilter()
    masks.apply(mask, seen_by(with_hand))
    carried = masks.carry(seen_by(without))
    assert carried is not None
    assert (carried[20:50, 200:220] > 0.5).mean() < 0.1
    assert carried[150:250, 70:130].min() > 0.9


def test_after_a_reset_the_next_mask_passes_untouched() -> None:
    masks = MaskFilter()
    for at in range(10):
        masks.apply(person(60), seen_by(camera(60, seed=at)))
    masks.reset()
    soft = (person(60) * 0.6).astype(np.float32)
    assert np.array_equal(masks.apply(soft, seen_by(camera(60))), soft)
