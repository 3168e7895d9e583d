"""Imitate what cameras see: noise and light that change between two frames, plain walls, other colors and lenses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # paintings are checked before PyTorch is asked for
    from torch import Tensor

NOISE = 3 / 255
"""Standard deviation of the noise of a common webcam indoors, for pixels of 0..1."""
_MAX_NOISE = 0.03
_MAX_OFFSET = 0.02
_TURN, _TINT, _MAX_BLUR = 0.4, 0.15, 1.2
"""Most radians by which hues turn, most of a channel that is lost or added, and the widest blur in pixels (sigma)."""
_LUMA = np.array((0.299, 0.587, 0.114), np.float32)  # of red, green and blue (ITU-R BT.601)


def add_noise(picture: Tensor, rng: np.random.Generator, sigma: float = NOISE) -> Tensor:
    """Return `picture` (B×3×H×W, 0..1) with Gaussian noise of standard deviation `sigma`, clamped to 0..1."""
    import torch

    noise = rng.standard_normal(tuple(picture.shape), dtype=np.float32)
    return (picture + torch.from_numpy(noise).to(picture.device) * sigma).clamp(0, 1)


def relight_and_add_noise(picture: Tensor, rng: np.random.Generator) -> Tensor:
    """Return `picture` (B×3×H×W, 0..1) with slightly changed light and noise of a random strength up to 8 levels."""
    sigma, gain, offset = rng.uniform(0, _MAX_NOISE), rng.uniform(0.96, 1.04), rng.uniform(-1, 1)
    return add_noise(picture * gain + _MAX_OFFSET * offset, rng, sigma)


def with_wall(picture: npt.NDArray[np.float32], rng: np.random.Generator, away: tuple[float, float] | None) -> None:
    """Paint a plain, softly lit wall over one side of `picture` (n×n×3, 0..1), in place.

    Half of a webcam picture is such a wall, and few photographs have one. It lies on the side opposite to the point
    `away` (x, y), or anywhere.
    """
    side = len(picture)
    down, right = np.mgrid[:side, :side].astype(np.float32) - side / 2
    angle = rng.uniform(0, 2 * np.pi)
    if away is not None:
        angle = np.arctan2(side / 2 - away[1] + 20 * rng.normal(), side / 2 - away[0] + 20 * rng.normal())
    depth = np.cos(angle) * right + np.sin(angle) * down
    share = 1 / (1 + np.exp(-(depth - rng.uniform(0, 0.25) * side) / 2))[..., None]
    color = rng.uniform(0.35, 0.9) * (1 + rng.uniform(-0.08, 0.08, 3))
    slope = rng.uniform(0, 0.25) * depth[..., None] / side
    picture += (share * ((color + slope).clip(0, 1) - picture)).astype(np.float32)


def recolored_and_blurred(picture: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return `picture` (n×n×3 RGB 0..1) in other colors, and perhaps out of focus.

    Where there are few photographs, a network would otherwise learn to paint only the clothes and rooms in these.
    """
    gray = np.tile(_LUMA, (3, 1))
    turn, saturation = rng.uniform(-_TURN, _TURN), rng.uniform(0.4, 1.5)
    axis = np.array(((0, -1, 1), (1, 0, -1), (-1, 1, 0)), np.float32) / np.sqrt(3)  # of the rotation around gray
    rotation = np.eye(3) + np.sin(turn) * axis + (1 - np.cos(turn)) * axis @ axis
    tint = np.diag(rng.uniform(1 - _TINT, 1 + _TINT, 3))
    colors = tint @ (gray + saturation * (np.eye(3) - gray) @ rotation)
    turned = picture @ colors.T.astype(np.float32)
    if rng.random() < 0.3:
        turned = cv2.GaussianBlur(turned, (0, 0), rng.uniform(0.3, _MAX_BLUR))
    return turned.clip(0, 1)
