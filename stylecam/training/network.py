"""The style networks, lean and rich: one small body for many styles.

A feed-forward network after Johnson et al. 2016 (https://arxiv.org/abs/1603.08155) with the instance normalization of
Ulyanov et al. 2016 (https://arxiv.org/abs/1607.08022), conditional on the style as in Dumoulin et al. 2017
(https://arxiv.org/abs/1610.07629). Its feature maps are never larger than a quarter of the picture's side; that, more
than its low arithmetic, makes it fast on a processor. The grain (see `stylecam.models.grain`) keeps plain walls from
looking like wallpaper. Its body cannot see where the picture ends, or it would paint a frame around plain walls: values
that were computed from the zeros beyond the border are replaced, and later layers are padded, by mirrored values.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor, nn

from stylecam.models.grain import CELL_SIZE, OCTAVES, grain_map

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


class SubpixelConvolution(nn.Conv2d):
    """The 3×3 convolution before a pixel shuffle ×2, without the weave that shuffles are known for.

    Its weights for the four sub-pixels are projected on those that equal a bilinear doubling and one 3×3 convolution
    after it, so no sub-pixel has a brightness of its own (Odena 2016, https://distill.pub/2016/deconv-checkerboard/).
    """

    def __init__(self, ins: int) -> None:
        super().__init__(ins, 12, 3, padding=1, padding_mode="reflect")
        # What each sub-pixel sees of three pixels, by the tap of the kernel that looks at the doubled map.
        even = torch.tensor([[0.75, 0.25, 0.0], [0.25, 0.75, 0.75], [0.0, 0.0, 0.25]])
        sees = torch.stack([even, even.flip(0, 1)])
        taps = torch.einsum("pud,qve->pquvde", sees, sees).reshape(36, 9)
        self.register_buffer("_projection", taps @ torch.linalg.pinv(taps), persistent=False)
        with torch.no_grad():
            for parameter, smooth in zip((self.weight, self.bias), self.smooth(), strict=True):
                parameter.copy_(smooth)

    def is_smooth(self) -> bool:
        """Return whether the weights are such already, but for rounding: those of a new layer or a bank's file are."""
        return all(
            torch.allclose(a, b, atol=1e-6) for a, b in zip(self.smooth(), (self.weight, self.bias), strict=True)
        )

    def smooth(self) -> tuple[Tensor, Tensor]:
        """Return the projected weights (12×C×3×3) and biases (12)."""
        weights = self.weight.unflatten(0, (3, 4)).transpose(1, 2).flatten(2)  # color × channel × (sub-pixel · 3 · 3)
        projected = (weights[..., None] * self._projection).sum(2)  # no matrix product: autocast would round that
        projected = projected.unflatten(2, (4, 3, 3)).transpose(1, 2).flatten(0, 1)
        return projected, self.bias.view(3, 4).mean(1).repeat_interleave(4)

    def forward(self, x: Tensor) -> Tensor:
        """Map B×C×h×w to B×12×h×w, for a pixel shuffle."""
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), *self.smooth())


