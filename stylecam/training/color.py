"""Keep the colors of a photograph under the strokes of a painting: luminance-only transfer.

Gatys et al. 2016, https://arxiv.org/abs/1606.05897, section 5.1. Pictures are B×3×H×W RGB 0..1.
"""

from __future__ import annotations

import torch
from torch import Tensor

_LUMA = (0.299, 0.587, 0.114)  # weights of red, green and blue (ITU-R BT.601, as in JPEG)


def luminance(picture: Tensor) -> Tensor:
    """Return the luminance of `picture` (B×1×H×W)."""
    return (picture * torch.tensor(_LUMA, device=picture.device)[None, :, None, None]).sum(1, keepdim=True)


def gray_image(picture: Tensor) -> Tensor:
    """Return `picture` in shades of gray, still with three channels."""
    return luminance(picture).expand(-1, 3, -1, -1).contiguous()


def match_luminance(painting: Tensor, photo: Tensor) -> Tensor:
    """Return the gray `painting` with the mean and standard deviation of the gray `photo`, clamped to 0..1."""
    spread = photo.std() / painting.std().clamp_min(1e-6)
    return ((painting - painting.mean()) * spread + photo.mean()).clamp(0, 1)


def transfer_color(painted: Tensor, photo: Tensor) -> Tensor:
    """Return the luminance of `painted` with the colors of `photo`.

    Where no screen can show that color at the painted luminance, the luminance is limited instead: clipping each
    channel by itself would change the color.
    """
    color = photo - luminance(photo)
    lowest, highest = -color.amin(1, keepdim=True), 1 - color.amax(1, keepdim=True)
    return torch.minimum(torch.maximum(luminance(painted), lowest), highest) + color
