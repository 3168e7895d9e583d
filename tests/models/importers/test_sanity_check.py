"""Tests of the plausibility check of an imported network's result."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stylecam.media.transforms import Tensor, to_tensor
from stylecam.models.importers.sanity_check import find_problem
from tests.models.importers.pictures import photo


@pytest.fixture(scope="module")
def photo_tensor() -> Tensor:
    return to_tensor(photo(264, 200))


def as_float32(value: object) -> Tensor:
    return np.asarray(value, np.float32)


def test_a_plausible_result_is_accepted(photo_tensor: Tensor) -> None:
    strokes = 0.15 * np.random.default_rng(1).standard_normal(photo_tensor.shape)
    for picture in (
        photo_tensor,
        photo_tensor**2,
        photo_tensor[:, ::-1] * 0.7,
        (photo_tensor + strokes).clip(0, 1),
        0.4 + 0.2 * photo_tensor,
    ):
        assert find_problem(photo_tensor, as_float32(picture)) is None


def test_a_two_level_result_is_accepted(photo_tensor: Tensor) -> None:
    cut = as_float32([cv2.blur(plane, (3, 3)) for plane in (photo_tensor[0] > 0.45).astype(np.float32)])[None]
    assert find_problem(photo_tensor, cut) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x[..., :-8], "a picture of 1×3×200×256 for one of 1×3×200×264"),
        (lambda x: x * np.float32(np.nan), "not numbers"),
        (lambda x: x * 0, "all black"),
        (lambda x: x / 255, "all black"),
        (lambda x: x * 0 + 1, "all white"),
        (lambda x: (x * 255).clip(0, 1), "all white|burnt out"),
        (lambda x: x * 0 + 0.5, "one even colour"),
        (lambda x: (x * 20 - 10).clip(0, 1), "burnt out"),
        (lambda x: 1 - x, "inverted"),
        (lambda x: np.random.default_rng(1).random(x.shape), "nothing of the photo"),
    ],
)  # fmt: skip
def test_a_wrongly_imported_network_is_detected(photo_tensor: Tensor, change: object, message: str) -> None:
    import re

    assert callable(change)
    reason = find_problem(photo_tensor, as_float32(change(photo_tensor)))
    assert reason is not None
    assert re.search(message, reason)
