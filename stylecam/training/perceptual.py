"""The perceptual network: VGG-16 (Simonyan and Zisserman 2014, https://arxiv.org/abs/1409.1556) up to relu4_3."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from stylecam.errors import TrainingDataError
from stylecam.training.losses import gram

LAYERS = (
    *("conv1_1", "conv1_2", "pool"),
    *("conv2_1", "conv2_2", "pool"),
    *("conv3_1", "conv3_2", "conv3_3", "pool"),
    *("conv4_1", "conv4_2", "conv4_3"),
)
TAPS = ("conv1_2", "conv2_2", "conv3_3", "conv4_3")
"""The features are taken after the rectifier of these: relu1_2, relu2_2, relu3_3, relu4_3 (Johnson 2016)."""

_CAFFE_MEAN = (103.939, 116.779, 123.68)  # BGR, 0..255
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # RGB, 0..1
_ADVICE = (
    "give the weights with --vgg FILE (an .npz with conv1_1.w, conv1_1.b … conv4_3.b, for BGR 0..255 minus its mean), "
    "or `pip install torchvision` and let it fetch the official ones from the internet"
)


class Perceptual(nn.Module):
    """RGB 0..1 in, the four feature maps out. Its weights never learn.

    Args:
        layers: convolutions, rectifiers and poolings in order.
        taps: indices into `layers` whose outputs are the features.
        flip: whether the weights want BGR.
        scale: one factor a channel, after flipping.
        mean: subtracted after scaling, one a channel.
    """

    def __init__(
        self, layers: nn.Sequential, taps: tuple[int, ...], flip: bool, scale: Tensor, mean: Tensor, source: str
    ) -> None:
        super().__init__()
        self.layers, self._taps, self._flip, self.source = layers, taps, flip, source
        self.register_buffer("scale", scale[None, :, None, None])
        self.register_buffer("mean", mean[None, :, None, None])
        self._bfloat16 = False
        self.requires_grad_(False)
        self.to(memory_format=torch.channels_last)

    @property
    def bfloat16(self) -> bool:
        """Whether the features are bfloat16. The weights are cast once: autocast would do it every time."""
        return self._bfloat16

    @bfloat16.setter
    def bfloat16(self, wanted: bool) -> None:
        self._bfloat16 = wanted
        self.layers.to(torch.bfloat16 if wanted else torch.float32)

    def forward(self, x: Tensor, taps: int = 4) -> list[Tensor]:
        """The first `taps` feature maps (B×C×h×w) of `x` (B×3×H×W RGB 0..1)."""
        value = (x.flip(1) if self._flip else x) * self.scale - self.mean
        features: list[Tensor] = []
        if self.bfloat16:
            value = value.bfloat16()
        for index, layer in enumerate(self.layers):
            value = layer(value)
            if index in self._taps:
                features.append(value)
                if len(features) == taps:
                    break
        return features


@torch.no_grad()
def grams_of(perceptual: Perceptual, picture: Tensor) -> list[Tensor]:
    """The Gram matrices (B×C×C) of `picture` (B×3×H×W RGB 0..1) at the four layers: its style, as the losses see it."""
    device = perceptual.scale.device
    return [gram(features) for features in perceptual(picture.to(device))]


def load_perceptual(file: Path | None) -> Perceptual:
    """VGG-16 from `file`, or torchvision's official weights.

    Raises:
        TrainingDataError: neither can be had, or the file's weights do not fit.
    """
    return _from_torchvision() if file is None else _from_file(file)


def _stack() -> tuple[list[str], tuple[int, ...]]:
    """The names of all steps, rectifiers included, and where the taps are."""
    steps: list[str] = []
    for name in LAYERS:
        steps += [name] if name == "pool" else [name, "relu"]
    return steps, tuple(steps.index(name) + 1 for name in TAPS)


def _from_file(file: Path) -> Perceptual:
    arrays = _arrays(file)
    steps, taps = _stack()
    layers: list[nn.Module] = []
    before = 3
    for name in steps:
        if name in ("pool", "relu"):
            layers.append(nn.MaxPool2d(2) if name == "pool" else nn.ReLU(inplace=True))
            continue
        try:
            weight, bias = arrays[f"{name}.w"], arrays[f"{name}.b"]
        except KeyError as error:
            raise TrainingDataError(f"--vgg {file} holds no array {error}; {_ADVICE}") from error
        if weight.ndim != 4 or weight.shape[1:] != (before, 3, 3) or bias.shape != weight.shape[:1]:
            found = f"{'×'.join(map(str, weight.shape))} and {'×'.join(map(str, bias.shape))}"
            raise TrainingDataError(
                f"--vgg {file}: {name}.w and .b are {found} and should be N×{before}×3×3 and N; {_ADVICE}"
            )
        if not all(part.dtype.kind in "fiu" and np.isfinite(part).all() for part in (weight, bias)):
            raise TrainingDataError(f"--vgg {file}: {name}.w or .b holds what is no number; {_ADVICE}")
        layer = nn.Conv2d(before, len(weight), 3, padding=1)
        layer.weight.data = torch.from_numpy(weight.astype(np.float32))
        layer.bias.data = torch.from_numpy(bias.astype(np.float32))
        layers.append(layer)
        before = len(weight)
    return Perceptual(
        nn.Sequential(*layers), taps, True, torch.full((3,), 255.0), torch.tensor(_CAFFE_MEAN), "VGG-16 from a file"
    )


def _arrays(file: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise TrainingDataError(f"--vgg {file} cannot be read: {error.strerror or error}; {_ADVICE}") from error
    if not zipfile.is_zipfile(io.BytesIO(data)):  # NumPy would take it for another of its formats, or for a pickle
        raise TrainingDataError(f"--vgg {file} is no .npz, or only a part of one; {_ADVICE}")
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, NotImplementedError, zlib.error) as error:
        raise TrainingDataError(f"--vgg {file} is a damaged .npz ({error}); {_ADVICE}") from error


def _from_torchvision() -> Perceptual:
    try:
        from torchvision.models import VGG16_Weights, vgg16

        layers = vgg16(weights=VGG16_Weights.IMAGENET1K_V1).features
    except ImportError as error:
        raise TrainingDataError(f"no perceptual network: torchvision is not installed; {_ADVICE}") from error
    except (OSError, RuntimeError) as error:  # no internet; a download whose hash is wrong
        raise TrainingDataError(f"no perceptual network: torchvision cannot fetch it ({error}); {_ADVICE}") from error
    steps, taps = _stack()
    std = torch.tensor(_IMAGENET_STD)
    return Perceptual(
        layers[: len(steps)], taps, False, 1 / std, torch.tensor(_IMAGENET_MEAN) / std, "VGG-16 from torchvision"
    )
