"""What a camera does between two frames of a scene that stands still."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

NOISE = 3 / 255
"""The standard deviation of a common webcam's noise indoors, of 0..1."""
_MOST_NOISE = 0.03
_SHIFT_OF_LIGHT = 0.02


def noised(picture: Tensor, chance: np.random.Generator, sigma: float = NOISE) -> Tensor:
    """`picture` (B×3×H×W, 0..1) with Gaussian noise of that standard deviation, clamped to 0..1."""
    noise = chance.standard_normal(tuple(picture.shape), dtype=np.float32)
    return (picture + torch.from_numpy(noise).to(picture.device) * sigma).clamp(0, 1)


def disturbed(picture: Tensor, chance: np.random.Generator) -> Tensor:
    """`picture` (B×3×H×W, 0..1) in a light that changed a little, with any noise up to 8 levels."""
    sigma, gain, offset = chance.uniform(0, _MOST_NOISE), chance.uniform(0.96, 1.04), chance.uniform(-1, 1)
    return noised(picture * gain + _SHIFT_OF_LIGHT * offset, chance, sigma)