class StyleNetwork(nn.Module):
    """A bank of styles, of one of the two tiers.

    Attributes:
        tier: `lean` for slow processors, `rich` where there is more machine.
        alignment: what width and height of a picture must be multiples of.
        deviations: of the grain's channels, see `grain_map`; empty for the default.
        styles: the number of styles.
        sizes: rows of norm parameters of each style: one, or two for fine and broad strokes.
        width: channels of the body.
        blocks: residual blocks of the body.
        quarter: channels at 1/4 size.
    """

    tier: ClassVar[str]
    alignment: ClassVar[int] = 8
    deviations: ClassVar[tuple[float, ...]] = ()

    def __init__(self, styles: int, width: int, blocks: int, quarter: int, sizes: int) -> None:
        super().__init__()
        self.styles, self.width, self.blocks, self.quarter, self.sizes = styles, width, blocks, quarter, sizes

    @property
    def rows(self) -> int:
        """The length of the weight vector."""
        return self.styles * self.sizes

    @property
    def shape(self) -> dict[str, Any]:
        """The arguments of `make_network` for a network of this shape."""
        return {
            "tier": self.tier, "styles": self.styles, "width": self.width, "blocks": self.blocks,
            "quarter": self.quarter, "sizes": self.sizes,
        }  # fmt: skip

    def weights_of(self, styles: Tensor, broad_shares: Tensor) -> Tensor:
        """Return the weights (B×`rows`) of styles by their numbers (B int64), with so much of the broad row (B)."""
        chosen = F.one_hot(styles, self.styles).float()
        if self.sizes == 1:
            return chosen
        shares = torch.stack([1 - broad_shares, broad_shares], 1)
        return (chosen[:, :, None] * shares[:, None]).flatten(1)

    def grain_of(self, x: Tensor) -> Tensor:
        """Return the grain of the upper left corner of a picture, for pictures of the size of `x` (B×3×H×W)."""
        rows, columns = (side // CELL_SIZE for side in x.shape[2:])
        return torch.from_numpy(grain_map(GRAIN, rows, columns, deviations=self.deviations)).to(x.device)


class LeanNetwork(StyleNetwork):
    """The lean tier: strided head to 1/4 and 1/8, body at 1/8, nearest-neighbor doubling and a pixel shuffle ×4."""

    tier = "lean"

    def __init__(self, styles: int, width: int = 48, blocks: int = 4, quarter: int = 32, sizes: int = 1) -> None:
        super().__init__(styles, width, blocks, quarter, sizes)
        rows = self.rows
        self.h4 = Layer(rows, 3, quarter, 8, 4)
        self.h8 = Layer(rows, quarter, width, 4, 2, trimmed=True)
        self.grain = Layer(rows, GRAIN, width, 1, rectify=False)
        nn.init.zeros_(self.grain.n.g)  # a bank trained without grain starts out unchanged
        self.body = nn.ModuleList(Residual(rows, width) for _ in range(blocks))
        self.u4 = Layer(rows, width, quarter, 3)
        self.out = nn.Conv2d(quarter, 48, 3, padding=1)

    def forward(self, x: Tensor, weights: Tensor, grain: Tensor | None = None) -> Tensor:
        """Paint `x` (B×3×H×W RGB 0..1, H and W multiples of 8, at least 32) for `weights` (B×N).

        `grain` is B×`GRAIN`×H/8×W/8; without it, the grain of a picture's upper left corner is used.
        """
        fine = self.h4(x, weights)
        y = self.h8(fine, weights) + self.grain(self.grain_of(x) if grain is None else grain, weights)
        for block in self.body:
            y = block(y, weights)
        y = F.interpolate(y, scale_factor=2.0, mode="nearest")
        return torch.sigmoid(F.pixel_shuffle(self.out(self.u4(y, weights) + fine), 4))


class RichNetwork(StyleNetwork):
    """The rich tier: a head to 1/4 and 1/8, a body at 1/16, and back in steps of two.

    The way back is bilinear, with convolutions between the steps, and meets what the head saw at 1/8, 1/4 and 1/2, so
    that contours are as sharp as the picture's. The grain has octaves, so that large forms on plain walls differ too.
    """

    tier = "rich"
    alignment = 16
    deviations = OCTAVES
    _HALF = 24
    _EIGHTH = 64

    def __init__(self, styles: int, width: int = 128, blocks: int = 4, quarter: int = 48, sizes: int = 2) -> None:
        super().__init__(styles, width, blocks, quarter, sizes)
        rows = self.rows
        eighth, half = self._EIGHTH, self._HALF
        self.h2 = Layer(rows, 3, half, 4, 2, mirrored=True)
        nn.init.constant_(self.h2.n.g, 0.3)
        self.h4 = Layer(rows, 3, quarter, 8, 4)
        self.h8 = Layer(rows, quarter, eighth, 4, 2, trimmed=True)
        self.grain = Layer(rows, GRAIN, eighth, 1, rectify=False)
        nn.init.constant_(self.grain.n.g, 0.3)
        self.down = Residual(rows, eighth)
        self.h16 = Layer(rows, eighth, width, 4, 2, trimmed=True)
        self.body = nn.ModuleList(Residual(rows, width) for _ in range(blocks))
        self.u8 = Layer(rows, width, eighth, 1)
        self.up = Residual(rows, eighth)
        self.u4 = Layer(rows, eighth, quarter, 3, mirrored=True)
        self.narrow = nn.Conv2d(quarter, half, 1)
        self.u2 = Layer(rows, half, half, 3, mirrored=True)
        self.out = SubpixelConvolution(half)

    def forward(self, x: Tensor, weights: Tensor, grain: Tensor | None = None) -> Tensor:
        """Paint `x` (B×3×H×W RGB 0..1, H and W multiples of 16, at least 64) for `weights` (B×N).

        `grain` is as for the lean network, with `deviations`.
        """
        fine = self.h4(x, weights)
        y = self.h8(fine, weights) + self.grain(self.grain_of(x) if grain is None else grain, weights)
        y = self.down(y, weights)
        z = self.h16(y, weights)
        for block in self.body:
            z = block(z, weights)
        y = self.up(y + _doubled(self.u8(z, weights)), weights)
        y = self.u4(_doubled(y), weights) + fine
        y = self.u2(_doubled(self.narrow(y)) + self.h2(x, weights), weights)
        return torch.sigmoid(F.pixel_shuffle(self.out(y), 2))


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


_TIERS: dict[str, type[LeanNetwork] | type[RichNetwork]] = {"lean": LeanNetwork, "rich": RichNetwork}


def make_network(
    tier: str,
    styles: int,
    width: int | None = None,
    blocks: int = 4,
    quarter: int | None = None,
    sizes: int | None = None,
) -> StyleNetwork:
    """Return a network with random weights; None stands for the tier's own number of channels, or of rows a style."""
    numbers = {"width": width, "quarter": quarter, "sizes": sizes}
    chosen = {name: value for name, value in numbers.items() if value is not None}
    return _TIERS[tier](styles, blocks=blocks, **chosen)


def with_styles(network: StyleNetwork, added: int) -> StyleNetwork:
    """Return a copy of `network` with `added` more styles at the end, each starting as the mean of the others."""
    grown = make_network(**{**network.shape, "styles": network.styles + added})
    state = dict(network.state_dict())
    for name, value in grown.state_dict().items():
        if value.shape != state[name].shape:
            fresh = state[name].unflatten(0, (-1, network.sizes)).mean(0)
            state[name] = torch.cat([state[name], fresh.repeat(added, 1)])
    grown.load_state_dict(state)
    return grown


def norm_rows(network: nn.Module) -> list[nn.Parameter]:
    """Return the scale and shift rows of all conditional instance norms: the parameters that belong to the styles."""
    norms = [module for module in network.modules() if isinstance(module, ConditionalInstanceNorm)]
    return [rows for norm in norms for rows in (norm.g, norm.b)]


def train_only_new_styles(network: StyleNetwork, first: int) -> None:
    """Freeze everything but the norm rows of the styles from number `first` on.

    The rows of older styles get a gradient of zero, for which Adam takes no step.
    """
    first *= network.sizes
    network.requires_grad_(False)
    for rows in norm_rows(network):
        rows.requires_grad_(True)
        rows.register_hook(lambda gradient: torch.cat([torch.zeros_like(gradient[:first]), gradient[first:]]))
