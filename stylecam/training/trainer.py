"""The training loop: from paintings and photographs to a bank.

Started by `torchrun`, several processes train one bank: each draws its own photographs (`batch` each), the gradients
are averaged, and the first process writes the files.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor, nn

from stylecam.errors import StylecamError, TrainingDataError, TrainingFailedError
from stylecam.media.frame import Image
from stylecam.media.transforms import to_tensor
from stylecam.models.grain import CELL_SIZE, KERNEL_RADIUS, Grain, smooth_noise
from stylecam.models.model import Model
from stylecam.training import augmentation as camera
from stylecam.training import losses, network
from stylecam.training.bank import Bank, first_bank, write_bank
from stylecam.training.checkpoint import DAMAGES, Checkpoint, checkpoint_path
from stylecam.training.config import Plan
from stylecam.training.dataset import Photos, read_picture
from stylecam.training.device import keep_memory, naming_memory, pick_bfloat16, pick_device
from stylecam.training.distributed import Crew
from stylecam.training.events import Event, Listener, Saved, Step, sparing
from stylecam.training.hyperparameters import Recipe
from stylecam.training.network import GRAIN, Lean
from stylecam.training.plots import write_plot
from stylecam.training.samples import fit_cell, write_sheet
from stylecam.training.vgg import grams_of, load_perceptual
from stylecam.utils.clock import Clock, SystemClock

SHIFT = 24
"""Pixels the stability loss may move the picture by: more than a stride of the network, and all that is not one; and
so far that a frame painted around the picture would have to move."""
RIM = 24
"""Pixels the network sees around what the losses see: blobs in zero padding must not pay."""
_CLIP = 5.0
_HISTORY_EVERY = 10


class Trainer:
    """Trains one bank. Make one with `begin` or `resume`, then call `run` once.

    Args:
        plan: what to do.
        bank: where to begin: the network with a row for each style, and its metadata.
        rows: for each painting, the number of its style in the bank.
        output: the ONNX file to be; checkpoint, sheet and plot lie beside it.
        listener: told of each step and file, from the calling thread.
        stop: set it to end after the current step; everything is saved.
        clock: tells the time.
    """

    def __init__(
        self,
        plan: Plan,
        bank: Bank,
        rows: Sequence[int],
        output: Path,
        *,
        listener: Listener = lambda event: None,
        stop: threading.Event | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._plan, self._bank, self._rows, self._output = plan, bank, tuple(rows), output
        self._listener, self._stop, self._clock = listener, stop or threading.Event(), clock or SystemClock()
        self._recipe = recipe = plan.recipe
        keep_memory()
        self._crew = Crew.called()
        self._device = torch.device(pick_device(plan.device, self._crew.local))
        self._paintings = [painting.read(recipe.scale) for painting in plan.paintings]
        self._sheet, self._plot = (output.with_suffix(f".{kind}.png") for kind in ("sheet", "losses"))
        self._photos = Photos(plan.photos, recipe.crop + 2 * (RIM + SHIFT), (self._sheet, self._plot))
        self._samples = self._read_samples()
        self._perceptual = load_perceptual(plan.vgg).to(self._device)  # last of what may be missing: it may be fetched
        self._perceptual.bfloat16 = pick_bfloat16(self._device, plan.bfloat16)
        self._targets = self._measure_paintings()
        shares = np.array([one.share for one in plan.paintings])
        self._shares = shares / shares.sum()
        self._style_weights, self._stability_weights = (
            torch.tensor(each, device=self._device)
            for each in zip(*((one.weight, one.stability) for one in plan.paintings), strict=True)
        )
        self._network: Lean = bank.network.to(self._device, memory_format=torch.channels_last)
        if recipe.frozen:
            network.learn_only_new_styles(self._network, min(self._rows))
        self._learning = [p for p in self._network.parameters() if p.requires_grad]
        norms = set(network.norm_rows(self._network))
        self._adam = torch.optim.Adam(
            [
                {"params": [p for p in self._learning if p not in norms], "highest": recipe.rate},
                {"params": [p for p in self._learning if p in norms], "highest": recipe.norm_rate},
            ]
        )
        self._forward: nn.Module = self._network
        self._chance = np.random.default_rng((recipe.seed, self._crew.rank) if self._crew.rank else recipe.seed)
        self._step, self._elapsed_s, self._saved = 0, 0.0, False
        self._history: list[dict[str, float]] = []
        self._recent: list[dict[str, float]] = []

    @classmethod
    def begin(cls, plan: Plan, output: Path, start: Path | None = None, **extra: Any) -> Trainer:
        """A fresh run: a new bank, or on from the one in `start`.

        Raises:
            UsageError, TrainingDataError, ModelFormatError: what was given cannot be trained with.
        """
        bank, rows = first_bank(plan, start)
        with naming_memory(lambda: _less_memory(plan.recipe)):
            return cls(plan, bank, rows, output, **extra)

    @classmethod
    def resume(cls, output: Path, device: str | None = None, **extra: Any) -> Trainer:
        """Go on from the checkpoint beside `output`, as if the run had never stopped; on another device if asked.

        Raises:
            TrainingDataError: there is none, it is damaged, or what it was trained on is gone.
        """
        path = checkpoint_path(output)
        saved = Checkpoint.load(path)
        try:
            plan, shape = Plan.from_dict(saved.plan), saved.plan["network"]
            plan = replace(plan, device=device or plan.device)
            bank = Bank(Lean(**shape), saved.plan["metadata"])
            with naming_memory(lambda: _less_memory(plan.recipe)):
                trainer = cls(plan, bank, saved.plan["rows"], output, **extra)
            trainer._network.load_state_dict(saved.network)
            trainer._adam.load_state_dict(saved.optimizer)
            trainer._step, trainer._elapsed_s = saved.progress["step"], saved.progress["elapsed_s"]
            trainer._history, trainer._recent = saved.progress["history"], saved.progress["recent"]
            states, crew = saved.progress["chances"], trainer._crew
            if len(states) != crew.size:
                raise TrainingDataError(
                    f"{path} is by {len(states)} processes and there are {crew.size} now; start as many with torchrun"
                )
            trainer._chance.bit_generator.state = states[crew.rank]
            trainer._saved = True
        except StylecamError:
            raise
        except DAMAGES as error:
            raise TrainingDataError(f"{path} does not hold a whole run ({error}); train again") from error
        return trainer

    @property
    def step(self) -> int:
        """Steps done, resumed ones included."""
        return self._step

    @property
    def leads(self) -> bool:
        """Whether this process, of those that train together, is the one that writes."""
        return self._crew.leads

    @property
    def installs(self) -> bool:
        """Whether the result is to become one of the user's own styles."""
        return self._recipe.frozen if self._plan.install is None else self._plan.install

    @property
    def finished(self) -> bool:
        """Whether all that was planned is done."""
        return self._recipe.done(self._step, self._elapsed_s) >= 1

    @property
    def entries(self) -> list[dict[str, Any]]:
        """What the bank says about its styles."""
        return self._bank.entries

    @property
    def learned(self) -> list[str]:
        """The names of the styles that learn, in the order of their paintings."""
        return [painting.name for painting in self._plan.paintings]

    @property
    def photographs(self) -> int:
        """How many there are to learn on, readable or not."""
        return self._photos.count

    @property
    def corrupt(self) -> list[Path]:
        """The photographs that were to be seen and could not be read."""
        return sorted(self._photos.corrupt)

    def run(self) -> None:
        """Train until it is done or told to stop, then save everything.

        Raises:
            TrainingFailedError: a loss is no number, memory or disk ran out; the last checkpoint is kept.
            TrainingDataError: no photograph can be read any more, or several processes have gone on differently.
        """
        with naming_memory(lambda: _less_memory(self._recipe) + self._kept()), self._crew.working(self._device):
            self._forward = self._crew.sharing(self._network)
            try:
                self._loop()
            finally:
                self._forward = self._network  # what shares holds on to threads that must end with the connection

    def _loop(self) -> None:
        steps = self._crew.gathered(self._step)
        if len(set(steps)) > 1:
            raise TrainingDataError(f"the processes go on from different steps, {steps}; give all one checkpoint")
        began, before, began_at = self._clock.now(), self._elapsed_s, self._step
        first = done = self._recipe.done(self._step, self._elapsed_s)
        sheet_at = began + self._recipe.sheet_every * 60
        stopped = any(self._crew.gathered(self._stop.is_set()))
        while done < 1 and not stopped:
            values = self._learn(done)
            self._step += 1
            now = self._clock.now()
            self._elapsed_s, draws = self._crew.led((before + now - began, now >= sheet_at))
            done = self._recipe.done(self._step, self._elapsed_s)
            self._note(values)
            left = (now - began) / (done - first) * (1 - done) if done > first else None
            self._tell(Step(self._step, done, self._elapsed_s, left, values))
            stopped = any(self._crew.gathered(self._stop.is_set()))
            if done < 1 and not stopped:
                if self._step % self._recipe.save_every == 0:
                    self._save()
                if draws:
                    self._draw()
                    sheet_at = now + self._recipe.sheet_every * 60
        if self._step > began_at or (self._step and self._crew.led(not self._is_written())):
            self._save()  # nothing learned, nothing to write over an older bank: unless killed while it was written
            self._draw()

    def _learn(self, done: float) -> dict[str, float]:
        """One step of Adam; the weighted losses."""
        recipe = self._recipe
        for group in self._adam.param_groups:
            group["lr"] = group["highest"] * recipe.pace(self._step, done)
        seen = recipe.crop + 2 * RIM
        large = np.stack([self._photos.draw(self._chance) for _ in range(recipe.batch)])
        photo = torch.from_numpy(large).to(self._device).permute(0, 3, 1, 2)  # a view: already channels last
        which = torch.from_numpy(self._chance.choice(len(self._rows), recipe.batch, p=self._shares))
        rows = torch.tensor(self._rows)[which]
        weights = F.one_hot(rows, self._network.styles).float().to(self._device)
        which = which.to(self._device)

        x = photo[:, :, SHIFT : SHIFT + seen, SHIFT : SHIFT + seen]
        grain = self._draw_grain(seen)
        styled = self._forward(x, weights, self._grain_at(grain, seen))
        parts = self._steadiness(photo, styled, weights, self._stability_weights[which], grain, done)
        top, left = (int(v) for v in self._chance.integers(RIM // 3, 2 * RIM - RIM // 3 + 1, size=2))
        x, styled = (t[:, :, top : top + recipe.crop, left : left + recipe.crop] for t in (x, styled))
        found = self._perceptual(styled)
        with torch.no_grad():
            wanted = self._perceptual(x, taps=3)
        content = losses.content_loss(found, wanted, recipe.fine).mean()
        style = losses.style_loss(found, [target[which] for target in self._targets])
        parts["content"] = recipe.content * content
        parts["style"] = recipe.style * (style * self._style_weights[which]).mean()
        parts["variation"] = recipe.variation * losses.variation_loss(styled)
        total = sum(parts.values(), torch.zeros((), device=self._device))

        self._adam.zero_grad()
        total.backward()
        slope = nn.utils.clip_grad_norm_(self._learning, _CLIP)
        if not bool(torch.isfinite(total) & torch.isfinite(slope)):  # before it can spoil the weights
            wrong = [name for name, part in parts.items() if not bool(torch.isfinite(part))]
            raise TrainingFailedError(
                f"the loss is no number any more at step {self._step} ({', '.join(wrong) or 'its gradient'}); begin "
                "again, with --overwrite and a lower --rate or lower weights" + self._kept("")
            )
        self._adam.step()
        return {"total": total.item(), **{name: part.item() for name, part in parts.items()}}

    def _draw_grain(self, seen: int) -> Grain:
        """White noise for the grain of a batch, as far as the stability loss may move the picture."""
        cells = seen // CELL_SIZE + 2 * (KERNEL_RADIUS + SHIFT // CELL_SIZE)
        return self._chance.standard_normal((self._recipe.batch, GRAIN, cells, cells), dtype=np.float32)

    def _grain_at(self, noise: Grain, seen: int, down: int = 0, right: int = 0) -> Tensor:
        """The grain of pictures of `seen`², moved by so many pixels: it moves with what is painted."""
        cells = seen // CELL_SIZE
        moved = smooth_noise(noise, cells, cells, (SHIFT + down) / CELL_SIZE, (SHIFT + right) / CELL_SIZE)
        return torch.from_numpy(moved).to(self._device)

    def _steadiness(
        self, photo: Tensor, styled: Tensor, weights: Tensor, counts: Tensor, noise: Grain, done: float
    ) -> dict[str, Tensor]:
        """The stability loss in even steps, the noise loss in odd ones, each twice: one more painting, not two."""
        recipe, seen = self._recipe, styled.shape[-1]
        factor = 2 * recipe.steadiness(done)
        parts = {"stability": styled.new_zeros(()), "noise": styled.new_zeros(())}
        if self._step % 2 == 0 and recipe.stability:
            down, right = (int(v) for v in self._chance.integers(-SHIFT, SHIFT + 1, size=2))
            moved = photo[:, :, SHIFT + down : SHIFT + down + seen, SHIFT + right : SHIFT + right + seen]
            grain = self._grain_at(noise, seen, down, right)
            again = self._forward(camera.disturbed(moved, self._chance), weights, grain)
            moved_on = losses.stability_loss(styled, again, down, right)
            parts["stability"] = recipe.stability * factor * (counts * moved_on).mean()
        elif self._step % 2 and recipe.noise:
            still = photo[:, :, SHIFT : SHIFT + seen, SHIFT : SHIFT + seen]
            again = self._forward(camera.noised(still, self._chance), weights, self._grain_at(noise, seen))
            flicker = losses.noise_loss(styled, again, camera.NOISE)
            parts["noise"] = recipe.noise * factor * (counts * flicker).mean()
        return parts

    def _measure_paintings(self) -> list[Tensor]:
        """The Gram matrices of all paintings: one P×C×C tensor a layer."""
        found = [grams_of(self._perceptual, torch.from_numpy(to_tensor(image))) for image in self._paintings]
        return [torch.cat(layer) for layer in zip(*found, strict=True)]

    def _read_samples(self) -> list[Image]:
        samples = []
        for path in self._plan.samples:
            try:
                samples.append(fit_cell(read_picture(path)))
            except TrainingDataError as error:
                raise TrainingDataError(f"--sample: {error}") from error
        if samples:
            return samples
        chance = np.random.default_rng(self._recipe.seed)  # its own: the sheet must not change the training
        drawn = [(self._photos.draw(chance) * 255).round().astype(np.uint8) for _ in range(4)]
        return [cv2.cvtColor(image, cv2.COLOR_RGB2BGR) for image in drawn]

    def _note(self, values: dict[str, float]) -> None:
        self._recent.append(values)
        if self._step % _HISTORY_EVERY == 0:
            means = {name: float(np.mean([entry.get(name, 0.0) for entry in self._recent])) for name in values}
            self._history.append({"step": self._step, **means})
            self._recent = []

    def _save(self) -> None:
        net = self._network
        plan = {
            **self._plan.as_dict(),
            "network": {"styles": net.styles, "width": net.width, "blocks": net.blocks, "quarter": net.quarter},
            "rows": list(self._rows),
            "metadata": self._bank.metadata,
        }
        progress = {
            "step": self._step,
            "elapsed_s": self._elapsed_s,
            "chances": self._crew.gathered(self._chance.bit_generator.state),
            "history": self._history,
            "recent": self._recent,
        }
        if not self._crew.leads:
            return
        checkpoint = checkpoint_path(self._output)
        with self._needing(checkpoint):
            Checkpoint(plan, progress, net.state_dict(), self._adam.state_dict()).save(checkpoint)
        self._saved = True
        self._tell(Saved("checkpoint", checkpoint))
        recipe = {**self._recipe.as_dict(), "trained_steps": self._step}
        with self._needing(self._output):
            write_bank(self._output, Bank(net, {**self._bank.metadata, "recipe": json.dumps(recipe)}))
        self._tell(Saved("bank", self._output))

    def _is_written(self) -> bool:
        """Whether the bank beside the checkpoint is of this very step."""
        try:
            return bool(json.loads(Model.read(self._output).metadata["recipe"])["trained_steps"] == self._step)
        except (StylecamError, ValueError, LookupError, TypeError):
            return False

    def _draw(self) -> None:
        if not self._crew.leads:
            return
        pairs = list(zip(self._rows, self._paintings, strict=True))
        with sparing(self._sheet, self._tell):
            write_sheet(self._sheet, self._network, self._samples, pairs)
            self._tell(Saved("sheet", self._sheet))
        with sparing(self._plot, self._tell):
            if write_plot(self._plot, self._history):
                self._tell(Saved("plot", self._plot))

    @contextmanager
    def _needing(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise TrainingFailedError(f"{path} cannot be written: {error.strerror or error}{self._kept()}") from error

    def _tell(self, event: Event) -> None:
        if self._crew.leads:
            self._listener(event)

    def _kept(self, use: str = ", from which --resume goes on") -> str:
        if not self._saved:
            return "; nothing was saved yet"
        return f"; the last good checkpoint is {checkpoint_path(self._output)}{use}"


def _less_memory(recipe: Recipe) -> str:
    return f"lower --batch (now {recipe.batch}), --crop (now {recipe.crop}) or --style-scale (now {recipe.scale})"
