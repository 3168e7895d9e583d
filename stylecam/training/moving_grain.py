"""The grain of the pictures of one training step, which can move with them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from stylecam.models.grain import CELL_SIZE, kernel_radius, smooth_noise
from stylecam.training.network import GRAIN, StyleNetwork


class MovingGrain:
    """White noise for a batch of pictures, larger than they are, of which their grain is smoothed.

    Args:
        network: whose deviations and device the grain is for.
        batch: the number of pictures.
        window: the side of the square pictures in pixels.
        reach: how many pixels they can be moved in each direction.
        rng: makes the noise.
    """

    def __init__(self, network: StyleNetwork, batch: int, window: int, reach: int, rng: np.random.Generator) -> None:
        self._deviations, self._cells, self._reach = network.deviations, window // CELL_SIZE, reach
        self._device = next(network.parameters()).device
        side = self._cells + 2 * (kernel_radius(network.deviations) + reach // CELL_SIZE)
        self._noise = rng.standard_normal((batch, GRAIN, side, side), dtype=np.float32)

    def at(self, down: int = 0, right: int = 0) -> Tensor:
        """Return the grain, B×`GRAIN`×cells×cells, of pictures that were moved by so many pixels."""
        y, x = ((self._reach + shift) / CELL_SIZE for shift in (down, right))
        moved = smooth_noise(self._noise, self._cells, self._cells, y, x, self._deviations)
        return torch.from_numpy(moved).to(self._device)
