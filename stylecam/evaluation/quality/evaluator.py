"""Measure the quality of styles: content and style loss, marks, faces, flicker, warped error and cost.

Pictures are stylized as described in `ModelRunner`; only the losses need PyTorch.
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
from stylecam.evaluation.quality import speed, temporal, texture
from stylecam.evaluation.quality.config import EvaluationConfig, find_clips
from stylecam.evaluation.quality.faces import count_found_again
from stylecam.evaluation.quality.gatys_baseline import GatysBaseline, run_gatys_baseline
from stylecam.evaluation.quality.losses import ObjectiveWeights, PerceptualLosses
from stylecam.evaluation.quality.model_runner import ModelRunner, StyleFunction
from stylecam.evaluation.quality.photos import sample_photos
from stylecam.evaluation.quality.report import FaceCount, QualityReport, StyleMetrics, WallMarks
from stylecam.evaluation.quality.speed import InferenceCost, InferenceEnvironment
from stylecam.media.frame import Image, Size
from stylecam.media.transforms import fit
from stylecam.models.card import metadata_with
from stylecam.models.model import Model
from stylecam.stylize.sample_grid import write_sample_grid
from stylecam.training.device import pick_device
from stylecam.training.faces import FaceDetector
from stylecam.training.style_image import StyleImage
from stylecam.training.vgg import load_vgg
from stylecam.utils import resources
from stylecam.utils.files import write_bytes

OPTIMIZERS = ("adam", "lbfgs")
SHEET_PHOTOS, _SHEET_HEIGHT = 6, 240
_STILLS = 3
_BUSY_LOAD = 1.0
# Rough shares of the work, in seconds on two processor cores: for the progress bar only.
_COST_S, _BASELINE_S, _STILL_S, _WALL_S, _CLIP_S, _LOSS_S, _ITERATION_S = 2.0, 20.0, 0.7, 0.2, 1.2, 1.5, 0.3


class Evaluator:
    """Evaluates styles. The constructor reads and checks everything; `run` does the work.

    Args:
        config: what to do.
        progress: called from the thread that calls `run`.
        stop: set it to stop soon; the report holds what was measured so far.

    Raises:
        ModelFormatError, StyleNotFoundError, TrainingDataError, UsageError: something in `config` cannot be used.
    """

    def __init__(
        self, config: EvaluationConfig, *, progress: ProgressCallback = lambda done, what: None,
        stop: threading.Event | None = None,
    ) -> None:  # fmt: skip
        self._config = config
        self._stop = stop or threading.Event()
        self._runners = [ModelRunner(Model.read(path)) for path in dict.fromkeys(config.banks)]
        self._runner_of = {id(runner.model): runner for runner in self._runners}
        self._styles, notes = config.select_styles([runner.model for runner in self._runners])
        self._photos = sample_photos(config.photos, config.count, config.seed)
        if (load := resources.load_average()) >= _BUSY_LOAD:
            notes.append(f"the machine is busy (load {load:.1f}): times are longer than they would be on an idle one")
        if len(self._photos) < config.count:
            notes.append(f"only {len(self._photos)} photographs could be drawn, not {config.count}")
        self._clips = [(path, temporal.read_clip(path, size=temporal.SIZE)) for path in find_clips(config.clips)]
        if config.face_model is not None:
            FaceDetector(config.face_model)  # raises for an unreadable file before work begins
        self._losses = PerceptualLosses(load_vgg(config.vgg), torch.device(pick_device(config.device)))
        self._judged = [(one, one.painting) for one in self._styles if one.painting is not None]
        for style, painting in self._judged:
            self._losses.targets(painting, style.weights.scale)  # raises for an unreadable painting before work begins
        environment = InferenceEnvironment.of(self._runners[0])
        self._report = QualityReport(self._styles, environment, config.iterations, notes=notes)
        self._meter = ProgressMeter(self._work_s(), progress, self._stop)

    def run(self) -> QualityReport:
        """Do all measurements.

        When a later one fails, such as Gatys' method for want of memory, the report holds those before it, and the
        error as its `failure`.

        Raises:
            EngineRunError: a network cannot be run at all.
        """
        report = self._report
        try:
            self._measure_costs()
            self._measure_flicker()
            self._measure_marks()
            self._measure_warped_error()
            self._measure_faces()
            self._measure_losses()
            self._run_gatys_baselines()
        except EvaluationStoppedError:
            report.stopped = True
        except StylecamError as error:
            if not any(style.flickers for style in report.styles):
                raise
            report.stopped, report.failure = True, error
        return report

    def write_sheet(self, path: Path) -> None:
        """Write a PNG that shows some of the photographs, and what each style makes of them.

        Raises:
            EngineRunError: a network cannot be run.
            OSError: it cannot be written.
        """
        photos = self._photos[:SHEET_PHOTOS]
        rows = []
        for style in self._styles:
            painting = style.painting.read(style.weights.scale) if style.painting else None
            painted = [self._paint(style)(photo.frame).round().clip(0, 255).astype(np.uint8) for photo in photos]
            rows.append((painting, style.label, painted))
        write_sample_grid(path, _SHEET_HEIGHT, [(photo.frame, photo.path.name) for photo in photos], rows)

    def _measure_costs(self) -> None:
        """Measure each network once, because all styles of a bank cost the same."""
        runners = [*self._runners, ModelRunner(johnson())] if self._config.baseline else self._runners
        for size in speed.SIZES:
            costs = [
                InferenceCost(self._gmac(runner.model, size), ms)
                for runner, ms in zip(runners, speed.inference_times_ms(runners, size), strict=True)
            ]
            if self._config.baseline:
                self._report.baseline[size] = baseline = costs.pop()
                costs = [one.against(baseline) for one in costs]
            for runner, cost in zip(self._runners, costs, strict=True):
                for style in self._styles:
                    if style.model is runner.model:
                        style.costs[size] = cost
            self._meter.add(self._costs_s() / len(speed.SIZES), f"cost at {size}")

    def _gmac(self, model: Model, size: Size) -> float | None:
        """Count the multiply-adds; a graph for which that is impossible is noted, and can still be measured."""
        try:
            return gmac(model, size)
        except ModelFormatError as error:
            if str(error) not in self._report.notes:
                self._report.notes.append(str(error))
            return None

    def _measure_flicker(self) -> None:
        for style in self._styles:
            for still in self._stills():
                style.flickers.append(temporal.flicker(self._paint(style), still, seed=self._config.seed))
                style.shimmers.append(temporal.pan_shimmer(self._paint(style), still, seed=self._config.seed))
                self._meter.add(_STILL_S, f"{style.label}: flicker")

    def _measure_marks(self) -> None:
        wall = texture.plain_wall(temporal.SIZE, self._config.seed)
        for style in self._styles:
            painted = self._paint(style)(wall)
            painting = None
            if style.painting is not None:
                painting = texture.mark_contrast(style.painting.read(temporal.SIZE.height))
            contrast, wavelength = texture.mark_contrast(painted), texture.mark_wavelength(painted)
            style.wall = WallMarks(contrast, painting, texture.repetition(painted), wavelength)
            self._meter.add(_WALL_S, f"{style.label}: wall")

    def _measure_faces(self) -> None:
        if self._config.face_model is None:
            return
        detector = FaceDetector(self._config.face_model)
        for photo in self._photos:
            faces = detector.find(photo.frame)
            for style in self._styles if faces else ():
                found = count_found_again(detector, faces, self._paint(style)(photo.frame))
                style.faces.append(FaceCount(len(faces), found))
                self._meter.add(0, f"{style.label}: faces of {photo.path.name}")

    def _measure_warped_error(self) -> None:
        for path, clip in self._clips:
            self._report.clips.append(path)
            motion = temporal.ClipMotion(clip)
            for style in self._styles:
                style.warped.append(motion.warped_error(self._paint(style)))
                self._meter.add(_CLIP_S, f"{style.label}: {path.name}")

    def _measure_losses(self) -> None:
        for photo in self._photos:
            for image, name in ((photo.crop, "crops"), (photo.frame, "frames")):
                features = self._losses.features(image)
                for style, painting in self._judged:
                    targets = self._losses.targets(painting, style.weights.scale)
                    painted = self._paint(style)(image)
                    loss = self._losses.measure(painted, features, targets, style.weights.fine)
                    getattr(style, name).append(loss)
                    if name == "frames":
                        style.large_forms.append(self._losses.large_forms(painted, painting))
                    self._meter.add(_LOSS_S * _relative_area(image), f"{style.label}: {photo.path.name}")
            self._report.photos.append(photo.path)

    def _run_gatys_baselines(self) -> None:
        """Run each combination of painting, weights and optimizer once, whichever banks share it."""
        photos = [photo.crop for photo in self._photos[: self._config.gatys_photos]]
        cache: dict[tuple[object, ...], GatysBaseline] = {}
        for style, painting in self._judged if photos else []:
            for optimizer in OPTIMIZERS:
                key = (optimizer, painting, style.weights)
                if key not in cache:
                    cache[key] = self._gatys_baseline(style.label, optimizer, painting, style.weights, photos)
                style.baselines.append(cache[key])
                self._meter.add(0, style.label)  # a baseline cut short is kept, and nothing begun after it

    def _gatys_baseline(
        self, label: str, optimizer: str, painting: StyleImage, weights: ObjectiveWeights, photos: list[Image]
    ) -> GatysBaseline:
        def count(number: int) -> None:
            with contextlib.suppress(EvaluationStoppedError):  # `stop` ends it in order
                self._meter.add(_ITERATION_S * len(photos) if number else 0, f"{label}: {optimizer} {number}")

        targets, iterations = self._losses.targets(painting, weights.scale), max(self._config.iterations)
        return run_gatys_baseline(
            self._losses.perceptual, photos, targets, weights, optimizer, iterations, on_iteration=count,
            stop=self._stop,
        )  # fmt: skip

    def _paint(self, style: StyleMetrics) -> StyleFunction:
        return self._runner_of[id(style.model)].style(style.card.index)

    def _stills(self) -> list[Image]:
        """Return the first frames of the clips, or else some of the photographs."""
        if self._clips:
            return [clip[0] for _, clip in self._clips[:_STILLS]]
        return [np.ascontiguousarray(fit(photo.frame, temporal.SIZE)) for photo in self._photos[:_STILLS]]

    def _costs_s(self) -> float:
        return _COST_S * len(self._runners) + (_BASELINE_S if self._config.baseline else 0)

    def _work_s(self) -> float:
        steadiness = len(self._styles) * (_STILL_S * len(self._stills()) + _WALL_S + _CLIP_S * len(self._clips))
        losses = sum(_LOSS_S * (_relative_area(photo.crop) + _relative_area(photo.frame)) for photo in self._photos)
        baselines = len({(painting, style.weights) for style, painting in self._judged}) * len(OPTIMIZERS)
        photos = min(self._config.gatys_photos, len(self._photos))
        steps = max(self._config.iterations, default=0) if photos else 0
        gatys = baselines * steps * photos * _ITERATION_S
        return self._costs_s() + steadiness + losses * len(self._judged) + gatys


def write_cards(report: QualityReport) -> Iterator[Path]:
    """Write each style's figures into its bank's metadata, and yield each file once it is written.

    The networks themselves stay as they are, bit for bit.

    Raises:
        OSError: a file cannot be written.
        TrainingFailedError: a bank's file has changed meanwhile.
    """
    for model in {id(style.model): style.model for style in report.styles}.values():
        if Model.read(model.path).key != model.key:
            raise TrainingFailedError(f"{model.path} changed while it was evaluated; run the evaluation again")
        own = {one.card.index: one.card_metrics(report.environment) for one in report.styles if one.model is model}
        write_bytes(model.path, model.with_metadata(metadata_with(model, own)))
        yield model.path


def _relative_area(image: Image) -> float:
    """Return the area in pictures of 640×480."""
    return image.shape[0] * image.shape[1] / (640 * 480)
