"""Judges paintings of photographs, by the very losses that networks are trained with."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from stylecam.evaluation.quality.model_runner import FloatImage
from stylecam.media.frame import Image
from stylecam.media.transforms import to_tensor
from stylecam.models.model import Model
from stylecam.training import losses
from stylecam.training.device import naming_memory
from stylecam.training.hyperparameters import Recipe
from stylecam.training.style_image import Painting
from stylecam.training.style_metadata import Learned
from stylecam.training.vgg import Perceptual, grams_of

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, slots=True)
class ObjectiveWeights:
    """What counts how much: objective = content + `style` · style loss.

    Attributes:
        fine: of relu2_2 within the content loss.
        style: of the style loss.
        scale: short side of the painting in pixels, which says how large its strokes are.
    """

    fine: float
    style: float
    scale: int

    @classmethod
    def of(
        cls, model: Model, learned: Learned, fine: float | None, style: float | None, scale: int | None
    ) -> ObjectiveWeights:
        """Those given; else as the style was `learned`, or as the recipe in the file says, or as `stylecam train`."""
        try:
            stored = json.loads(model.metadata.get("recipe", ""))
        except (ValueError, RecursionError):  # no recipe, or one for people
            stored = None

        def told(name: str, usual: float, lowest: float) -> float:
            value = stored.get(name) if isinstance(stored, dict) else None
            return value if isinstance(value, int | float) and lowest <= value < 1e6 else usual

        usual = Recipe(steps=1)
        return cls(
            _first(fine, learned.fine, told("fine", usual.fine, 0)),
            _first(style, learned.style, told("style", usual.style, 1e-6) / told("content", usual.content, 1e-6)),
            _first(scale, learned.scale, usual.scale),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def _first(given: _Number | None, learned: _Number | None, usual: _Number) -> _Number:
    if given is not None:
        return given
    return usual if learned is None else learned


@dataclass(frozen=True, slots=True)
class PerceptualLoss:
    """Of one painted photograph; neither loss is weighted."""

    content: float
    style: float

    def objective(self, weights: ObjectiveWeights) -> float:
        """The weighted sum."""
        return self.content + weights.style * self.style


class PerceptualLosses:
    """Looks through the perceptual network, in full precision."""

    def __init__(self, perceptual: Perceptual, device: torch.device) -> None:
        self.perceptual = perceptual.to(device)
        self.perceptual.bfloat16 = False
        self._device = device
        self._targets: dict[tuple[Painting, int], list[Tensor]] = {}

    def targets(self, painting: Painting, scale: int) -> list[Tensor]:
        """The Gram matrices (1×C×C) that a style of `painting` is to have.

        Raises:
            TrainingDataError: it cannot be read.
        """
        key = (painting, scale)
        if key not in self._targets:
            with naming_memory(lambda: f"lower --style-scale (now {scale})"):
                self._targets[key] = grams_of(self.perceptual, torch.from_numpy(to_tensor(painting.read(scale))))
        return self._targets[key]

    @torch.no_grad()
    def look(self, photo: Image) -> list[Tensor]:
        """The features of a photograph that `judge` wants."""
        return self.perceptual(torch.from_numpy(to_tensor(photo)).to(self._device), taps=3)

    @torch.no_grad()
    def judge(self, painted: FloatImage, wanted: list[Tensor], targets: list[Tensor], fine: float) -> PerceptualLoss:
        """The losses of `painted` against the photograph's features and the painting's Gram matrices."""
        rgb = torch.from_numpy(np.ascontiguousarray(painted[:, :, ::-1])).permute(2, 0, 1)[None] / 255
        found = self.perceptual(rgb.to(self._device))
        content = losses.content_loss(found, wanted, fine)
        return PerceptualLoss(content.item(), losses.style_loss(found, targets).item())
