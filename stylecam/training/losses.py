"""What a style network is asked for, each as one number.

Content and style are Gatys' (https://arxiv.org/abs/1508.06576) as Johnson et al. 2016 use them, but each is divided by
its target's own size: so one weight serves all photographs and paintings.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class _Gram(torch.autograd.Function):
    """One product forward and one back, in the features' own type and layout: the step's dearest lines."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        """B×C×h×w to B×C×C."""
        batch, channels, height, width = features.shape
        rows = features.permute(0, 2, 3, 1).reshape(batch, height * width, channels)  # no copy where channels are last
        ctx.save_for_backward(rows)
        ctx.shape = features.shape
        return (rows.transpose(1, 2) @ rows).float() / (channels * height * width)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> Tensor:
        """∂/∂F of F·Fᵀ is (S + Sᵀ)·F."""
        (rows,) = ctx.saved_tensors
        batch, channels, height, width = ctx.shape
        both = (slopes[0] + slopes[0].transpose(1, 2)) / (channels * height * width)
        return (rows @ both.to(rows.dtype)).reshape(batch, height, width, channels).permute(0, 3, 1, 2)


class _RelativeError(torch.autograd.Function):
    """Keeps one difference in the features' own type, where plain autograd keeps and casts five maps."""

    @staticmethod
    def forward(ctx: Any, found: Tensor, wanted: Tensor) -> Tensor:
        """Two maps B×C×h×w to B values."""
        difference = found - wanted
        size = _square(wanted).clamp_min(1e-12 * wanted[0].numel())
        ctx.save_for_backward(difference, size)
        return _square(difference) / size

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None]:
        """Only the found features learn."""
        difference, size = ctx.saved_tensors
        return difference * (2 * slopes[0] / size)[:, None, None, None].to(difference.dtype), None


def _square(features: Tensor) -> Tensor:
    """The sum of squares of each picture's features, float32: along the channels first, in their own type."""
    return torch.linalg.vector_norm(features, dim=1).float().square().sum((1, 2))


def gram(features: Tensor) -> Tensor:
    """The Gram matrices (B×C×C, float32) of `features` (B×C×h×w), divided by C·h·w (Johnson 2016, eq. 3)."""
    return cast(Tensor, _Gram.apply(features))


def relative_error(found: Tensor, wanted: Tensor) -> Tensor:
    """The squared error of each picture relative to the wanted features' own square (B values from B×C×h×w).

    The wanted features count as given: no gradient goes into them.
    """
    return cast(Tensor, _RelativeError.apply(found, wanted))


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
    """Steadiness: the painting of a window moved by (`down`, `right`) is the painting, moved; one value a picture (B).

    `styled` and `moved` are B×3×n×n; the second comes from a window that lies so much further down and right, noised
    and re-lit. Taken on the whole overlap, the rim included, so that no frame is painted around the picture.
    """
    return (overlap(styled, down, right) - overlap(moved, -down, -right)).square().mean((1, 2, 3))


def noise_loss(styled: Tensor, noised: Tensor, sigma: float) -> Tensor:
    """Flicker: how much of a camera's noise comes through, as output over input variance (1: all of it), B values.

    `styled` and `noised` (B×3×n×n) are the paintings of a picture and of the same with noise of deviation `sigma`.
    """
    return (styled - noised).square().mean((1, 2, 3)) / sigma**2
