"""Measure content and style loss of painted photographs, by the losses of Gatys 2015 and Johnson 2016."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TypeVar, cast

import cv2
import numpy as np
import torch
from torch import Tensor

from stylecam.evaluation.quality.model_runner import FloatImage
from stylecam.media.frame import Image
from stylecam.media.transforms import to_tensor
from stylecam.models.model import Model
from stylecam.training import losses
from stylecam.training.device import out_of_memory_as_error
from stylecam.training.losses import gram
from stylecam.training.style_image import MIN_SIDE, StyleImage
from stylecam.training.style_metadata import StyleMetadata
from stylecam.training.vgg import VggFeatures, grams_of

_DEFAULT_FINE, _DEFAULT_STYLE, _DEFAULT_SCALE = 0.22, 2.6, 288
"""Weights for a network that says nothing about its own: those by which most galleries so far were judged."""
_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, slots=True)
class ObjectiveWeights:
    """The weights of the objective, which is content loss + `style` · style loss.

    Attributes:
        fine: weight of relu2_2 within the content loss.
        style: weight of the style loss.
        scale: short side of the painting in pixels, which determines how large its strokes are.
    """

    fine: float
    style: float
    scale: int

    @classmethod
    def of(
        cls, model: Model, learned: StyleMetadata, fine: float | None, style: float | None, scale: int | None
    ) -> ObjectiveWeights:
        """Take each weight from the arguments, else from the style's metadata, the file's recipe or the defaults."""
        try:
            stored = json.loads(model.metadata.get("recipe", ""))
        except (ValueError, RecursionError):  # no recipe, or one written for people
            stored = None

        def recipe_value(name: str, default: float, lowest: float) -> float:
            value = stored.get(name) if isinstance(stored, dict) else None
            return value if isinstance(value, int | float) and lowest <= value < 1e6 else default

        ratio = recipe_value("style", _DEFAULT_STYLE, 1e-6) / recipe_value("content", 1.0, 1e-6)
        return cls(
            _first(fine, learned.fine, recipe_value("fine", _DEFAULT_FINE, 0)),
            _first(style, learned.style, ratio),
            _first(scale, learned.scale, _DEFAULT_SCALE),
        )


def _first(requested: _Number | None, learned: _Number | None, default: _Number) -> _Number:
    if requested is not None:
        return requested
    return default if learned is None else learned


@dataclass(frozen=True, slots=True)
class PerceptualLoss:
    """Content and style loss of one painted photograph, unweighted."""

    content: float
    style: float

    def objective(self, weights: ObjectiveWeights) -> float:
        """Return the weighted sum."""
        return self.content + weights.style * self.style


class PerceptualLosses:
    """Computes losses with the perceptual network, in float32."""

    def __init__(self, perceptual: VggFeatures, device: torch.device) -> None:
        self.perceptual = perceptual.to(device)
        self.perceptual.use_bfloat16(False)
        self._device = device
        self._targets: dict[tuple[StyleImage, int], list[Tensor]] = {}

    def targets(self, painting: StyleImage, scale: int) -> list[Tensor]:
        """Return the Gram matrices (1×C×C) of `painting`, with its short side at `scale` pixels.

        Raises:
            TrainingDataError: it cannot be read.
        """
        key = (painting, scale)
        if key not in self._targets:
            with out_of_memory_as_error(lambda: f"lower --style-scale (now {scale})"):
                self._targets[key] = grams_of(self.perceptual, torch.from_numpy(to_tensor(painting.read(scale))))
        return self._targets[key]

    @torch.no_grad()
    def features(self, photo: Image) -> list[Tensor]:
        """Return the features of a photograph, for `measure`."""
        return self.perceptual(torch.from_numpy(to_tensor(photo)).to(self._device), taps=3)

    @torch.no_grad()
    def large_forms(self, painted: FloatImage, painting: StyleImage) -> float:
        """Return how far the large forms of `painted` are from those of `painting`; 0 is equal.

        It is the relative error of the Gram matrix at relu4_3, the deepest layer, where both pictures are seen at half
        size and the painting is as high as `painted`.
        """
        height, width = painted.shape[:2]
        half = cast(FloatImage, cv2.resize(painted, (width // 2, height // 2), interpolation=cv2.INTER_AREA))
        target = self.targets(painting, max(MIN_SIDE, min(half.shape[:2])))[-1]
        found = gram(self.perceptual(self._tensor(half))[-1])
        return float((found - target).square().sum() / target.square().sum())

    @torch.no_grad()
    def measure(
        self, painted: FloatImage, features: list[Tensor], targets: list[Tensor], fine: float
    ) -> PerceptualLoss:
        """Compare `painted` with the photograph's features and the painting's Gram matrices."""
        found = self.perceptual(self._tensor(painted))
        content = losses.content_loss(found, features, fine)
        return PerceptualLoss(content.item(), losses.style_loss(found, targets).item())

    def _tensor(self, painted: FloatImage) -> Tensor:
        rgb = torch.from_numpy(np.ascontiguousarray(painted[:, :, ::-1])).permute(2, 0, 1)[None] / 255
        return rgb.to(self._device)
