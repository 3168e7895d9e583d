"""Optimize the pixels themselves (Gatys et al. 2015), to measure how many of its iterations a network is equal to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stylecam.evaluation.quality.losses import ObjectiveWeights, PerceptualLoss
from stylecam.media.frame import Image
from stylecam.media.transforms import to_tensor
from stylecam.training.gatys import Iteration, optimize_pixels
from stylecam.training.hyperparameters import GatysHyperparameters
from stylecam.training.vgg import VggFeatures


@dataclass(frozen=True, slots=True)
class EquivalentIterations:
    """How many iterations of Gatys' method reach what a network does; None where `tried` iterations did not.

    Attributes:
        mean: on the means over the photographs.
        each: on each photograph.
        tried: iterations that were done.
    """

    mean: float | None
    each: tuple[float | None, ...]
    tried: int

    def __str__(self) -> str:
        return f">{self.tried}" if self.mean is None else f"{self.mean:.0f}"


@dataclass(frozen=True, eq=False)
class GatysBaseline:
    """The losses of Gatys' method with one optimizer, which begins with the photographs themselves.

    Attributes:
        optimizer: adam or lbfgs.
        content, style: unweighted losses after each iteration, beginning with iteration 0: (iterations + 1) × photos.
    """

    optimizer: str
    content: npt.NDArray[np.float64]
    style: npt.NDArray[np.float64]

    @property
    def photos(self) -> int:
        """How many photographs it painted."""
        return int(self.content.shape[1])

    def after(self, iterations: int) -> PerceptualLoss | None:
        """Return the mean losses after so many iterations; None if fewer were done."""
        if iterations >= len(self.content):
            return None
        return PerceptualLoss(float(self.content[iterations].mean()), float(self.style[iterations].mean()))

    def equivalent_to(self, losses: Sequence[PerceptualLoss], weights: ObjectiveWeights) -> EquivalentIterations:
        """Find after how many iterations the objective is that of `losses`, one for each photograph."""
        curves = self.content + weights.style * self.style
        objectives = [loss.objective(weights) for loss in losses]
        each = tuple(iterations_to_reach(curves[:, number], value) for number, value in enumerate(objectives))
        mean = iterations_to_reach(curves.mean(1), float(np.mean(objectives)))
        return EquivalentIterations(mean, each, len(curves) - 1)

    def as_dict(self, iterations: Sequence[int], weights: ObjectiveWeights) -> dict[str, Any]:
        """Return the losses after the chosen iterations as plain values, for JSON."""
        points = [(number, loss) for number in iterations if (loss := self.after(number)) is not None]
        return {
            "optimizer": self.optimizer,
            "photos": self.photos,
            "points": [
                {"iterations": number, **asdict(loss), "objective": loss.objective(weights)} for number, loss in points
            ],
        }


def iterations_to_reach(curve: Sequence[float] | npt.NDArray[np.float64], objective: float) -> float | None:
    """Find where the falling `curve` (iteration 0 first) reaches `objective`, interpolated between iterations."""
    if curve[0] <= objective:
        return 0.0
    for number in range(1, len(curve)):
        if curve[number] <= objective:
            before, now = curve[number - 1], curve[number]
            return number - 1 + float((before - objective) / (before - now))
    return None


def run_gatys_baseline(
    perceptual: VggFeatures,
    photos: Sequence[Image],
    targets: list[Tensor],
    weights: ObjectiveWeights,
    optimizer: str,
    iterations: int,
    *,
    on_iteration: Callable[[int], None] = lambda number: None,
    stop: threading.Event | None = None,
) -> GatysBaseline:
    """Paint `photos` (all of one size) by Gatys' method and keep the losses of each iteration.

    The objective is the one that networks are judged by, without total variation. `stop` ends it early.

    Raises:
        TrainingFailedError: a loss is not a number, or memory ran out.
    """
    content: list[Tensor] = []
    style: list[Tensor] = []

    def keep(iteration: Iteration) -> None:
        content.append(iteration.content)
        style.append(iteration.style / weights.style)
        on_iteration(iteration.number)

    recipe = GatysHyperparameters(
        iterations=iterations, optimizer=optimizer, fine=weights.fine, style=weights.style, variation=0.0
    )
    batch = torch.cat([torch.from_numpy(to_tensor(photo)) for photo in photos])
    optimize_pixels(perceptual, batch, targets, recipe, listener=keep, stop=stop, memory_option="--gatys-photos")
    return GatysBaseline(optimizer, torch.stack(content).double().numpy(), torch.stack(style).double().numpy())
