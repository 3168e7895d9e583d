"""Learn the rows of one own style for one shipped body, and keep the best ones so far."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import torch
from torch import Tensor

from stylecam.errors import ModelFormatError, TrainingDataError
from stylecam.media.frame import Image, Size
from stylecam.media.image_file import ImageFile
from stylecam.media.transforms import resize
from stylecam.models.model import Model
from stylecam.models.onnx.proto import FloatArray
from stylecam.models.rewrite.style_rows import StyleRows
from stylecam.training import network
from stylecam.training.bank import Bank, read_bank
from stylecam.training.dataset import PhotoCrop, PhotoDataset
from stylecam.training.hyperparameters import Hyperparameters
from stylecam.training.learner import Learner
from stylecam.training.network import StyleNetwork
from stylecam.training.objective import Objective, Targets
from stylecam.training.strokes import StrokeTargets
from stylecam.training.vgg import VggFeatures

CHECKS = 2
"""Pictures on which each size of strokes is checked."""
_CHECK_SEED = 1


class OwnPainting:
    """The picture of an own style, as a painting to learn from.

    Attributes:
        image: H×W×3 uint8 BGR.
        share: how often it is drawn, always 1.

    Raises:
        SourceUnreadableError: the picture is damaged.
    """

    share = 1.0

    def __init__(self, name: str, picture: bytes) -> None:
        self.image = ImageFile.read(picture, live=True, name=f"the picture of {name}").flattened_on_white()

    def read(self, scale: int, factor: float = 1.0) -> Image:
        """Return the picture with its short side at `scale` pixels times `factor`: H×W×3 uint8 BGR."""
        height, width = self.image.shape[:2]
        factor *= scale / min(height, width)
        return resize(self.image, Size(max(1, round(width * factor)), max(1, round(height * factor))))


@dataclass(frozen=True)
class Body:
    """A body that comes with stylecam: a bank, of whose rows only the mean is used.

    Attributes:
        rows: the bank's rows and their layout.
        bank: its weights.
    """

    rows: StyleRows
    bank: Bank

    @classmethod
    def read(cls, path: Path) -> Body | None:
        """Return the body of the bank in `path`, or None where its styles are no rows that can be trained.

        Raises:
            ModelFormatError: the file is damaged.
        """
        rows = StyleRows.read(Model.read(path))
        if rows is None:
            return None
        try:
            return cls(rows, read_bank(path))
        except ModelFormatError:  # a network of another shape
            return None

    @property
    def mean(self) -> FloatArray:
        """The mean of the bank's styles, sizes of strokes × values."""
        return self.rows.vectors.mean(0)

    def network(self, values: FloatArray) -> StyleNetwork:
        """Return the network with `values` (sizes of strokes × values) as its only style; only these can be trained.

        Raises:
            TrainingDataError: they do not fit the body.
        """
        if values.shape != self.mean.shape:
            raise TrainingDataError(
                f"the style has {values.shape[0]}×{values.shape[1]} values for a network with "
                f"{self.mean.shape[0]}×{self.mean.shape[1]}; learn it again"
            )
        net = network.make_network(**{**self.bank.network.shape, "styles": 1})
        rows = {name: torch.from_numpy(part.copy()) for name, part in self.rows.split(values).items()}
        net.load_state_dict({**self.bank.network.state_dict(), **rows})
        net.requires_grad_(False)
        for matrix in network.norm_rows(net):
            matrix.requires_grad_(True)
        return net

    def values(self, net: StyleNetwork) -> FloatArray:
        """Return the rows of the only style of `net`, sizes of strokes × values."""
        state = net.state_dict()
        return np.concatenate([state[name].cpu().numpy() for name in self.rows.names], 1)


