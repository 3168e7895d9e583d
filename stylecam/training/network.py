"""The lean style network: one small body for many styles.

A feed-forward network after Johnson et al. 2016 (https://arxiv.org/abs/1603.08155) with the instance normalization of
Ulyanov et al. 2016 (https://arxiv.org/abs/1607.08022), conditional on the style as in Dumoulin et al. 2017
(https://arxiv.org/abs/1610.07629). Its feature maps are never larger than a quarter of the picture's side; that, more
than its low arithmetic, makes it fast on a processor. The grain (see `stylecam.models.grain`) keeps plain walls from
looking like wallpaper. Its body cannot see where the picture ends, or it would paint a frame around plain walls: values
that were computed from the zeros beyond the border are replaced, and later layers are padded, by mirrored values.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor, nn

from stylecam.models.grain import CELL_SIZE, grain_map

GRAIN = 8
"""Number of grain channels."""


class ConditionalInstanceNorm(nn.Module):
    """Instance norm whose scale and shift are mixed from the rows of N styles: x̂ · (w·γ) + (w·β) (Dumoulin 2017)."""

    def __init__(self, styles: int, channels: int) -> None:
        super().__init__()
        self.g = nn.Parameter(torch.ones(styles, channels))
        self.b = nn.Parameter(torch.zeros(styles, channels))

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        """Normalize `x` (B×C×H×W) for `weights` (B×N)."""
        return F.instance_norm(x) * (weights @ self.g)[..., None, None] + (weights @ self.b)[..., None, None]


class Layer(nn.Module):
    """Convolution, conditional instance norm and, with `rectify`, a ReLU.

    The convolution is padded with zeros or, with `mirrored`, with the reflected map. With `trimmed`, the outermost
    output values, which were computed from the padding, are replaced by reflected inner ones.
    """

    def __init__(
        self,
        styles: int,
        ins: int,
        outs: int,
        kernel: int,
        stride: int = 1,
        *,
        rectify: bool = True,
        mirrored: bool = False,
        trimmed: bool = False,
    ) -> None:
        super().__init__()
        padding = (kernel - stride) // 2 if stride > 1 else kernel // 2
        self.c = nn.Conv2d(ins, outs, kernel, stride, padding, padding_mode="reflect" if mirrored else "zeros")
        self.n = ConditionalInstanceNorm(styles, outs)
        self.rectify, self.trimmed = rectify, trimmed

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        """Apply the layer to `x` (B×C×H×W) for `weights` (B×N)."""
        x = self.c(x)
        if self.trimmed:
            x = F.pad(x[:, :, 1:-1, 1:-1], (1, 1, 1, 1), mode="reflect")
        x = self.n(x, weights)
        return F.relu(x) if self.rectify else x


class Residual(nn.Module):
    """Two layers and a shortcut around them (He et al. 2015)."""

    def __init__(self, styles: int, channels: int) -> None:
        super().__init__()
        self.a = Layer(styles, channels, channels, 3, mirrored=True)
        self.b = Layer(styles, channels, channels, 3, rectify=False, mirrored=True)

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        """Apply the block to `x` (B×C×H×W) for `weights` (B×N)."""
        return x + self.b(self.a(x, weights), weights)


class LeanNetwork(nn.Module):
    """A bank: strided head to 1/4 and 1/8, body at 1/8, nearest-neighbor doubling and a pixel shuffle ×4.

    Args:
        styles: N, the length of the weight vector.
        width: channels at 1/8 size.
        blocks: residual blocks at 1/8 size.
        quarter: channels at 1/4 size.
    """

    def __init__(self, styles: int, width: int = 48, blocks: int = 4, quarter: int = 32) -> None:
        super().__init__()
        self.styles, self.width, self.blocks, self.quarter = styles, width, blocks, quarter
        self.h4 = Layer(styles, 3, quarter, 8, 4)
        self.h8 = Layer(styles, quarter, width, 4, 2, trimmed=True)
        self.grain = Layer(styles, GRAIN, width, 1, rectify=False)
        nn.init.zeros_(self.grain.n.g)  # a bank trained without grain starts out unchanged
        self.body = nn.ModuleList(Residual(styles, width) for _ in range(blocks))
        self.u4 = Layer(styles, width, quarter, 3)
        self.out = nn.Conv2d(quarter, 48, 3, padding=1)

    def forward(self, x: Tensor, weights: Tensor, grain: Tensor | None = None) -> Tensor:
        """Paint `x` (B×3×H×W RGB 0..1, H and W multiples of 8, at least 32) for `weights` (B×N).

        `grain` is B×`GRAIN`×H/8×W/8; without it, the grain of a picture's upper left corner is used.
        """
        if grain is None:
            height, width = x.shape[2:]
            grain = torch.from_numpy(grain_map(GRAIN, height // CELL_SIZE, width // CELL_SIZE)).to(x.device)
        fine = self.h4(x, weights)
        y = self.h8(fine, weights) + self.grain(grain, weights)
        for block in self.body:
            y = block(y, weights)
        y = F.interpolate(y, scale_factor=2.0, mode="nearest")
        return torch.sigmoid(F.pixel_shuffle(self.out(self.u4(y, weights) + fine), 4))


def with_styles(network: LeanNetwork, added: int) -> LeanNetwork:
    """Return a copy of `network` with `added` more styles at the end, each starting as the mean of the others."""
    grown = LeanNetwork(network.styles + added, network.width, network.blocks, network.quarter)
    state = dict(network.state_dict())
    for name, value in grown.state_dict().items():
        if value.shape != state[name].shape:
            fresh = state[name].mean(0, keepdim=True).expand(added, -1)
            state[name] = torch.cat([state[name], fresh])
    grown.load_state_dict(state)
    return grown


def norm_rows(network: nn.Module) -> list[nn.Parameter]:
    """Return the scale and shift rows of all conditional instance norms: the parameters that belong to the styles."""
    norms = [module for module in network.modules() if isinstance(module, ConditionalInstanceNorm)]
    return [rows for norm in norms for rows in (norm.g, norm.b)]


def train_only_new_styles(network: LeanNetwork, first: int) -> None:
    """Freeze everything but the norm rows of the styles from number `first` on.

    The rows of older styles get a gradient of zero, for which Adam takes no step.
    """
    network.requires_grad_(False)
    for rows in norm_rows(network):
        rows.requires_grad_(True)
        rows.register_hook(lambda gradient: torch.cat([torch.zeros_like(gradient[:first]), gradient[first:]]))
