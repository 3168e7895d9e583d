"""Paint without a style network by optimizing the pixels (Gatys et al. 2015, https://arxiv.org/abs/1508.06576).

The objective is exactly the one that style networks are trained with (see `losses`), so that the picture a network
paints in one pass can be compared with the optimum for that picture.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from stylecam.errors import TrainingFailedError
from stylecam.training import losses
from stylecam.training.device import out_of_memory_as_error
from stylecam.training.hyperparameters import GatysHyperparameters
from stylecam.training.vgg import VggFeatures

_HISTORY_SIZE = 20  # pairs of gradients that L-BFGS keeps; more helps little and costs two pictures each
_MAX_EVALUATIONS = 25  # evaluations in one line search


@dataclass(frozen=True, slots=True)
class Iteration:
    """The best pictures so far, which `optimize_pixels` would return now, and their losses.

    Attributes:
        number: iterations so far; 0 for the start.
        content, style, variation, total: weighted losses, one value a picture (B), on the CPU.
        picture: B×3×H×W RGB 0..1 on the computing device; do not change it.
    """

    number: int
    content: Tensor
    style: Tensor
    variation: Tensor
    total: Tensor
    picture: Tensor


def mix_grams(targets: Sequence[list[Tensor]], weights: Sequence[float]) -> list[Tensor]:
    """Return the style between several paintings: for each layer, the weighted mean of their Gram matrices.

    A Gram matrix is a mean over all positions of a picture. The mean of several is therefore that of a wall on which
    each painting covers its share, which is a target that can be reached; with one painting it is that painting's own.
    """
    total = sum(weights)
    return [
        torch.stack([gram * (weight / total) for gram, weight in zip(layer, weights, strict=True)]).sum(0)
        for layer in zip(*targets, strict=True)
    ]


def optimize_pixels(
    vgg: VggFeatures,
    photo: Tensor,
    targets: list[Tensor],
    hyperparameters: GatysHyperparameters,
    *,
    start: Tensor | None = None,
    listener: Callable[[Iteration], None] = lambda iteration: None,
    stop: threading.Event | None = None,
    memory_option: str = "--max-size",
) -> Tensor:
    """Return pictures with the content of `photo` and the style of `targets`: B×3×H×W RGB 0..1.

    The pictures of a batch are independent, and each is returned as it was when its loss was lowest. Adam computes them
    together; L-BFGS one after the other, because its line search would otherwise choose one step length for all.

    Args:
        vgg: determines the device and the precision.
        photo: B×3×H×W RGB 0..1.
        targets: Gram matrices B×C×C, or 1×C×C for all pictures, of the four layers (`grams_of`, `mix_grams`).
        hyperparameters: all numbers.
        start: the first pictures, shaped like `photo`; by default the photographs.
        listener: called for the start and for each iteration, on the calling thread.
        stop: set it to end after the current iteration.
        memory_option: the option that an out-of-memory message advises to lower.

    Raises:
        TrainingFailedError: a loss is NaN or infinite, or memory ran out; the last reported `Iteration` is still valid.
    """
    device, number = vgg.scale.device, 0
    photo = photo.to(device)
    targets = [target.to(device).expand(len(photo), -1, -1) for target in targets]
    first = (photo if start is None else start.to(device)).float()
    height, width = photo.shape[2:]
    one_by_one = hyperparameters.optimizer == "lbfgs"
    parts = [slice(at, at + 1) for at in range(len(photo))] if one_by_one else [slice(None)]
    try:
        with out_of_memory_as_error(lambda: f"lower {memory_option} ({len(photo)} of {width}×{height} pixels)"):
            optimizers = [
                _PixelOptimizer(vgg, photo[p], [t[p] for t in targets], hyperparameters, first[p]) for p in parts
            ]
            listener(_iteration(number, optimizers))
            while number < hyperparameters.iterations and not (stop is not None and stop.is_set()):
                for optimizer in optimizers:
                    optimizer.step()
                number += 1
                listener(_iteration(number, optimizers))
    except _NotFiniteError as error:
        raise TrainingFailedError(
            f"the loss is no longer a number at iteration {number + 1}; lower the weights or the rate"
        ) from error
    return torch.cat([optimizer.best for optimizer in optimizers])


def _iteration(number: int, optimizers: list[_PixelOptimizer]) -> Iteration:
    content, style, variation, total = torch.cat([optimizer.values for optimizer in optimizers], 1).cpu()
    return Iteration(number, content, style, variation, total, torch.cat([optimizer.best for optimizer in optimizers]))


class _NotFiniteError(ArithmeticError):
    """A loss or gradient is NaN or infinite."""


class _PixelOptimizer:
    """Pictures under one optimizer.

    Losses are always those of the picture clamped to 0..1, and after each iteration the pixels are set to it. At the
    bounds only the part of the gradient that leads inside counts, so a pixel may stay there and leave again. `best` is
    the best of each picture so far, and `values` (4×B) its content, style, variation and total loss.
    """

    def __init__(
        self,
        vgg: VggFeatures,
        photo: Tensor,
        targets: list[Tensor],
        hyperparameters: GatysHyperparameters,
        start: Tensor,
    ) -> None:
        self._vgg, self._targets, self._hyperparameters = vgg, targets, hyperparameters
        with torch.no_grad():
            self._content = vgg(photo, taps=3)
        self._pixels = start.detach().clamp(0, 1).clone(memory_format=torch.contiguous_format).requires_grad_(True)
        self._optimizer = self._new_optimizer()
        self._evaluated: tuple[Tensor, Tensor, Tensor] | None = None
        self.best = self._pixels.detach().clone()
        self.values = torch.full((4, len(photo)), torch.inf, device=photo.device)
        self._evaluate()

    def step(self) -> None:
        """Take one iteration; `best` and `values` stay valid if it raises `_NotFiniteError`."""
        before = self._pixels.detach().clone()
        try:
            self._move()
        except _NotFiniteError:
            if self._hyperparameters.optimizer != "lbfgs":
                raise
            # Nearly parallel gradients in its history misled L-BFGS; without a history it follows the gradient.
            with torch.no_grad():
                self._pixels.copy_(before)
            self._optimizer = self._new_optimizer()
            self._move()

    def _move(self) -> None:
        self._optimizer.step(self._evaluate)
        with torch.no_grad():
            self._pixels.clamp_(0, 1)
        self._evaluate()

    def _new_optimizer(self) -> Any:
        if self._hyperparameters.optimizer == "adam":
            return torch.optim.Adam([self._pixels], self._hyperparameters.rate)
        return torch.optim.LBFGS(
            [self._pixels],
            max_iter=1,
            max_eval=_MAX_EVALUATIONS,  # with the default of 1 the line search would never move
            tolerance_grad=0,
            tolerance_change=0,
            history_size=_HISTORY_SIZE,
            line_search_fn="strong_wolfe",
        )

    def _evaluate(self) -> Tensor:
        """Return the objective at the pixels, store its gradient in them, and keep the better pictures.

        L-BFGS evaluates the end of its line search twice, as does `_move`, so the last result is cached.
        """
        pixels = self._pixels.detach()
        picture = pixels.clamp(0, 1)
        if self._evaluated is None or not torch.equal(self._evaluated[0], picture):
            self._evaluated = (picture, *self._objective(picture))
        _, objective, gradient = self._evaluated
        blocked = ((pixels >= 1) & (gradient < 0)) | ((pixels <= 0) & (gradient > 0))
        self._pixels.grad = gradient.masked_fill(blocked, 0)
        return objective

    def _objective(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Return the objective of `picture` and its gradient."""
        weights, picture = self._hyperparameters, picture.detach().requires_grad_(True)
        features = self._vgg(picture)
        content = weights.content * losses.content_loss(features, self._content, weights.fine)
        style = weights.style * losses.style_loss(features, self._targets)
        variation = weights.variation * torch.stack([losses.variation_loss(one[None]) for one in picture])
        total = content + style + variation
        # Scaled by the number of values, so that Adam's epsilon and L-BFGS's thresholds do not depend on the size.
        objective = total.sum() * picture[0].numel()
        (gradient,) = torch.autograd.grad(objective, picture)
        if not bool(torch.isfinite(objective) & torch.isfinite(gradient).all()):
            raise _NotFiniteError
        self._keep_better(picture.detach(), torch.stack([content, style, variation, total]).detach())
        return objective.detach(), gradient

    def _keep_better(self, picture: Tensor, values: Tensor) -> None:
        better = values[3] < self.values[3]
        self.values = torch.where(better, values, self.values)
        self.best = torch.where(better[:, None, None, None], picture, self.best)