class RowLearner:
    """Learns the rows of one own style for one body.

    Args:
        body: whose rows.
        values: where to start, sizes of strokes × values.
        painting: what to learn from.
        photos: what to learn on.
        vgg: the perceptual network.
        hparams: every number of the run; `scale` is replaced by the body's own.
        bfloat16: see `Learner`.

    Attributes:
        body: the body.
        painting: the painting.
        best: the rows with the lowest objective so far, sizes of strokes × values.
        style_before, style: the style loss of the rows at the start, and of the best ones.
    """

    def __init__(
        self,
        body: Body,
        values: FloatArray,
        painting: OwnPainting,
        photos: PhotoDataset,
        vgg: VggFeatures,
        hparams: Hyperparameters,
        *,
        bfloat16: bool,
    ) -> None:
        scales = body.bank.stroke_scales
        scale = hparams.scale if scales is None else round(math.sqrt(scales.fine * scales.broad))
        self._targets = StrokeTargets([painting], scale, scales)
        ones = torch.ones(self._targets.sizes, device=vgg.scale.device)
        # Balanced, because in few steps rows would learn too little contrast, which otherwise costs less than too much.
        self._objective = Objective(vgg, Targets.of(vgg, self._targets.read()), ones, hparams, balanced=True)
        net = body.network(values).to(vgg.scale.device, memory_format=torch.channels_last)
        self._learner = Learner(
            net, [0], self._targets, self._objective, ones, photos, hparams, bfloat16=bfloat16,
            rng=np.random.default_rng(hparams.seed),
        )  # fmt: skip
        rng = np.random.default_rng(_CHECK_SEED)
        self._crops = [_centre(photos.random_crop(rng), hparams.crop) for _ in range(CHECKS * self._targets.sizes)]
        self.body, self.painting, self.best = body, painting, values
        self._least, self.style_before, self.painted_before = self._measure()
        self.style, self.painted = self.style_before, self.painted_before

    @property
    def samples(self) -> list[Image]:
        """Return the pictures that the rows are checked on, H×W×3 uint8 BGR."""
        return [_image(crop.picture) for crop in self._crops]

    def take_step(self, done: float) -> dict[str, float]:
        """Take one step; see `Learner.take_step`."""
        return self._learner.take_step(done)

    def check(self) -> bool:
        """Measure the rows as they are now; keep them in `best` and return True if they are better than any so far."""
        objective, style, painted = self._measure()
        if not objective < self._least:
            return False
        self._least, self.style, self.painted = objective, style, painted
        self.best = self.body.values(self._learner.average)
        return True

    @torch.no_grad()
    def _measure(self) -> tuple[float, float, list[Image]]:
        """Return the objective and the style loss of the averaged rows, on the same pictures each time; and these."""
        net = self._learner.average
        device = next(net.parameters()).device
        objective = style = 0.0
        painted = []
        for number, crop in enumerate(self._crops):
            target = np.array([number % self._targets.sizes])
            weights = net.weights_of(torch.tensor([0]), torch.from_numpy(self._targets.broad_shares(target)))
            photo = torch.from_numpy(crop.picture).to(device).permute(2, 0, 1)[None]
            styled: Tensor = net(photo.contiguous(memory_format=torch.channels_last), weights.to(device))
            which = torch.from_numpy(target).to(device)
            rng = np.random.default_rng(number)
            parts = self._objective.measure(styled, photo, which, [crop.face], rng)
            objective += sum(part.item() for part in parts.values())
            style += parts["style"].item()
            painted.append(_image(styled[0].permute(1, 2, 0).cpu().numpy()))
        return objective / len(self._crops), style / len(self._crops), painted


def _centre(crop: PhotoCrop, side: int) -> PhotoCrop:
    """Return the middle of a square crop, with sides of `side` pixels."""
    margin = (len(crop.picture) - side) // 2
    picture = crop.picture[margin : margin + side, margin : margin + side]
    return PhotoCrop(np.ascontiguousarray(picture), crop.face and crop.face.within(margin, margin))


def _image(picture: FloatArray) -> Image:
    pixels = (picture * 255).round().clip(0, 255).astype(np.uint8)
    return cast(Image, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
