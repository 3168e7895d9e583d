"""VGG-16 up to relu4_3, whose features the losses use (Simonyan and Zisserman 2014, arxiv.org/abs/1409.1556)."""

from __future__ import annotations

import io
import zipfile
import zlib
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from stylecam.errors import TrainingDataError
from stylecam.training.checkpoint import DAMAGED_FILE_ERRORS
from stylecam.training.losses import gram
from stylecam.utils.optional import install_command, is_installed
from stylecam.utils.text import format_shape

LAYERS = (
    *("conv1_1", "conv1_2", "pool"),
    *("conv2_1", "conv2_2", "pool"),
    *("conv3_1", "conv3_2", "conv3_3", "pool"),
    *("conv4_1", "conv4_2", "conv4_3"),
)
TAPS = ("conv1_2", "conv2_2", "conv3_3", "conv4_3")
"""Layers whose output after the ReLU is a feature map: relu1_2, relu2_2, relu3_3, relu4_3 (Johnson 2016)."""

_CAFFE_MEAN = (103.939, 116.779, 123.68)  # BGR, 0..255
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # RGB, 0..1
_OFFICIAL = "vgg16-397923af.pth"
_ADVICE = (
    f"give torchvision's official weights with --vgg FILE ({_OFFICIAL}, 528 MB; a computer with internet that has "
    "trained has it in .cache/torch/hub/checkpoints of its home folder), or an .npz with conv1_1.w, conv1_1.b … "
    "conv4_3.b, for BGR 0..255 minus its mean"
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
    """Load VGG-16 from `file`, or torchvision's official weights, which are downloaded once.

    Raises:
        TrainingDataError: neither is available, or the weights do not fit.
    """
    official = file is None or file.suffix.lower() in (".pth", ".pt")
    name = f"--vgg {file}"
    if file is None:
        file = _download()
        name = str(file)
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
        return VggFeatures(nn.Sequential(*steps), tuple(taps), True, torch.full((3,), 255.0), torch.tensor(_CAFFE_MEAN))
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
    if not all(part.dtype.kind in "fiu" and np.isfinite(part).all() for part in (weight, bias)):
        raise TrainingDataError(f"{name}: {keys[0]} or {keys[1]} holds NaN or infinity; {_ADVICE}")
    layer = nn.Conv2d(before, len(weight), 3, padding=1)
    layer.weight.data = torch.from_numpy(weight.astype(np.float32))
    layer.bias.data = torch.from_numpy(bias.astype(np.float32))
    return layer


def _arrays(name: str, file: Path) -> _Arrays:
    """Read an .npz file."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise TrainingDataError(f"{name} cannot be read: {error.strerror or error}; {_ADVICE}") from error
    if not zipfile.is_zipfile(io.BytesIO(data)):  # NumPy would read it as another of its formats, or as a pickle
        raise TrainingDataError(f"{name} is not an .npz file, or only a part of one; {_ADVICE}")
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, NotImplementedError, zlib.error) as error:
        raise TrainingDataError(f"{name} is a damaged .npz ({error}); {_ADVICE}") from error


def _state(name: str, file: Path) -> _Arrays:
    """Read the convolutions of a PyTorch state dictionary; nothing else is accepted from the file."""
    try:
        stored = torch.load(file, map_location="cpu", weights_only=True)
        return {key: value.detach().numpy() for key, value in stored.items() if key.startswith("features.")}
    except OSError as error:
        raise TrainingDataError(f"{name} cannot be read: {error.strerror or error}; {_ADVICE}") from error
    except DAMAGED_FILE_ERRORS as error:
        raise TrainingDataError(f"{name} is damaged, or not a state dictionary of VGG-16; {_ADVICE}") from error


def _download() -> Path:
    """Return the official weights from PyTorch's download cache, downloading them the first time."""
    file = Path(torch.hub.get_dir()) / "checkpoints" / _OFFICIAL
    if not file.is_file():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(_url(), str(file), file.stem.rpartition("-")[2])  # atomic
        except (OSError, RuntimeError, HTTPException) as error:  # no internet, no space, a wrong hash, a cut connection
            raise TrainingDataError(
                f"VGG-16 cannot be downloaded ({error or type(error).__name__}); {_ADVICE}"
            ) from error
    return file


def _url() -> str:
    """Return the address of the official weights."""
    if not is_installed("torchvision"):
        raise TrainingDataError(
            f"torchvision, which knows where VGG-16 is, is not installed; {install_command('train')}, or {_ADVICE}"
        )
    from torchvision.models import VGG16_Weights

    return str(VGG16_Weights.IMAGENET1K_V1.url)
