"""How good styles are, in numbers: what they keep and take on, how steady they are, what they cost.

Every picture is painted by the network as it ships, through our own engine on the processor, by the network alone (see
`ModelRunner`); only the judging needs PyTorch.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from stylecam.errors import ModelFormatError, StylecamError, TrainingFailedError
from stylecam.evaluation.johnson import johnson
from stylecam.evaluation.macs import gmac
from stylecam.evaluation.progress import EvaluationStoppedError, ProgressCallback, ProgressMeter
from stylecam.evaluation.quality import speed as cost
from stylecam.evaluation.quality import temporal as steadiness
from stylecam.evaluation.quality.config import EvaluationConfig, find_clips
from stylecam.evaluation.quality.gatys_baseline import GatysBaseline, run_gatys_baseline
from stylecam.evaluation.quality.losses import ObjectiveWeights, PerceptualLosses
from stylecam.evaluation.quality.model_runner import ModelRunner, StyleFunction
from stylecam.evaluation.quality.photos import sample_photos
from stylecam.evaluation.quality.report import QualityReport, StyleMetrics
from stylecam.evaluation.quality.samples import SHOWN, SampleRow, write_samples
from stylecam.evaluation.quality.speed import InferenceCost, InferenceEnvironment
from stylecam.media.frame import Image, Size
from stylecam.media.transforms import fit
from stylecam.models.card import metadata_with
from stylecam.models.model import Model
from stylecam.training.device import pick_device
from stylecam.training.style_image import Painting
from stylecam.training.vgg import load_perceptual
from stylecam.utils import resources
from stylecam.utils.files import write_bytes

OPTIMIZERS = ("adam", "lbfgs")
_STILLS = 3
_BUSY = 1.0
# Rough shares of the work, in seconds of two processor cores: for the progress bar only.
_COST_S, _BASELINE_S, _STILL_S, _CLIP_S, _LOOK_S, _DESCENT_S = 2.0, 20.0, 0.4, 1.2, 1.5, 0.3


class Evaluator:
    """Evaluates styles. Make one, which reads all that is given and complains of what is no good, then `run` it.

    Args:
        examination: what to do.
        listener: told of the progress, from the calling thread.
        stop: set it to end soon; the report holds what was found so far.

    Raises:
        ModelFormatError, StyleNotFoundError, TrainingDataError, UsageError: what was given cannot be evaluated.
    """

    def __init__(
        self, examination: EvaluationConfig, *, listener: ProgressCallback = lambda done, what: None,
        stop: threading.Event | None = None,
    ) -> None:  # fmt: skip
        self._examination = examination
        self._stop = stop or threading.Event()
        self._painters = [ModelRunner(Model.read(path)) for path in dict.fromkeys(examination.banks)]
        self._painter_of = {id(painter.model): painter for painter in self._painters}
        self._styles, notes = examination.choose([painter.model for painter in self._painters])
        self._album = sample_photos(examination.photos, examination.count, examination.seed)
        if (load := resources.load_average()) >= _BUSY:
            notes.append(f"the machine is busy (load {load:.1f}): times are longer than they would be on an idle one")
        if len(self._album) < examination.count:
            notes.append(f"only {len(self._album)} photographs could be drawn, not {examination.count}")
        self._clips = [
            (path, steadiness.read_clip(path, size=steadiness.SIZE)) for path in find_clips(examination.clips)
        ]
        self._critic = PerceptualLosses(load_perceptual(examination.vgg), torch.device(pick_device(examination.device)))
        self._judged = [(one, one.painting) for one in self._styles if one.painting is not None]
        for figures, painting in self._judged:
            self._critic.targets(painting, figures.weights.scale)  # complains of what cannot be read before work begins
        self._report = QualityReport(
            self._styles, InferenceEnvironment.here(self._painters[0]), examination.iterations, notes=notes
        )
        self._meter = ProgressMeter(self._work(), listener, self._stop)

    def run(self) -> QualityReport:
        """Evaluate.

        What is found is not lost when something later fails, such as Gatys' method for want of memory: that ends it,
        and is the report's `failure`.

        Raises:
            EngineRunError: a network cannot be run at all.
        """
        report = self._report
        try:
            self._measure_costs()
            self._measure_flicker()
            self._measure_warped_error()
            self._judge()
            self._descend()
        except EvaluationStoppedError:
            report.stopped = True
        except StylecamError as error:
            if not any(figures.flickers for figures in report.styles):
                raise
            report.stopped, report.failure = True, error
        return report

    def write_samples(self, path: Path) -> None:
        """Write a PNG that shows some of the photographs, and what each style makes of them.

        Raises:
            EngineRunError: a network cannot be run.
            OSError: it cannot be written.
        """
        rows = [
            SampleRow(one.label, one.painting.read(one.weights.scale) if one.painting else None, self._paint(one))
            for one in self._styles
        ]
        write_samples(path, self._album[:SHOWN], rows)

    def _measure_costs(self) -> None:
        """Of each network; all styles of a bank cost the same."""
        painters = [*self._painters, ModelRunner(johnson())] if self._examination.baseline else self._painters
        for size in cost.SIZES:
            costs = [
                InferenceCost(self._gmac(painter.model, size), ms)
                for painter, ms in zip(painters, cost.inference_times_ms(painters, size), strict=True)
            ]
            if self._examination.baseline:
                self._report.baseline[size] = baseline = costs.pop()
                costs = [one.against(baseline) for one in costs]
            for painter, one in zip(self._painters, costs, strict=True):
                for figures in self._styles:
                    if figures.model is painter.model:
                        figures.costs[size] = one
            self._meter.add(self._cost_s() / len(cost.SIZES), f"cost at {size}")

    def _gmac(self, model: Model, size: Size) -> float | None:
        """A graph that cannot be followed can still be run, and judged by all else."""
        try:
            return gmac(model, size)
        except ModelFormatError as error:
            if str(error) not in self._report.notes:
                self._report.notes.append(str(error))
            return None

    def _measure_flicker(self) -> None:
        for figures in self._styles:
            for still in self._stills():
                figures.flickers.append(steadiness.flicker(self._paint(figures), still, seed=self._examination.seed))
                self._meter.add(_STILL_S, f"{figures.label}: flicker")

    def _measure_warped_error(self) -> None:
        for path, clip in self._clips:
            self._report.clips.append(path)
            scene = steadiness.ClipMotion(clip)
            for figures in self._styles:
                figures.warped.append(scene.warped_error(self._paint(figures)))
                self._meter.add(_CLIP_S, f"{figures.label}: {path.name}")

    def _judge(self) -> None:
        for photo in self._album:
            for name in ("crop", "frame"):
                image: Image = getattr(photo, name)
                wanted = self._critic.look(image)
                for figures, painting in self._judged:
                    targets = self._critic.targets(painting, figures.weights.scale)
                    found = self._critic.judge(self._paint(figures)(image), wanted, targets, figures.weights.fine)
                    (figures.crops if name == "crop" else figures.frames).append(found)
                    self._meter.add(_LOOK_S * _area(image), f"{figures.label}: {photo.path.name}")
            self._report.photos.append(photo.path)

    def _descend(self) -> None:
        """Once for each painting and weights, whichever banks share them."""
        photos = [photo.crop for photo in self._album[: self._examination.gatys_photos]]
        known: dict[tuple[object, ...], GatysBaseline] = {}
        for figures, painting in self._judged if photos else []:
            for optimizer in OPTIMIZERS:
                key = (optimizer, painting, figures.weights)
                if key not in known:
                    known[key] = self._descent(figures.label, optimizer, painting, figures.weights, photos)
                figures.descents.append(known[key])
                self._meter.add(0, figures.label)  # a way cut short is kept, and nothing begun after it

    def _descent(
        self, label: str, optimizer: str, painting: Painting, weights: ObjectiveWeights, photos: list[Image]
    ) -> GatysBaseline:
        def tell(number: int) -> None:
            with contextlib.suppress(EvaluationStoppedError):  # `stop` ends it in order
                self._meter.add(_DESCENT_S * len(photos) if number else 0, f"{label}: {optimizer} {number}")

        targets = self._critic.targets(painting, weights.scale)
        last = max(self._examination.iterations)
        return run_gatys_baseline(
            self._critic.perceptual, photos, targets, weights, optimizer, last, listener=tell, stop=self._stop
        )

    def _paint(self, figures: StyleMetrics) -> StyleFunction:
        return self._painter_of[id(figures.model)].style(figures.card.index)

    def _stills(self) -> list[Image]:
        """The first frames of the clips, or else some of the photographs."""
        if self._clips:
            return [clip[0] for _, clip in self._clips[:_STILLS]]
        return [np.ascontiguousarray(fit(photo.frame, steadiness.SIZE)) for photo in self._album[:_STILLS]]

    def _cost_s(self) -> float:
        return _COST_S * len(self._painters) + (_BASELINE_S if self._examination.baseline else 0)

    def _work(self) -> float:
        steady = len(self._styles) * (_STILL_S * len(self._stills()) + _CLIP_S * len(self._clips))
        looks = sum(_LOOK_S * (_area(photo.crop) + _area(photo.frame)) for photo in self._album)
        descents = len({(painting, figures.weights) for figures, painting in self._judged}) * len(OPTIMIZERS)
        photos = min(self._examination.gatys_photos, len(self._album))
        steps = max(self._examination.iterations, default=0) if photos else 0
        return self._cost_s() + steady + looks * len(self._judged) + descents * steps * photos * _DESCENT_S


def write_cards(report: QualityReport) -> Iterator[Path]:
    """Write each style's figures into its bank's metadata, and give each file once it is written.

    The networks themselves stay as they are, bit for bit.

    Raises:
        OSError: a file cannot be written.
        TrainingFailedError: a bank is another one by now.
    """
    for model in {id(figures.model): figures.model for figures in report.styles}.values():
        if Model.read(model.path).key != model.key:
            raise TrainingFailedError(f"{model.path} changed while it was evaluated; evaluate again")
        own = {one.card.index: one.measured(report.machine) for one in report.styles if one.model is model}
        write_bytes(model.path, model.with_metadata(metadata_with(model, own)))
        yield model.path


def _area(image: Image) -> float:
    """In pictures of 640×480."""
    return image.shape[0] * image.shape[1] / (640 * 480)
