"""The losses that a style network is trained with, each one number.

Content and style are those of Gatys et al. 2015 (https://arxiv.org/abs/1508.06576) as Johnson et al. 2016 use them, but
each is divided by the size of its own target, so that one weight serves all photographs and paintings.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor
from torch.autograd.function import once_differentiable

_BLUR, _LEAST_CONTRAST = 17, 0.02
_WEAVES, _LASTING = (2, 4), 16
_LUMA = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601)
_TONE_CELL, _LEAST_TONE_CONTRAST = 16, 0.06
_OPPONENTS, _LEAST_WARMTH_CONTRAST = ((1.0, -1.0, 0.0), (0.5, 0.5, -1.0)), 0.03  # red to green and yellow to blue


class _Gram(torch.autograd.Function):
    """One product forward and one backward, in the features' own dtype and layout: the costliest lines of a step."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        """Map B×C×h×w to B×C×C."""
        batch, channels, height, width = features.shape
        rows = features.permute(0, 2, 3, 1).reshape(batch, height * width, channels)  # no copy if channels are last
        ctx.save_for_backward(rows)
        ctx.shape = features.shape
        return (rows.transpose(1, 2) @ rows).float() / (channels * height * width)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """Return ∂/∂F of F·Fᵀ, which is (S + Sᵀ)·F."""
        (rows,) = ctx.saved_tensors
        batch, channels, height, width = ctx.shape
        both = (gradients[0] + gradients[0].transpose(1, 2)) / (channels * height * width)
        return (rows @ both.to(rows.dtype)).reshape(batch, height, width, channels).permute(0, 3, 1, 2)


class _RelativeError(torch.autograd.Function):
    """Keeps one difference in the features' own dtype, where plain autograd keeps and casts five maps."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, target: Tensor) -> Tensor:
        """Map two tensors B×C×h×w to B values."""
        difference = features - target
        size = _square(target).clamp_min(1e-12 * target[0].numel())
        ctx.save_for_backward(difference, size)
        return _square(difference) / size

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Return the gradient of the features; the target has none."""
        difference, size = ctx.saved_tensors
        return difference * (2 * gradients[0] / size)[:, None, None, None].to(difference.dtype), None


def _square(features: Tensor) -> Tensor:
    """Return each picture's sum of squares, float32: over the channels first, in their own dtype."""
    return torch.linalg.vector_norm(features, dim=1).float().square().sum((1, 2))


def gram(features: Tensor) -> Tensor:
    """Return the Gram matrices (B×C×C float32) of `features` (B×C×h×w), divided by C·h·w (Johnson 2016, eq. 3)."""
    return cast(Tensor, _Gram.apply(features))


def relative_error(features: Tensor, target: Tensor) -> Tensor:
    """Return each picture's squared error relative to the square of the target (B values from B×C×h×w).

    No gradient flows into the target.
    """
    return cast(Tensor, _RelativeError.apply(features, target))


def content_loss(features: list[Tensor], target: list[Tensor], fine: float) -> Tensor:
    """Return the content loss: the error at relu3_3 plus `fine` times that at relu2_2, one value a picture (B)."""
    return relative_error(features[2], target[2]) + fine * relative_error(features[1], target[1])


def normalized_error(features: Tensor, target: Tensor) -> Tensor:
    """Return each picture's relative error (B values from B×C×h×w) after instance normalization.

    Normalized features hold the shapes of a picture, and neither its palette nor its contrast.
    """
    return relative_error(F.instance_norm(features.float()), F.instance_norm(target.float()))


def region_style_loss(features: list[Tensor], targets: list[Tensor], regions: int, *, balanced: bool = False) -> Tensor:
    """Return the mean `style_loss` of `regions` × `regions` equal parts of each picture, one value a picture (B)."""
    total = torch.zeros(())
    for row in range(regions):
        for column in range(regions):
            parts = [_region(layer, regions, row, column) for layer in features]
            total = total.to(parts[0].device) + style_loss(parts, targets, balanced=balanced)
    return total / regions**2


