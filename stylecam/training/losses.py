"""What a style network is asked for, each as one number.

Content and style are Gatys' (https://arxiv.org/abs/1508.06576) as Johnson et al. 2016 use them, but each is divided by
its target's own size: so one weight serves all photographs and paintings.
"""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor


def gram(features: Tensor) -> Tensor:
    """The Gram matrices (B×C×C, float32) of `features` (B×C×h×w), divided by C·h·w (Johnson 2016, eq. 3)."""
    batch, channels, height, width = features.shape
    flat = features.float().reshape(batch, channels, height * width)
    return flat @ flat.transpose(1, 2) / (channels * height * width)


def relative_error(found: Tensor, wanted: Tensor) -> Tensor:
    """The squared error of each picture relative to the wanted features' own square (B values from B×C×h×w)."""
    found, wanted = found.float(), wanted.float()
    return (found - wanted).pow(2).mean((1, 2, 3)) / wanted.pow(2).mean((1, 2, 3)).clamp_min(1e-12)


def content_loss(found: list[Tensor], wanted: list[Tensor], fine: float) -> Tensor:
    """Forms kept: the error at relu3_3 plus `fine` times that at relu2_2, one value a picture (B)."""
    return relative_error(found[2], wanted[2]) + fine * relative_error(found[1], wanted[1])


def style_loss(found: list[Tensor], targets: list[Tensor]) -> Tensor:
    """Texture matched: relative Gram error summed over four layers, one value a picture (B).

    Args:
        found: feature maps B×C×h×w of four layers.
        targets: the Gram matrices B×C×C wanted there.
    """
    total = 0.0
    for features, target in zip(found, targets, strict=True):
        error = (gram(features) - target).pow(2).mean((1, 2))
        total = total + error / target.pow(2).mean((1, 2)).clamp_min(1e-20)
    return total


def variation_loss(picture: Tensor) -> Tensor:
    """Total variation: the mean squared difference of neighbours, down and across (one value from B×3×H×W)."""
    down = (picture[:, :, 1:] - picture[:, :, :-1]).pow(2).mean()
    across = (picture[:, :, :, 1:] - picture[:, :, :, :-1]).pow(2).mean()
    return down + across


def overlap(picture: Tensor, down: int, right: int) -> Tensor:
    """The part of `picture` (B×C×n×n) that is still there after the window moved by these pixels."""
    height, width = picture.shape[2:]
    return picture[:, :, max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)]


def stability_loss(styled: Tensor, moved: Tensor, down: int, right: int) -> Tensor:
    """Steadiness: the painting of a window moved by (`down`, `right`) is the painting, moved.

    `styled` and `moved` are B×3×n×n; the second comes from a window that lies so much further down and right, noised
    and re-lit. Taken on the whole overlap, the rim included, so that no frame is painted around the picture.
    """
    return F.mse_loss(overlap(styled, down, right), overlap(moved, -down, -right))
