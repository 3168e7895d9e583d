"""Tests of the grain that moves with a picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stylecam.training.moving_grain import MovingGrain
from stylecam.training.network import make_network


@pytest.mark.parametrize("tier", ["lean", "rich"])
def test_a_whole_cell_moves_the_grain_by_one_place(tier: str) -> None:
    grain = MovingGrain(make_network(tier, 1, 16, 1), 2, 96, 16, np.random.default_rng(0))
    still = grain.at()
    assert still.shape == (2, 8, 12, 12)
    assert torch.equal(still, grain.at())
    assert torch.allclose(grain.at(8, -16)[:, :, :-1, 2:], still[:, :, 1:, :-2], atol=1e-4)
    assert float((grain.at(3, 5) - still).abs().mean()) > 0.05


def test_each_picture_has_a_grain_of_its_own() -> None:
    first, second = MovingGrain(make_network("lean", 1, 16, 1), 2, 96, 16, np.random.default_rng(0)).at()
    assert float((first - second).abs().mean()) > 0.5