def _region(features: Tensor, regions: int, row: int, column: int) -> Tensor:
    height, width = (side // regions for side in features.shape[2:])
    return features[:, :, row * height : (row + 1) * height, column * width : (column + 1) * width]


def style_loss(features: list[Tensor], targets: list[Tensor], *, balanced: bool = False) -> Tensor:
    """Return the style loss, one value a picture (B): the relative error of the Gram matrices of `features` (B×C×h×w).

    It is summed over the layers; `targets` are the Gram matrices (B×C×C) to reach there. An error ‖G − T‖² is divided
    by ‖T‖², or with `balanced` by ‖G‖·‖T‖. Then half of the contrast costs as much as twice of it; otherwise a network
    that cannot know a painting well chooses too little, which costs 1 at most.
    """
    total = 0.0
    for layer, target in zip(features, targets, strict=True):
        found, size = gram(layer), target.pow(2).mean((1, 2))
        if balanced:
            size = (size * found.pow(2).mean((1, 2))).clamp_min(1e-24).sqrt()
        total = total + (found - target).pow(2).mean((1, 2)) / size.clamp_min(1e-20)
    return total


def tone_loss(picture: Tensor, photo: Tensor) -> Tensor:
    """Return how far light and dark lie elsewhere than in `photo` (both B×3×H×W RGB 0..1), one value.

    It compares the luma of cells of 16 pixels after it was brought to one mean and one contrast: a painting may be
    darker or harsher than the photograph, but what is dark beside its surroundings stays so.
    """
    return (_tones(picture) - _tones(photo)).square().mean()


def _tones(picture: Tensor) -> Tensor:
    luma = (picture * picture.new_tensor(_LUMA)[:, None, None]).sum(1, keepdim=True)
    cells = F.avg_pool2d(luma, _TONE_CELL)
    cells = cells - cells.mean((2, 3), keepdim=True)
    return cells / cells.square().mean((2, 3), keepdim=True).sqrt().clamp_min(_LEAST_TONE_CONTRAST)


def warmth_loss(picture: Tensor, photo: Tensor) -> Tensor:
    """Return how far warm and cool colors lie elsewhere than in `photo` (both B×3×H×W RGB 0..1), one value.

    It is for colors what `tone_loss` is for light: whatever the painting's palette, skin that is warmer than the wall
    behind it stays warmer.
    """
    return (_warmths(picture) - _warmths(photo)).square().mean()


def _warmths(picture: Tensor) -> Tensor:
    cells = torch.einsum("oc,bchw->bohw", picture.new_tensor(_OPPONENTS), F.avg_pool2d(picture, _TONE_CELL))
    cells = cells - cells.mean((2, 3), keepdim=True)
    return cells / cells.square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(_LEAST_WARMTH_CONTRAST)


def variation_loss(picture: Tensor) -> Tensor:
    """Return the total variation: the mean squared difference of neighbors, down and across (B×3×H×W to one value)."""
    down = (picture[:, :, 1:] - picture[:, :, :-1]).pow(2).mean()
    across = (picture[:, :, :, 1:] - picture[:, :, :, :-1]).pow(2).mean()
    return down + across


def weave_loss(picture: Tensor) -> Tensor:
    """Return how much of a weave of 2 or 4 pixels `picture` holds (B×3×H×W, sides multiples of 4), one value.

    A network that enlarges in steps of two paints each pixel of a square with weights of its own, so one of them can be
    lighter everywhere. What lasts over 16 pixels counts; the edges and marks of a painting do not last.
    """
    total = picture.new_zeros(())
    for period in _WEAVES:
        phases = F.pixel_unshuffle(picture, period).unflatten(1, (3, period**2))
        deviation = (phases - phases.mean(2, keepdim=True)).flatten(1, 2)
        total = total + F.avg_pool2d(deviation, _LASTING // period, _LASTING // period // 2).square().mean()
    return total


def overlap(picture: Tensor, down: int, right: int) -> Tensor:
    """Return the part of `picture` (B×C×n×n) that remains visible after the window moved by these pixels."""
    height, width = picture.shape[2:]
    return picture[:, :, max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)]


def stability_loss(styled: Tensor, moved: Tensor, down: int, right: int) -> Tensor:
    """Return how far the painting of a moved window is from the moved painting, one value a picture (B).

    `styled` and `moved` are B×3×n×n; the second comes from a window that lies `down` and `right` pixels further, noised
    and relit. The whole overlap counts, the rim included, so that no frame is painted around the picture. The squared
    difference is relative to the painting's own fine contrast: an absolute one would ask for timid paintings.
    """
    before = overlap(styled, down, right)
    around = F.pad(before.detach(), (_BLUR // 2,) * 4, mode="reflect")
    blurred = F.avg_pool2d(F.avg_pool2d(around, (_BLUR, 1), 1), (1, _BLUR), 1)  # in two passes: nine times as fast
    contrast = (before.detach() - blurred).square().mean((1, 2, 3))
    return (before - overlap(moved, -down, -right)).square().mean((1, 2, 3)) / (contrast + _LEAST_CONTRAST**2)
