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

import numpy as np
import torch

from stylecam.errors import StylecamError, TrainingDataError, TrainingFailedError
from stylecam.models.model import Model
from stylecam.training import network
from stylecam.training.bank import Bank, starting_bank, write_bank
from stylecam.training.checkpoint import DAMAGED_FILE_ERRORS, Checkpoint
from stylecam.training.config import TrainingConfig, checkpoint_path
from stylecam.training.dataset import PhotoDataset, sample_pictures
from stylecam.training.device import out_of_memory_as_error, pick_bfloat16, pick_device
from stylecam.training.distributed import ProcessGroup
from stylecam.training.events import Event, FileSaved, Listener, StepEvent, skipping_on_error
from stylecam.training.faces import FaceDetector
from stylecam.training.hyperparameters import Hyperparameters
from stylecam.training.learner import Learner, NotFiniteError, crop_side
from stylecam.training.objective import Objective, Targets
from stylecam.training.plots import write_plot
from stylecam.training.samples import fit_cell, write_sheet
from stylecam.training.strokes import StrokeTargets
from stylecam.training.vgg import load_vgg
from stylecam.utils import malloc
from stylecam.utils.clock import Clock, SystemClock

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
        self._photos = PhotoDataset(config.photos, crop_side(hparams), (self._sheet, self._plot), detector=detector)
        self._samples = [fit_cell(image) for image in sample_pictures(config.samples, self._photos, hparams.seed)]
        self._vgg = load_vgg(config.vgg).to(self._device)
        bfloat16 = pick_bfloat16(self._device, config.bfloat16)
        self._vgg.use_bfloat16(bfloat16)
        style_weights, stabilities = (
            torch.tensor(each, device=self._device).repeat_interleave(self._targets.sizes)
            for each in zip(*((one.weight, one.stability) for one in config.paintings), strict=True)
        )
        objective = Objective(self._vgg, Targets.of(self._vgg, self._paintings), style_weights, hparams)
        net = bank.network.to(self._device, memory_format=torch.channels_last)
        if hparams.frozen:
            network.train_only_new_styles(net, min(self._rows))
        self._learner = Learner(
            net, self._rows, self._targets, objective, stabilities, self._photos, hparams, bfloat16=bfloat16,
            rng=np.random.default_rng((hparams.seed, self._group.rank) if self._group.rank else hparams.seed),
        )  # fmt: skip
        self._elapsed_s, self._saved = 0.0, False
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
        return self._learner.step

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
        return self._hyperparameters.done(self.step, self._elapsed_s) >= 1

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Return the bank's metadata entries, one for each style."""
        return self._bank.entries

    def pictures(self) -> dict[str, bytes]:
        """Return the painting of each style that is trained, by the style's name, see `StyleImage.picture`."""
        return {painting.name: painting.picture() for painting in self._config.paintings}

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
            learner = self._learner
            learner.forward = self._group.wrap(learner.net)
            try:
                self._loop()
            finally:
                learner.forward = learner.net  # the wrapper holds threads that must end with the connection

    def _restore(self, saved: Checkpoint, path: Path) -> None:
        """Take over weights, optimizer, progress and random state from a checkpoint."""
        self._learner.restore(saved.network, saved.optimizer, saved.average, saved.progress["step"])
        self._elapsed_s = saved.progress["elapsed_s"]
        self._history, self._recent = saved.progress["history"], saved.progress["recent"]
        states = saved.progress["chances"]
        if len(states) != self._group.size:
            raise TrainingDataError(
                f"{path} was saved by {len(states)} processes and there are {self._group.size} now; start as many with "
                "torchrun"
            )
        self._learner.rng.bit_generator.state = states[self._group.rank]
        self._saved = True

    def _loop(self) -> None:
        steps = self._group.gather(self.step)
        if len(set(steps)) > 1:
            raise TrainingDataError(f"the processes are at different steps, {steps}; give all of them one checkpoint")
        hparams = self._hyperparameters
        started_at, before_s, first_step = self._clock.now(), self._elapsed_s, self.step
        first = done = hparams.done(self.step, self._elapsed_s)
        sheet_at = started_at + hparams.sheet_every * 60
        stopped = any(self._group.gather(self._stop.is_set()))
        while done < 1 and not stopped:
            values = self._train_step(done)
            now = self._clock.now()
            self._elapsed_s, sheet_due = self._group.broadcast((before_s + now - started_at, now >= sheet_at))
            done = hparams.done(self.step, self._elapsed_s)
            self._record(values)
            left_s = (now - started_at) / (done - first) * (1 - done) if done > first else None
            self._report(StepEvent(self.step, done, self._elapsed_s, left_s, values))
            stopped = any(self._group.gather(self._stop.is_set()))
            if done < 1 and not stopped:
                if self.step % hparams.save_every == 0:
                    self._save()
                if sheet_due:
                    self._draw_progress()
                    sheet_at = now + hparams.sheet_every * 60
        if self.step > first_step or (self.step and self._group.broadcast(not self._bank_is_current())):
            self._save()  # without a step, an existing bank is rewritten only if the last write was interrupted
            self._draw_progress()

    def _train_step(self, done: float) -> dict[str, float]:
        """Take one step and return the weighted losses."""
        try:
            return self._learner.take_step(done)
        except NotFiniteError as error:
            raise TrainingFailedError(
                f"{error}; start again with --overwrite and a lower --rate or lower weights" + self._last_checkpoint("")
            ) from error

    def _record(self, values: dict[str, float]) -> None:
        self._recent.append(values)
        if self.step % _HISTORY_INTERVAL == 0:
            means = {name: float(np.mean([entry.get(name, 0.0) for entry in self._recent])) for name in values}
            self._history.append({"step": self.step, **means})
            self._recent = []

    def _save(self) -> None:
        plan = {
            **self._config.as_dict(),
            "network": self._learner.net.shape,
            "rows": list(self._rows),
            "metadata": self._bank.metadata,
        }
        progress = {
            "step": self.step,
            "elapsed_s": self._elapsed_s,
            "chances": self._group.gather(self._learner.rng.bit_generator.state),
            "history": self._history,
            "recent": self._recent,
        }
        if not self._group.leads:
            return
        checkpoint = checkpoint_path(self._output)
        with self._failing_with_advice(checkpoint):
            Checkpoint(plan, progress, **self._learner.state()).save(checkpoint)
        self._saved = True
        self._report(FileSaved("checkpoint", checkpoint))
        recipe = {**self._hyperparameters.as_dict(), "trained_steps": self.step}
        with self._failing_with_advice(self._output):
            write_bank(self._output, Bank(self._learner.average, {**self._bank.metadata, "recipe": json.dumps(recipe)}))
        self._report(FileSaved("bank", self._output))

    def _bank_is_current(self) -> bool:
        """Return whether the bank beside the checkpoint was written at the present step."""
        try:
            return bool(json.loads(Model.read(self._output).metadata["recipe"])["trained_steps"] == self.step)
        except (StylecamError, ValueError, LookupError, TypeError):
            return False

    def _draw_progress(self) -> None:
        if not self._group.leads:
            return
        middle = self._paintings[self._targets.sizes // 2 :: self._targets.sizes]
        pairs = list(zip(self._rows, middle, strict=True))
        with skipping_on_error(self._sheet, self._report):
            write_sheet(self._sheet, self._learner.average, self._samples, pairs)
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
