"""The training loop: from paintings and photographs to a bank.

Started by `torchrun`, several processes train one bank: each draws its own photographs (`batch` each), the gradients
are averaged, and the first process writes the files.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stylecam.errors import StylecamError, TrainingDataError, TrainingFailedError
from stylecam.models.model import Model
from stylecam.training import augmentation, losses, network
from stylecam.training.bank import Bank, starting_bank, write_bank
from stylecam.training.checkpoint import DAMAGED_FILE_ERRORS, Checkpoint
from stylecam.training.config import TrainingConfig, checkpoint_path
from stylecam.training.dataset import PhotoDataset, sample_pictures
from stylecam.training.device import out_of_memory_as_error, pick_bfloat16, pick_device
from stylecam.training.distributed import ProcessGroup
from stylecam.training.events import Event, FileSaved, Listener, StepEvent, skipping_on_error
from stylecam.training.faces import FaceDetector
from stylecam.training.hyperparameters import Hyperparameters
from stylecam.training.moving_grain import MovingGrain
from stylecam.training.network import StyleNetwork
from stylecam.training.objective import Objective
from stylecam.training.plots import write_plot
from stylecam.training.samples import fit_cell, write_sheet
from stylecam.training.strokes import StrokeTargets
from stylecam.training.vgg import load_vgg
from stylecam.utils import malloc
from stylecam.utils.clock import Clock, SystemClock

MAX_SHIFT = 16
"""Most pixels by which the stability loss moves the picture.

