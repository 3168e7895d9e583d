"""The colours of a photograph kept under the strokes of a painting, as luminance-only transfer does it.

Gatys et al. 2016, https://arxiv.org/abs/1606.05897, section 5.1. Pictures are B×3×H×W RGB 0..1.
"""

from __future__ import annotations

import torch
from torch import Tensor

_SHARES = (0.299, 0.587, 0.114)  # of red, green and blue in luminance (ITU-R BT.601, as JPEG has it)


def luminance(picture: Tensor) -> Tensor:
    """How light each place is (B×1×H×W)."""
    return (picture * torch.tensor(_SHARES, device=picture.device)[None, :, None, None]).sum(1, keepdim=True)


def grey(picture: Tensor) -> Tensor:
    """`picture` without its colours."""
    return luminance(picture).expand(-1, 3, -1, -1).contiguous()


def lit_like(painting: Tensor, photo: Tensor) -> Tensor:
    """A grey `painting` as light and as rich in contrast as the grey `photo`, so that the photo's light is kept."""
    spread = photo.std() / painting.std().clamp_min(1e-6)
    return ((painting - painting.mean()) * spread + photo.mean()).clamp(0, 1)


def with_colors(painted: Tensor, photo: Tensor) -> Tensor:
    """The luminance of `painted` in the colours of `photo`.

    Where no screen can show that colour as light or dark as painted, luminance yields: cut off channel by channel, the
    colour would change instead.
    """
    color = photo - luminance(photo)
    lowest, highest = -color.amin(1, keepdim=True), 1 - color.amax(1, keepdim=True)
    return torch.minimum(torch.maximum(luminance(painted), lowest), highest) + color
