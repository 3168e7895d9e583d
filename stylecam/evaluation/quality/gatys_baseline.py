"""How far optimising the pixels themselves comes, and how many of its iterations a network's one pass is worth."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stylecam.evaluation.quality.losses import ObjectiveWeights, PerceptualLoss
from stylecam.media.frame import Image
from stylecam.media.transforms import to_tensor
from stylecam.training.gatys import GatysRecipe, Iteration, paint
from stylecam.training.vgg import Perceptual


@dataclass(frozen=True, eq=False)
class GatysBaseline:
    """The way Gatys' method takes from the photographs themselves (Gatys et al. 2015), with one optimiser.

    Attributes:
        optimizer: adam or lbfgs.
        content, style: unweighted losses after each iteration, beginning with iteration 0 (iterations + 1 × photos).
    """

    optimizer: str
    content: npt.NDArray[np.float64]
    style: npt.NDArray[np.float64]

    def after(self, iterations: int) -> PerceptualLoss | None:
        """The mean of the photographs after so many, if it went that far."""
        if iterations >= len(self.content):
            return None
        return PerceptualLoss(float(self.content[iterations].mean()), float(self.style[iterations].mean()))

    def worth(self, judged: Sequence[PerceptualLoss], weights: ObjectiveWeights) -> EquivalentIterations:
        """After how many iterations the objective is what `judged`, one of each photograph, have."""
        totals = self.content + weights.style * self.style
        wanted = [one.objective(weights) for one in judged]
        each = tuple(worth(totals[:, number], value) for number, value in enumerate(wanted))
        return EquivalentIterations(worth(totals.mean(1), float(np.mean(wanted))), each, len(totals) - 1)

    def as_dict(self, iterations: Sequence[int], weights: ObjectiveWeights) -> dict[str, Any]:
        """The chosen points, for JSON."""
        points = [(number, self.after(number)) for number in iterations]
        return {
            "optimizer": self.optimizer,
            "photos": self.content.shape[1],
            "points": [
                {
                    "iterations": number,
                    "content": judged.content,
                    "style": judged.style,
                    "objective": judged.objective(weights),
                }
                for number, judged in points
                if judged is not None
            ],
        }


@dataclass(frozen=True, slots=True)
class EquivalentIterations:
    """Iterations of Gatys' method that reach what a network does; None where `tried` did not.

    Attributes:
        mean: on the means over the photographs.
        each: on each photograph.
    """

    mean: float | None
    each: tuple[float | None, ...]
    tried: int

    def __str__(self) -> str:
        return f">{self.tried}" if self.mean is None else f"{self.mean:.0f}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"mean": self.mean, "each": list(self.each), "tried": self.tried}


def worth(totals: Sequence[float] | npt.NDArray[np.float64], objective: float) -> float | None:
    """Where the falling curve `totals` (iteration 0 first) reaches `objective`, between iterations by interpolation."""
    if totals[0] <= objective:
        return 0.0
    for number in range(1, len(totals)):
        if totals[number] <= objective:
            before, now = totals[number - 1], totals[number]
            return number - 1 + float((before - objective) / (before - now))
    return None


def run_gatys_baseline(
    perceptual: Perceptual,
    photos: Sequence[Image],
    targets: list[Tensor],
    weights: ObjectiveWeights,
    optimizer: str,
    iterations: int,
    *,
    listener: Callable[[int], None] = lambda number: None,
    stop: threading.Event | None = None,
) -> GatysBaseline:
    """Paint `photos` (all of one size) by Gatys' method and keep what each iteration reached.

    The objective is the one networks are judged by, without total variation. Stopped early, the way is shorter.

    Raises:
        TrainingFailedError: a loss is no number or memory ran out.
    """
    content: list[Tensor] = []
    style: list[Tensor] = []

    def note(iteration: Iteration) -> None:
        content.append(iteration.content)
        style.append(iteration.style / weights.style)
        listener(iteration.number)

    recipe = GatysRecipe(
        iterations=iterations, optimizer=optimizer, fine=weights.fine, style=weights.style, variation=0.0
    )
    batch = torch.cat([torch.from_numpy(to_tensor(photo)) for photo in photos])
    paint(perceptual, batch, targets, recipe, listener=note, stop=stop, lower="--gatys-photos")
    return GatysBaseline(optimizer, torch.stack(content).double().numpy(), torch.stack(style).double().numpy())
