"""VGG-16 up to relu4_3, whose features the losses use (Simonyan and Zisserman 2014, arxiv.org/abs/1409.1556)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from stylecam.errors import TrainingDataError
from stylecam.models.vgg import LAYERS, MEAN, TAPS, read_weights, shipped_vgg
from stylecam.training.checkpoint import DAMAGED_FILE_ERRORS
from stylecam.training.losses import gram
from stylecam.utils.npz import read_npz
from stylecam.utils.text import format_shape

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # RGB, 0..1
_ADVICE = (
    "leave out --vgg for the weights that come with stylecam, or give torchvision's official ones "
    "(vgg16-397923af.pth) or an .npz with conv1_1.w, conv1_1.b … conv4_3.b, for BGR 0..255 minus its mean"
)
_Arrays = dict[str, npt.NDArray[Any]]


class VggFeatures(nn.Module):
    """Computes the four feature maps of RGB pictures 0..1. Its weights are fixed.

    Args:
        taps: indices into `layers` whose outputs are the feature maps.
        flip: whether the weights expect BGR.
        scale: one factor a channel, applied after flipping.
        mean: one value a channel, subtracted after scaling.
    """

    def __init__(self, layers: nn.Sequential, taps: tuple[int, ...], flip: bool, scale: Tensor, mean: Tensor) -> None:
        super().__init__()
        self.layers, self._taps, self._flip = layers, taps, flip
        self.register_buffer("scale", scale[None, :, None, None])
        self.register_buffer("mean", mean[None, :, None, None])
        self.requires_grad_(False)
        self.to(memory_format=torch.channels_last)

    def use_bfloat16(self, enabled: bool) -> None:
        """Compute features in bfloat16, or else in float32. The weights are cast once; autocast would at each call."""
        self.layers.to(torch.bfloat16 if enabled else torch.float32)

    def forward(self, x: Tensor, taps: int = 4) -> list[Tensor]:
        """Return the first `taps` feature maps (B×C×h×w) of `x` (B×3×H×W RGB 0..1)."""
        value = (x.flip(1) if self._flip else x) * self.scale - self.mean
        features: list[Tensor] = []
        value = value.to(self.layers[0].weight.dtype)
        for index, layer in enumerate(self.layers):
            value = layer(value)
            if index in self._taps:
                features.append(value)
                if len(features) == taps:
                    break
        return features


@torch.no_grad()
def grams_of(vgg: VggFeatures, picture: Tensor) -> list[Tensor]:
    """Return the Gram matrices (B×C×C) of `picture` (B×3×H×W RGB 0..1) at the four layers: its style for the losses."""
    return [gram(features) for features in vgg(picture.to(vgg.scale.device))]


def load_vgg(file: Path | None) -> VggFeatures:
    """Load VGG-16 from `file`, by default the weights that come with stylecam, which have eight bits.

    Raises:
        TrainingDataError: `file` cannot be read, or its weights do not fit.
        ModelFormatError: the weights that come with stylecam are missing or damaged.
    """
    name = f"--vgg {file}"
    official = file is not None and file.suffix.lower() in (".pth", ".pt")
    if file is None:
        stored: _Arrays = dict(read_weights(shipped_vgg()))
    else:
        stored = _state(name, file) if official else _arrays(name, file)
    steps: list[nn.Module] = []
    taps: list[int] = []
    before = 3
    for layer in LAYERS:
        if layer == "pool":
            steps.append(nn.MaxPool2d(2))
            continue
        key = f"features.{len(steps)}"
        keys = (f"{key}.weight", f"{key}.bias") if official else (f"{layer}.w", f"{layer}.b")
        convolution = _convolution(name, stored, keys, before)
        steps += [convolution, nn.ReLU(inplace=True)]
        before = convolution.out_channels
        if layer in TAPS:
            taps.append(len(steps) - 1)
    if not official:
        return VggFeatures(nn.Sequential(*steps), tuple(taps), True, torch.full((3,), 255.0), torch.tensor(MEAN))
    std = torch.tensor(_IMAGENET_STD)
    return VggFeatures(nn.Sequential(*steps), tuple(taps), False, 1 / std, torch.tensor(_IMAGENET_MEAN) / std)


def _convolution(name: str, stored: _Arrays, keys: tuple[str, str], before: int) -> nn.Conv2d:
    """Return one layer of 3×3 kernels, checked."""
    try:
        weight, bias = (stored[key] for key in keys)
    except KeyError as error:
        raise TrainingDataError(f"{name} holds no array {error}; {_ADVICE}") from error
    if weight.ndim != 4 or weight.shape[1:] != (before, 3, 3) or bias.shape != weight.shape[:1]:
        found = f"{format_shape(weight.shape)} and {format_shape(bias.shape)}"
        raise TrainingDataError(
            f"{name}: {keys[0]} and {keys[1]} are {found} and should be N×{before}×3×3 and N; {_ADVICE}"
        )
    if not all(part.dtype.kind == "f" and np.isfinite(part).all() for part in (weight, bias)):
        raise TrainingDataError(f"{name}: {keys[0]} or {keys[1]} holds NaN, infinity or whole numbers; {_ADVICE}")
    layer = nn.Conv2d(before, len(weight), 3, padding=1)
    layer.weight.data = torch.from_numpy(weight.astype(np.float32))
    layer.bias.data = torch.from_numpy(bias.astype(np.float32))
    return layer


def _arrays(name: str, file: Path) -> _Arrays:
    """Read an .npz file."""
    try:
        return read_npz(file)
    except OSError as error:
        raise TrainingDataError(f"{name} cannot be read: {error.strerror or error}; {_ADVICE}") from error
    except ValueError as error:
        raise TrainingDataError(f"{name} is {error}; {_ADVICE}") from error


def _state(name: str, file: Path) -> _Arrays:
    """Read the convolutions of a PyTorch state dictionary; nothing else is accepted from the file."""
    try:
        stored = torch.load(file, map_location="cpu", weights_only=True)
        return {key: value.detach().numpy() for key, value in stored.items() if key.startswith("features.")}
    except OSError as error:
        raise TrainingDataError(f"{name} cannot be read: {error.strerror or error}; {_ADVICE}") from error
    except DAMAGED_FILE_ERRORS as error:
        raise TrainingDataError(f"{name} is damaged, or not a state dictionary of VGG-16; {_ADVICE}") from error
