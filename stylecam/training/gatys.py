"""Painting without a style network: the pixels themselves are optimised (Gatys 2015, https://arxiv.org/abs/1508.06576).

The objective is the one style networks are trained with, number for number (see `losses`), so that what a network
paints in one pass can be held against the best that is known: the optimum found for that very picture.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from stylecam.errors import TrainingFailedError, UsageError
from stylecam.training import losses
from stylecam.training.device import naming_memory
from stylecam.training.vgg import Perceptual
from stylecam.utils.validation import check_ranges

OPTIMIZERS = ("lbfgs", "adam")
_MEMORY = 20  # pairs of gradients that L-BFGS keeps: more brings little and costs two pictures each
_SEARCHES = 25  # times the line search may ask


@dataclass(frozen=True, slots=True)
class GatysRecipe:
    """How to paint; content, fine, style and variation are weights as in `Recipe`, and have its defaults.

    Attributes:
        iterations: how many steps of the optimiser.
        optimizer: `lbfgs`, which goes further with each step, or `adam`, which needs less memory.
        rate: Adam's, on pixels of 0 to 1; L-BFGS searches its own.
    """

    iterations: int = 300
    optimizer: str = "lbfgs"
    rate: float = 0.02
    content: float = 1.0
    fine: float = 0.22
    style: float = 2.6
    variation: float = 0.5

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise UsageError(f"there is no optimizer {self.optimizer!r}; choose {' or '.join(OPTIMIZERS)}")
        check_ranges(self, _RANGES, {"style": "--style-weight", "variation": "--tv"})


_RANGES = (
    ("iterations", 1, 1_000_000),
    ("rate", 1e-8, 1),
    ("content", 0, 1e6),
    ("fine", 0, 1e6),
    ("style", 0, 1e6),
    ("variation", 0, 1e6),
)


@dataclass(frozen=True, slots=True)
class Iteration:
    """What `paint` would return if it ended here: of each picture the best so far, and what it is worth.

    Attributes:
        number: iterations so far; 0 tells of the start.
        content, style, variation, total: weighted losses, one value a picture (B), on the processor.
        picture: B×3×H×W RGB 0..1, where `paint` computes. Not to be changed.
    """

    number: int
    content: Tensor
    style: Tensor
    variation: Tensor
    total: Tensor
    picture: Tensor


def mix(targets: Sequence[list[Tensor]], weights: Sequence[float]) -> list[Tensor]:
    """The style between several: of each layer the weighted mean of the Gram matrices.

    A Gram matrix is a mean over all places of a picture. So the mean of several is that of a wall on which each
    painting covers its share: one target which can be reached, and for one painting alone exactly its own.
    """
    whole = sum(weights)
    return [
        torch.stack([gram * (weight / whole) for gram, weight in zip(layer, weights, strict=True)]).sum(0)
        for layer in zip(*targets, strict=True)
    ]


def paint(
    perceptual: Perceptual,
    photo: Tensor,
    targets: list[Tensor],
    recipe: GatysRecipe,
    *,
    start: Tensor | None = None,
    listener: Callable[[Iteration], None] = lambda iteration: None,
    stop: threading.Event | None = None,
    lower: str = "--max-size",
) -> Tensor:
    """The pictures that keep the forms of `photo` and take on the style of `targets`: B×3×H×W RGB 0..1.

    The pictures of a batch do not touch each other, and each is returned as it was when its loss was lowest. Adam
    takes them through the perceptual network together; L-BFGS one after the other, because its line search would
    otherwise choose one step length for all.

    Args:
        perceptual: says where to compute, and in which precision.
        photo: B×3×H×W RGB 0..1.
        targets: Gram matrices B×C×C, or 1×C×C for all pictures, of the four layers (`grams_of`, `mix`).
        recipe: numbers.
        start: where to begin, shaped like `photo`; without, the photographs.
        listener: told of the start and of each iteration, from the calling thread.
        stop: set it to end after the current iteration.
        lower: the option to name where memory runs out.

    Raises:
        TrainingFailedError: a loss is no number or memory ran out; the last `Iteration` told of is still good.
    """
    device = perceptual.scale.device
    photo = photo.to(device)
    targets = [target.to(device).expand(len(photo), -1, -1) for target in targets]
    begun = (photo if start is None else start.to(device)).float()
    number = 0
    height, width = photo.shape[2:]
    try:
        with naming_memory(lambda: f"lower {lower} ({len(photo)} of {width}×{height} pixels)"):
            parts = [slice(None)]
            if recipe.optimizer == "lbfgs":
                parts = [slice(at, at + 1) for at in range(len(photo))]
            easels = [_Easel(perceptual, photo[p], [t[p] for t in targets], recipe, begun[p]) for p in parts]
            listener(_told(number, easels))
            while number < recipe.iterations and not (stop is not None and stop.is_set()):
                for easel in easels:
                    easel.step()
                number += 1
                listener(_told(number, easels))
    except _NotFiniteError as error:
        raise TrainingFailedError(
            f"the loss is no number any more at iteration {number + 1}; lower the weights or the rate"
        ) from error
    return torch.cat([easel.best for easel in easels])


def _told(number: int, easels: list[_Easel]) -> Iteration:
    content, style, variation, total = torch.cat([easel.values for easel in easels], 1).cpu()
    return Iteration(number, content, style, variation, total, torch.cat([easel.best for easel in easels]))


class _NotFiniteError(ArithmeticError):
    """A loss or gradient is NaN or infinite."""


class _Easel:
    """Pictures under one optimiser.

    What is judged is always the picture clamped to 0..1, and after each iteration the pixels are set to that. At the
    border only the part of the gradient counts that leads inside: so a pixel may rest there, and leave again.

    Attributes:
        best: of each picture the best so far.
        values: its content, style, variation and total (4×B).
    """

    def __init__(
        self, perceptual: Perceptual, photo: Tensor, targets: list[Tensor], recipe: GatysRecipe, start: Tensor
    ) -> None:
        self._perceptual, self._targets, self._recipe = perceptual, targets, recipe
        with torch.no_grad():
            self._wanted = perceptual(photo, taps=3)
        self._pixels = start.detach().clamp(0, 1).clone(memory_format=torch.contiguous_format).requires_grad_(True)
        self._optimizer = self._fresh()
        self._seen: tuple[Tensor, Tensor, Tensor] | None = None
        self.best = self._pixels.detach().clone()
        self.values = torch.full((4, len(photo)), torch.inf, device=photo.device)
        self._judge()

    def step(self) -> None:
        """One iteration.

        Raises:
            _NotFiniteError: a loss is no number. `best` and `values` stay good.
        """
        before = self._pixels.detach().clone()
        try:
            self._move()
        except _NotFiniteError:
            if self._recipe.optimizer != "lbfgs":
                raise
            # Its memory led it astray (nearly parallel gradients); without one it goes straight downhill.
            with torch.no_grad():
                self._pixels.copy_(before)
            self._optimizer = self._fresh()
            self._move()

    def _move(self) -> None:
        self._optimizer.step(self._judge)
        with torch.no_grad():
            self._pixels.clamp_(0, 1)
        self._judge()

    def _fresh(self) -> Any:
        if self._recipe.optimizer == "adam":
            return torch.optim.Adam([self._pixels], self._recipe.rate)
        return torch.optim.LBFGS(
            [self._pixels],
            max_iter=1,
            max_eval=_SEARCHES,  # its default, 1, also ends the line search there: it would stand still for ever
            tolerance_grad=0,
            tolerance_change=0,
            history_size=_MEMORY,
            line_search_fn="strong_wolfe",
        )

    def _judge(self) -> Tensor:
        """The objective at the pixels, its gradient laid into them; the better pictures are kept.

        L-BFGS asks again where its line search ended, as does `_move`: the last answer is remembered.
        """
        pixels = self._pixels.detach()
        picture = pixels.clamp(0, 1)
        if self._seen is None or not torch.equal(self._seen[0], picture):
            self._seen = (picture, *self._measure(picture))
        _, objective, slope = self._seen
        blocked = ((pixels >= 1) & (slope < 0)) | ((pixels <= 0) & (slope > 0))
        self._pixels.grad = slope.masked_fill(blocked, 0)
        return objective

    def _measure(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Objective and gradient, computed."""
        recipe, picture = self._recipe, picture.detach().requires_grad_(True)
        found = self._perceptual(picture)
        content = recipe.content * losses.content_loss(found, self._wanted, recipe.fine)
        style = recipe.style * losses.style_loss(found, self._targets)
        variation = recipe.variation * torch.stack([losses.variation_loss(one[None]) for one in picture])
        total = content + style + variation
        # Times the number of values, so that neither Adam's epsilon nor L-BFGS's thresholds depend on the size.
        objective = total.sum() * picture[0].numel()
        (slope,) = torch.autograd.grad(objective, picture)
        if not bool(torch.isfinite(objective) & torch.isfinite(slope).all()):
            raise _NotFiniteError
        self._keep(picture.detach(), torch.stack([content, style, variation, total]).detach())
        return objective.detach(), slope

    def _keep(self, picture: Tensor, values: Tensor) -> None:
        better = values[3] < self.values[3]
        self.values = torch.where(better, values, self.values)
        self.best = torch.where(better[:, None, None, None], picture, self.best)
