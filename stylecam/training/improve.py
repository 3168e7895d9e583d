"""Improve an own style: train its rows on the bodies that come with stylecam, which stay as they are.

The losses are those of every training, but with balanced errors of style. What is learned goes to the style's file
every `WRITE_EVERY_S`, and only if it is better than what is there, so the run may be ended at any moment, and another
one goes on from there.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from stylecam.errors import ModelFormatError, TrainingDataError, TrainingFailedError, UsageError
from stylecam.models.catalog import shipped_models
from stylecam.models.own_style import LearnedRows, OwnStyle, changing
from stylecam.stylize.sample_grid import write_sample_grid
from stylecam.stylize.style_learning import redraft
from stylecam.training.dataset import PhotoDataset
from stylecam.training.device import out_of_memory_as_error, pick_bfloat16, pick_device
from stylecam.training.events import FileSaved, Listener, RowsChecked, StepEvent, skipping_on_error
from stylecam.training.faces import ShippedFaceDetector
from stylecam.training.hyperparameters import Hyperparameters
from stylecam.training.learner import NotFiniteError, crop_side
from stylecam.training.row_learner import Body, OwnPainting, RowLearner
from stylecam.training.vgg import load_vgg
from stylecam.utils import malloc
from stylecam.utils.clock import Clock, SystemClock
from stylecam.utils.file_lock import try_lock
from stylecam.utils.message import Message

WRITE_EVERY_S = 20.0
SHARES = {"rich": 2.0, "lean": 1.0}
"""How the time is divided among the tiers."""
_CROP, _RATE, _WARM_UP = 320, 0.03, 10
"""Smaller crops than for a gallery: a step takes half as long, and rows have few values to learn."""
_VARIATION = 0.1
"""Less smoothness than for a gallery: rows alone would meet it by calmer marks on plain walls."""
_SAMPLE_HEIGHT_PX = 256


class Improver:
    """Improves one style. Create it, which takes some seconds, then call `run` once.

    Args:
        file: the style's file.
        minutes: how long to train.
        photos: a folder of photographs to learn on; None for those that come with stylecam.
        vgg, device, bfloat16: see `TrainingConfig`.
        sheet: where samples are drawn each time the style is written, or None.
        listener: called for each step and written file, on the calling thread.
        stop: set it from another thread to end after the current step; what is better is written.
        clock: the time.
        bodies: the files of the banks whose bodies are trained; None for those that come with stylecam.

    Raises:
        UsageError: the minutes are no time that a training can take.
        ModelFormatError: the style's file is missing or damaged.
        SourceUnreadableError: the style's picture is damaged.
        TrainingDataError: the style has no picture, or the photographs or VGG-16 cannot be read.
        TrainingFailedError: there is not enough memory.
    """

    def __init__(
        self,
        file: Path,
        minutes: float,
        *,
        photos: Path | None = None,
        vgg: Path | None = None,
        device: str = "auto",
        bfloat16: bool | None = None,
        sheet: Path | None = None,
        listener: Listener = lambda event: None,
        stop: threading.Event | None = None,
        clock: Clock | None = None,
        bodies: Sequence[Path] | None = None,
    ) -> None:
        self._file, self._minutes, self._sheet = file, minutes, sheet
        self._listener, self._stop, self._clock = listener, stop or threading.Event(), clock or SystemClock()
        self._style = OwnStyle.read(file)
        if not self._style.picture:
            raise TrainingDataError(
                Message("{name} has no picture to learn from; learn it from its picture again", name=self.name)
            )
        with out_of_memory_as_error(self._memory_advice):
            self._learners = self._prepare(photos, vgg, device, bfloat16, bodies)
        self._started_with = {learner.body.rows.body: self._minutes_before(learner.body) for learner in self._learners}
        self._unwritten: set[str] = set()
        self.steps, self.saved = 0, False

    def _prepare(
        self, photos: Path | None, vgg: Path | None, device: str, bfloat16: bool | None, bodies: Sequence[Path] | None
    ) -> list[RowLearner]:
        files = sorted(shipped_models().glob("*.onnx")) if bodies is None else bodies
        found = [body for body in map(Body.read, files) if body is not None]
        if not {body.rows.body for body in found} <= set(self._style.rows):
            self._style = redraft(self._style)
        hparams = Hyperparameters(
            minutes=self._minutes, frozen=True, crop=_CROP, norm_rate=_RATE, warm_up=_WARM_UP, variation=_VARIATION,
            seed=int(np.random.default_rng().integers(2**31)),  # a second run sees other crops than the first
        )  # fmt: skip
        folder = photos or shipped_models() / "photos"
        dataset = PhotoDataset([folder], crop_side(hparams), detector=ShippedFaceDetector(), varied=photos is None)
        painting = OwnPainting(self._style.name, self._style.picture)
        where = torch.device(pick_device(device))
        network = load_vgg(vgg).to(where)
        fast = pick_bfloat16(where, bfloat16)
        network.use_bfloat16(fast)
        learners = []
        for body in found:
            learned = self._style.rows.get(body.rows.body)
            start = body.mean if learned is None else learned.values
            learners.append(RowLearner(body, start, painting, dataset, network, hparams, bfloat16=fast))
        return learners

    @property
    def name(self) -> str:
        """Return the name of the style."""
        return self._style.name

    @property
    def gain(self) -> float:
        """Return by which share the style loss has fallen, 0..1, in the mean of the bodies."""
        return float(np.mean([1 - learner.style / learner.style_before for learner in self._learners]))

    def run(self) -> None:
        """Train until the minutes are over or `stop` is set.

        Raises:
            TrainingFailedError: a loss is NaN, memory or disk ran out, or the style was removed or given another
                picture meanwhile. What was written before is kept.
            TrainingDataError: no photograph can be read any more.
        """
        with out_of_memory_as_error(self._memory_advice):
            try:
                self._loop()
            except NotFiniteError as error:
                raise TrainingFailedError(
                    Message("{error}; {kept}; start again", error=error, kept=self._kept())
                ) from error

    def _loop(self) -> None:
        malloc.keep_large_blocks()  # not earlier: looking at whole paintings took larger ones than a step does
        started_at = now = self._clock.now()
        write_at = started_at + WRITE_EVERY_S
        whole_s = self._minutes * 60
        spent_s = [0.0 for _ in self._learners]
        shares = [SHARES[learner.body.bank.network.tier] for learner in self._learners]
        while now - started_at < whole_s and not self._stop.is_set():
            number = int(np.argmin(np.divide(spent_s, shares)))
            losses = self._learners[number].take_step((now - started_at) / whole_s)
            self.steps += 1
            before, now = now, self._clock.now()
            spent_s[number] += now - before
            elapsed_s = now - started_at
            done = min(1.0, elapsed_s / whole_s)
            self._listener(StepEvent(self.steps, done, elapsed_s, max(0.0, whole_s - elapsed_s), losses))
            if now >= write_at and done < 1:
                self._check_and_write(elapsed_s)
                now = self._clock.now()
                write_at = now + WRITE_EVERY_S
        if self.steps:
            self._check_and_write(now - started_at)

    def _check_and_write(self, elapsed_s: float) -> None:
        """Write what is better than anything before."""
        better = [learner for learner in self._learners if learner.check()]
        self._listener(RowsChecked(self.gain, self.steps))
        if not better:
            return
        with changing(self._file):
            if not self._write(better, elapsed_s):
                return
        self.saved = True
        self._listener(FileSaved("style", self._file))
        if self._sheet is not None:
            with skipping_on_error(self._sheet, self._listener):
                self._draw_samples(self._sheet)
                self._listener(FileSaved("sheet", self._sheet))

    def _write(self, better: Sequence[RowLearner], elapsed_s: float) -> bool:
        """Write the rows of the learners that are `better`; return False if the style was removed and this stopped."""
        try:
            style = OwnStyle.read(self._file)  # its title may have been changed meanwhile
        except ModelFormatError as error:
            if self._stop.is_set() and not self._file.exists():  # whoever removed it has stopped this, too
                return False
            raise TrainingFailedError(
                Message("{name} is no longer there: {reason}", name=self.name, reason=error)
            ) from error
        if style.picture != self._style.picture:
            raise TrainingFailedError(
                Message("{name} was given another picture meanwhile; improve it again", name=self.name)
            )
        for learner in better:
            body = learner.body.rows.body
            style = style.with_rows(body, LearnedRows(learner.best, self._started_with[body] + elapsed_s / 60))
        try:
            style.write(self._file)
        except OSError as error:
            raise TrainingFailedError(
                Message(
                    "{path} cannot be written: {reason}; {kept}",
                    path=self._file, reason=error.strerror or error, kept=self._kept(),
                )
            ) from error  # fmt: skip
        return True

    def _draw_samples(self, path: Path) -> None:
        """Draw photographs, how the richest body painted them in the beginning, and how it does now; the painting."""
        learner = max(self._learners, key=lambda one: SHARES[one.body.bank.network.tier])
        rows = [(None, "", learner.painted_before), (learner.painting.image, "", learner.painted)]
        write_sample_grid(path, _SAMPLE_HEIGHT_PX, [(photo, "") for photo in learner.samples], rows, labels=False)

    def _minutes_before(self, body: Body) -> float:
        learned = self._style.rows.get(body.rows.body)
        return 0.0 if learned is None else learned.minutes

    def _kept(self) -> str:
        return Message("what was learned before is in the style" if self.saved else "the style is as it was")

    def _memory_advice(self) -> str:
        return Message("close other programs; {kept}", kept=self._kept())


@contextlib.contextmanager
def improving_alone(file: Path) -> Iterator[None]:
    """Lock `file` meanwhile: two styles improved at once would take twice the memory, and each twice the time.

    Raises:
        UsageError: a style is being improved already.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror or error}; check space and permissions") from error
    try:
        with contextlib.suppress(OSError):  # of a file system without locks
            if not try_lock(descriptor):
                raise UsageError(Message("another style is being improved; wait for its end, or stop it"))
        yield
    finally:
        os.close(descriptor)
