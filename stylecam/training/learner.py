"""The steps of training: crops of photographs are painted, the losses measured, and the weights moved a little."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stylecam.training import augmentation, losses, network
from stylecam.training.dataset import PhotoDataset
from stylecam.training.hyperparameters import Hyperparameters
from stylecam.training.moving_grain import MovingGrain
from stylecam.training.network import StyleNetwork
from stylecam.training.objective import Objective
from stylecam.training.strokes import StrokeTargets

MAX_SHIFT = 16
"""Most pixels by which the stability loss moves the picture.

It covers the coarsest stride of a network, and moves a frame that is painted around the picture visibly.
"""
RIM = 16
"""Pixels that the network sees around what the losses see, so that blobs in the padding do not pay."""
_GRADIENT_CLIP = 5.0
_AVERAGE_DECAY = 0.998


def crop_side(hparams: Hyperparameters) -> int:
    """Return the side of the crops of photographs that a learner takes, in pixels."""
    return hparams.crop + 2 * (RIM + MAX_SHIFT)


class NotFiniteError(ArithmeticError):
    """A loss, or its gradient, is NaN or infinite; the weights are those of the step before."""


class Learner:
    """Teaches one network, and keeps what belongs to that: the optimizer, the average and the random generator.

    Args:
        net: what is trained: its parameters that ask for a gradient.
        rows: for each painting, the number of its style in the network.
        targets: the paintings, in each size of strokes.
        objective: the losses for these targets.
        stabilities: the factor of each target's stability loss.
        photos: crops of the size of `crop_side`.
        hparams: every number of the run.
        bfloat16: whether the network paints in bfloat16; it then also learns to bear its rounding.
        rng: all randomness comes from it.

    Attributes:
        net: the network.
        average: its weights, averaged over the last steps, without the last step's chance. They are what is written.
        adam: the optimizer.
        rng: the random generator.
        step: the number of steps done.
        forward: what paints: the network, or a wrapper of it that averages gradients over several processes.
    """

    def __init__(
        self,
        net: StyleNetwork,
        rows: Sequence[int],
        targets: StrokeTargets,
        objective: Objective,
        stabilities: Tensor,
        photos: PhotoDataset,
        hparams: Hyperparameters,
        *,
        bfloat16: bool,
        rng: np.random.Generator,
    ) -> None:
        self.net, self.rng, self.step = net, rng, 0
        self.forward: nn.Module = net
        self.average = copy.deepcopy(net).requires_grad_(False)
        self._rows, self._targets, self._objective, self._stabilities = rows, targets, objective, stabilities
        self._photos, self._hyperparameters, self._bfloat16 = photos, hparams, bfloat16
        self._device = next(net.parameters()).device
        self._trainable = [p for p in net.parameters() if p.requires_grad]
        norms = set(network.norm_rows(net))
        convolutions = {"params": [p for p in self._trainable if p not in norms], "highest": hparams.rate}
        norm_rows = {"params": [p for p in self._trainable if p in norms], "highest": hparams.norm_rate}
        self.adam = torch.optim.Adam([convolutions, norm_rows])

    def take_step(self, done: float) -> dict[str, float]:
        """Take one step of Adam and return the weighted losses; `done` is the share of the run that is done, 0..1.

        Raises:
            NotFiniteError: a loss is no number any more; the message names the losses.
            TrainingDataError: no photograph can be read any more.
        """
        hparams = self._hyperparameters
        for group in self.adam.param_groups:
            group["lr"] = group["highest"] * hparams.learning_rate_factor(self.step, done)
        window = hparams.crop + 2 * RIM
        crops = [self._photos.random_crop(self.rng) for _ in range(hparams.batch)]
        large = torch.from_numpy(np.stack([crop.picture for crop in crops]))
        photo = large.to(self._device).permute(0, 3, 1, 2)  # a view: already channels last
        drawn = self._targets.draw(self.rng, hparams.batch)
        styles = torch.tensor(self._rows)[torch.from_numpy(self._targets.styles(drawn))]
        broad_shares = torch.from_numpy(self._targets.broad_shares(drawn))
        weights = self.net.weights_of(styles, broad_shares).to(self._device)
        which = torch.from_numpy(drawn).to(self._device)

        x = photo[:, :, MAX_SHIFT : MAX_SHIFT + window, MAX_SHIFT : MAX_SHIFT + window]
        grain = MovingGrain(self.net, hparams.batch, window, MAX_SHIFT, self.rng)
        styled = self._paint(x, weights, grain.at())
        parts = {"stability": self._stability_loss(photo, styled, weights, self._stabilities[which], grain, done)}
        top, left = (int(v) for v in self.rng.integers(RIM // 2, RIM + RIM // 2 + 1, size=2))
        x, styled = (t[:, :, top : top + hparams.crop, left : left + hparams.crop] for t in (x, styled))
        faces = [crop.face and crop.face.within(MAX_SHIFT + left, MAX_SHIFT + top) for crop in crops]
        parts |= self._objective.measure(styled, x, which, faces, self.rng)
        total = sum(parts.values(), torch.zeros((), device=self._device))

        self.adam.zero_grad()
        total.backward()
        norm = nn.utils.clip_grad_norm_(self._trainable, _GRADIENT_CLIP)
        if not bool(torch.isfinite(total) & torch.isfinite(norm)):  # checked before it can spoil the weights
            wrong = [name for name, part in parts.items() if not bool(torch.isfinite(part))]
            raise NotFiniteError(
                f"the loss is no longer a number at step {self.step} ({', '.join(wrong) or 'its gradient'})"
            )
        self.adam.step()
        self._average_weights()
        self.step += 1
        return {"total": total.item(), **{name: part.item() for name, part in parts.items()}}

    def state(self) -> dict[str, Any]:
        """Return the state dictionaries of `network`, `optimizer` and `average`."""
        return {
            "network": self.net.state_dict(),
            "optimizer": self.adam.state_dict(),
            "average": self.average.state_dict(),
        }

    def restore(self, network: dict[str, Any], optimizer: dict[str, Any], average: dict[str, Any], step: int) -> None:
        """Take over the values of `state`, and the number of steps that were done."""
        self.net.load_state_dict(network)
        self.average.load_state_dict(average)
        self.adam.load_state_dict(optimizer)
        self.step = step

    def _paint(self, x: Tensor, weights: Tensor, grain: Tensor) -> Tensor:
        rounding = torch.autocast(self._device.type, torch.bfloat16) if self._bfloat16 else nullcontext()
        with rounding:  # made only where wanted: PyTorch before 2.5 knows none for mps
            return self.forward(x.contiguous(memory_format=torch.channels_last), weights, grain).float()

    @torch.no_grad()
    def _average_weights(self) -> None:
        """Move the averaged weights towards the present ones: slowly, once there are some."""
        decay = min(_AVERAGE_DECAY, (self.step + 1) / (self.step + 20))
        for average, parameter in zip(self.average.parameters(), self.net.parameters(), strict=True):
            average.lerp_(parameter, 1 - decay)

    def _stability_loss(
        self, photo: Tensor, styled: Tensor, weights: Tensor, factors: Tensor, grain: MovingGrain, done: float
    ) -> Tensor:
        """Return the stability loss in even steps, counted twice, and zero in odd ones.

        The window moves, or in every fourth step only its noise changes. The grain stays in place as it does in a call,
        or moves with the picture.
        """
        hparams, window = self._hyperparameters, styled.shape[-1]
        if self.step % 2 or not hparams.stability:
            return styled.new_zeros(())
        down, right = (int(v) for v in self.rng.integers(-MAX_SHIFT, MAX_SHIFT + 1, size=2))
        carried = self.rng.random() < 0.5
        if self.step % 8 == 0:
            down = right = 0
        top, left = MAX_SHIFT + down, MAX_SHIFT + right
        moved = photo[:, :, top : top + window, left : left + window]
        noised = augmentation.relight_and_add_noise(moved, self.rng)
        repainted = self._paint(noised, weights, grain.at(down, right) if carried else grain.at())
        error = losses.stability_loss(styled, repainted, down, right)
        return 2 * hparams.stability * hparams.stability_factor(done) * (factors * error).mean()