It covers the coarsest stride of a network, and moves a frame that is painted around the picture visibly.
"""
RIM = 16
"""Pixels that the network sees around what the losses see, so that blobs in the padding do not pay."""
_GRADIENT_CLIP = 5.0
_AVERAGE_DECAY = 0.998
_HISTORY_INTERVAL = 10


class Trainer:
    """Trains one bank. Create it with `begin` or `resume`, then call `run` once.

    Args:
        config: what to train.
        bank: the starting point: the network with a row for each style, and its metadata.
        rows: for each painting, the number of its style in the bank.
        output: the ONNX file to write; checkpoint, sample sheet and plot lie beside it.
        listener, stop: see `stylecam.train`.
    """

    def __init__(
        self,
        config: TrainingConfig,
        bank: Bank,
        rows: Sequence[int],
        output: Path,
        *,
        listener: Listener = lambda event: None,
        stop: threading.Event | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._config, self._bank, self._rows, self._output = config, bank, tuple(rows), output
        self._listener, self._stop, self._clock = listener, stop or threading.Event(), clock or SystemClock()
        self._hyperparameters = hparams = config.hyperparameters
        malloc.keep_large_blocks()
        self._group = ProcessGroup.from_environment()
        self._device = torch.device(pick_device(config.device, self._group.local_rank))
        self._targets = StrokeTargets(config.paintings, hparams.scale, bank.stroke_scales)
        self._paintings = self._targets.read()
        self._sheet, self._plot = (output.with_suffix(f".{kind}.png") for kind in ("sheet", "losses"))
        detector = None if config.face_model is None else FaceDetector(config.face_model)
        side = hparams.crop + 2 * (RIM + MAX_SHIFT)
        self._photos = PhotoDataset(config.photos, side, (self._sheet, self._plot), detector=detector)
        self._samples = [fit_cell(image) for image in sample_pictures(config.samples, self._photos, hparams.seed)]
        self._vgg = load_vgg(config.vgg).to(self._device)  # last of the inputs, because it may be downloaded
        self._bfloat16 = pick_bfloat16(self._device, config.bfloat16)
        self._vgg.use_bfloat16(self._bfloat16)
        style_weights, self._stabilities = (
            torch.tensor(each, device=self._device).repeat_interleave(self._targets.sizes)
            for each in zip(*((one.weight, one.stability) for one in config.paintings), strict=True)
        )
        self._objective = Objective(self._vgg, self._paintings, style_weights, hparams)
        self._network: StyleNetwork = bank.network.to(self._device, memory_format=torch.channels_last)
        if hparams.frozen:
            network.train_only_new_styles(self._network, min(self._rows))
        self._trainable = [p for p in self._network.parameters() if p.requires_grad]
        self._adam = self._new_optimizer()
        self._forward: nn.Module = self._network
        self._average = copy.deepcopy(self._network).requires_grad_(False)
        self._rng = np.random.default_rng((hparams.seed, self._group.rank) if self._group.rank else hparams.seed)
        self._step, self._elapsed_s, self._saved = 0, 0.0, False
        self._history: list[dict[str, float]] = []
        self._recent: list[dict[str, float]] = []

    @classmethod
    def begin(cls, config: TrainingConfig, output: Path, start: Path | None = None, **extra: Any) -> Trainer:
        """Start a new run, with a new bank or from the one in `start`.

        Raises:
            UsageError, TrainingDataError, ModelFormatError: the input cannot be trained with.
        """
        bank, rows = starting_bank(config, start)
        with out_of_memory_as_error(lambda: _memory_advice(config.hyperparameters)):
            return cls(config, bank, rows, output, **extra)

    @classmethod
    def resume(cls, output: Path, device: str | None = None, **extra: Any) -> Trainer:
        """Continue from the checkpoint beside `output` as if the run had never stopped, perhaps on another `device`.

        Raises:
            TrainingDataError: there is no checkpoint, it is damaged, or what it was trained on is gone.
        """
        path = checkpoint_path(output)
        saved = Checkpoint.load(path)
        try:
            config, shape = TrainingConfig.from_dict(saved.plan), saved.plan["network"]
            config = replace(config, device=device or config.device)
            bank = Bank(network.make_network(**{"tier": "lean", "sizes": 1, **shape}), saved.plan["metadata"])
            with out_of_memory_as_error(lambda: _memory_advice(config.hyperparameters)):
                trainer = cls(config, bank, saved.plan["rows"], output, **extra)
            trainer._restore(saved, path)
        except StylecamError:
            raise
        except DAMAGED_FILE_ERRORS as error:
            raise TrainingDataError(f"{path} does not hold a whole run ({error}); train again") from error
        return trainer

    @property
    def step(self) -> int:
        """Return the number of steps done, including those before a resume."""
        return self._step

    @property
    def leads(self) -> bool:
        """Return whether this process, of those that train together, writes files and reports progress."""
        return self._group.leads

    @property
    def installs(self) -> bool:
        """Return whether the result is to be installed as a user style."""
        return self._hyperparameters.frozen if self._config.install is None else self._config.install

    @property
    def finished(self) -> bool:
        """Return whether the whole run is done."""
        return self._hyperparameters.done(self._step, self._elapsed_s) >= 1

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Return the bank's metadata entries, one for each style."""
        return self._bank.entries

    @property
    def trained_styles(self) -> list[str]:
        """Return the names of the styles being trained, in the order of their paintings."""
        return [painting.name for painting in self._config.paintings]

    @property
    def photo_count(self) -> int:
        """Return the number of photographs to learn on, readable or not."""
        return self._photos.count

    @property
    def unreadable(self) -> list[Path]:
        """Return the photographs that could not be read so far, sorted."""
        return sorted(self._photos.unreadable)

    def run(self) -> None:
        """Train until the run is done or `stop` is set, then save everything.

        Raises:
            TrainingFailedError: a loss is NaN or infinite, or memory or disk ran out; the last checkpoint is kept.
            TrainingDataError: no photograph can be read any more, or several processes are at different steps.
        """
        advice = _memory_advice(self._hyperparameters)
        with out_of_memory_as_error(lambda: advice + self._last_checkpoint()), self._group.connected(self._device):
            self._forward = self._group.wrap(self._network)
            try:
                self._loop()
            finally:
                self._forward = self._network  # the wrapper holds threads that must end with the connection

    def _restore(self, saved: Checkpoint, path: Path) -> None:
        """Take over weights, optimizer, progress and random state from a checkpoint."""
        self._network.load_state_dict(saved.network)
        self._average.load_state_dict(saved.average)
        self._adam.load_state_dict(saved.optimizer)
        self._step, self._elapsed_s = saved.progress["step"], saved.progress["elapsed_s"]
        self._history, self._recent = saved.progress["history"], saved.progress["recent"]
        states = saved.progress["chances"]
        if len(states) != self._group.size:
            raise TrainingDataError(
                f"{path} was saved by {len(states)} processes and there are {self._group.size} now; start as many with "
                "torchrun"
            )
        self._rng.bit_generator.state = states[self._group.rank]
        self._saved = True

    def _new_optimizer(self) -> torch.optim.Adam:
        norms, hparams = set(network.norm_rows(self._network)), self._hyperparameters
        convolutions = {"params": [p for p in self._trainable if p not in norms], "highest": hparams.rate}
        rows = {"params": [p for p in self._trainable if p in norms], "highest": hparams.norm_rate}
        return torch.optim.Adam([convolutions, rows])

    def _loop(self) -> None:
        steps = self._group.gather(self._step)
        if len(set(steps)) > 1:
            raise TrainingDataError(f"the processes are at different steps, {steps}; give all of them one checkpoint")
        hparams = self._hyperparameters
        started_at, before_s, first_step = self._clock.now(), self._elapsed_s, self._step
        first = done = hparams.done(self._step, self._elapsed_s)
        sheet_at = started_at + hparams.sheet_every * 60
        stopped = any(self._group.gather(self._stop.is_set()))
        while done < 1 and not stopped:
            values = self._train_step(done)
            self._step += 1
            now = self._clock.now()
            self._elapsed_s, sheet_due = self._group.broadcast((before_s + now - started_at, now >= sheet_at))
            done = hparams.done(self._step, self._elapsed_s)
            self._record(values)
            left_s = (now - started_at) / (done - first) * (1 - done) if done > first else None
            self._report(StepEvent(self._step, done, self._elapsed_s, left_s, values))
            stopped = any(self._group.gather(self._stop.is_set()))
            if done < 1 and not stopped:
                if self._step % hparams.save_every == 0:
                    self._save()
                if sheet_due:
                    self._draw_progress()
                    sheet_at = now + hparams.sheet_every * 60
        if self._step > first_step or (self._step and self._group.broadcast(not self._bank_is_current())):
            self._save()  # without a step, an existing bank is rewritten only if the last write was interrupted
            self._draw_progress()

    def _train_step(self, done: float) -> dict[str, float]:
        """Take one step of Adam and return the weighted losses."""
        hparams = self._hyperparameters
        for group in self._adam.param_groups:
            group["lr"] = group["highest"] * hparams.learning_rate_factor(self._step, done)
        window = hparams.crop + 2 * RIM
        crops = [self._photos.random_crop(self._rng) for _ in range(hparams.batch)]
        large = torch.from_numpy(np.stack([crop.picture for crop in crops]))
        photo = large.to(self._device).permute(0, 3, 1, 2)  # a view: already channels last
        drawn = self._targets.draw(self._rng, hparams.batch)
        styles = torch.tensor(self._rows)[torch.from_numpy(self._targets.styles(drawn))]
        broad_shares = torch.from_numpy(self._targets.broad_shares(drawn))
        weights = self._network.weights_of(styles, broad_shares).to(self._device)
        which = torch.from_numpy(drawn).to(self._device)

        x = photo[:, :, MAX_SHIFT : MAX_SHIFT + window, MAX_SHIFT : MAX_SHIFT + window]
        grain = MovingGrain(self._network, hparams.batch, window, MAX_SHIFT, self._rng)
        styled = self._paint(x, weights, grain.at())
        parts = {"stability": self._stability_loss(photo, styled, weights, self._stabilities[which], grain, done)}
        top, left = (int(v) for v in self._rng.integers(RIM // 2, RIM + RIM // 2 + 1, size=2))
        x, styled = (t[:, :, top : top + hparams.crop, left : left + hparams.crop] for t in (x, styled))
        faces = [crop.face and crop.face.within(MAX_SHIFT + left, MAX_SHIFT + top) for crop in crops]
        parts |= self._objective.measure(styled, x, which, faces, self._rng)
        total = sum(parts.values(), torch.zeros((), device=self._device))

        self._adam.zero_grad()
        total.backward()
        norm = nn.utils.clip_grad_norm_(self._trainable, _GRADIENT_CLIP)
        if not bool(torch.isfinite(total) & torch.isfinite(norm)):  # checked before it can spoil the weights
            wrong = [name for name, part in parts.items() if not bool(torch.isfinite(part))]
            raise TrainingFailedError(
                f"the loss is no longer a number at step {self._step} ({', '.join(wrong) or 'its gradient'}); start "
                "again with --overwrite and a lower --rate or lower weights" + self._last_checkpoint("")
            )
        self._adam.step()
        self._average_weights()
        return {"total": total.item(), **{name: part.item() for name, part in parts.items()}}

    def _paint(self, x: Tensor, weights: Tensor, grain: Tensor) -> Tensor:
        """Run the network, in bfloat16 where that was chosen: a bank then also learns to bear its rounding."""
        rounding = torch.autocast(self._device.type, torch.bfloat16) if self._bfloat16 else nullcontext()
        with rounding:  # made only where wanted: PyTorch before 2.5 knows none for mps
            return self._forward(x.contiguous(memory_format=torch.channels_last), weights, grain).float()

    @torch.no_grad()
    def _average_weights(self) -> None:
        """Move the averaged weights, which are what is written, towards the present ones: slowly, once there are some.

        They paint as the network does over the last some hundred steps, without the last step's chance.
        """
        decay = min(_AVERAGE_DECAY, (self._step + 1) / (self._step + 20))
        for average, parameter in zip(self._average.parameters(), self._network.parameters(), strict=True):
            average.lerp_(parameter, 1 - decay)

    def _stability_loss(
        self, photo: Tensor, styled: Tensor, weights: Tensor, factors: Tensor, grain: MovingGrain, done: float
    ) -> Tensor:
        """Return the stability loss in even steps, counted twice, and zero in odd ones.

        The window moves, or in every fourth step only its noise changes. The grain stays in place as it does in a call,
        or moves with the picture.
        """
        hparams, window = self._hyperparameters, styled.shape[-1]
        if self._step % 2 or not hparams.stability:
            return styled.new_zeros(())
        down, right = (int(v) for v in self._rng.integers(-MAX_SHIFT, MAX_SHIFT + 1, size=2))
        carried = self._rng.random() < 0.5
        if self._step % 8 == 0:
            down = right = 0
        top, left = MAX_SHIFT + down, MAX_SHIFT + right
        moved = photo[:, :, top : top + window, left : left + window]
        noised = augmentation.relight_and_add_noise(moved, self._rng)
        repainted = self._paint(noised, weights, grain.at(down, right) if carried else grain.at())
        error = losses.stability_loss(styled, repainted, down, right)
        return 2 * hparams.stability * hparams.stability_factor(done) * (factors * error).mean()

    def _record(self, values: dict[str, float]) -> None:
        self._recent.append(values)
        if self._step % _HISTORY_INTERVAL == 0:
            means = {name: float(np.mean([entry.get(name, 0.0) for entry in self._recent])) for name in values}
            self._history.append({"step": self._step, **means})
            self._recent = []

    def _save(self) -> None:
        net = self._network
        plan = {
            **self._config.as_dict(),
            "network": net.shape,
            "rows": list(self._rows),
            "metadata": self._bank.metadata,
        }
        progress = {
            "step": self._step,
            "elapsed_s": self._elapsed_s,
            "chances": self._group.gather(self._rng.bit_generator.state),
            "history": self._history,
            "recent": self._recent,
        }
        if not self._group.leads:
            return
        checkpoint = checkpoint_path(self._output)
        with self._failing_with_advice(checkpoint):
            Checkpoint(plan, progress, net.state_dict(), self._adam.state_dict(), self._average.state_dict()).save(
                checkpoint
            )
        self._saved = True
        self._report(FileSaved("checkpoint", checkpoint))
        recipe = {**self._hyperparameters.as_dict(), "trained_steps": self._step}
        with self._failing_with_advice(self._output):
            write_bank(self._output, Bank(self._average, {**self._bank.metadata, "recipe": json.dumps(recipe)}))
        self._report(FileSaved("bank", self._output))

    def _bank_is_current(self) -> bool:
        """Return whether the bank beside the checkpoint was written at the present step."""
        try:
            return bool(json.loads(Model.read(self._output).metadata["recipe"])["trained_steps"] == self._step)
        except (StylecamError, ValueError, LookupError, TypeError):
            return False

    def _draw_progress(self) -> None:
        if not self._group.leads:
            return
        middle = self._paintings[self._targets.sizes // 2 :: self._targets.sizes]
        pairs = list(zip(self._rows, middle, strict=True))
        with skipping_on_error(self._sheet, self._report):
            write_sheet(self._sheet, self._average, self._samples, pairs)
            self._report(FileSaved("sheet", self._sheet))
        with skipping_on_error(self._plot, self._report):
            if write_plot(self._plot, self._history):
                self._report(FileSaved("plot", self._plot))

    @contextmanager
    def _failing_with_advice(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or error
            raise TrainingFailedError(f"{path} cannot be written: {reason}{self._last_checkpoint()}") from error

    def _report(self, event: Event) -> None:
        if self._group.leads:
            self._listener(event)

    def _last_checkpoint(self, use: str = ", from which --resume continues") -> str:
        if not self._saved:
            return "; nothing was saved yet"
        return f"; the last good checkpoint is {checkpoint_path(self._output)}{use}"


def _memory_advice(hparams: Hyperparameters) -> str:
    return f"lower --batch (now {hparams.batch}), --crop (now {hparams.crop}) or --style-scale (now {hparams.scale})"
