"""Imitate what a camera changes between two frames of a still scene: noise and light."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

NOISE = 3 / 255
"""Standard deviation of the noise of a common webcam indoors, for pixels of 0..1."""
_MAX_NOISE = 0.03
_MAX_OFFSET = 0.02


def add_noise(picture: Tensor, rng: np.random.Generator, sigma: float = NOISE) -> Tensor:
    """Return `picture` (B×3×H×W, 0..1) with Gaussian noise of standard deviation `sigma`, clamped to 0..1."""
    noise = rng.standard_normal(tuple(picture.shape), dtype=np.float32)
    return (picture + torch.from_numpy(noise).to(picture.device) * sigma).clamp(0, 1)


def relight_and_add_noise(picture: Tensor, rng: np.random.Generator) -> Tensor:
    """Return `picture` (B×3×H×W, 0..1) with slightly changed light and noise of a random strength up to 8 levels."""
    sigma, gain, offset = rng.uniform(0, _MAX_NOISE), rng.uniform(0.96, 1.04), rng.uniform(-1, 1)
    return add_noise(picture * gain + _MAX_OFFSET * offset, rng, sigma)
