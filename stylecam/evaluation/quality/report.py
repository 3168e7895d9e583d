"""The results of an evaluation: of each style, and of all together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from stylecam.errors import StylecamError
from stylecam.evaluation.quality.gatys_baseline import EquivalentIterations, GatysBaseline
from stylecam.evaluation.quality.losses import ObjectiveWeights, PerceptualLoss
from stylecam.evaluation.quality.speed import InferenceCost, InferenceEnvironment
from stylecam.evaluation.quality.temporal import SIZE, WarpedError
from stylecam.media.frame import Size
from stylecam.models.card import CardMetrics, StyleCard
from stylecam.models.model import Model
from stylecam.training.style_image import StyleImage
from stylecam.utils.version import __version__


@dataclass(frozen=True, slots=True)
class WallMarks:
    """The marks that a style paints on a plain wall.

    Attributes:
        contrast: their contrast in levels, see `texture.mark_contrast`.
        painting: that of the painting, where there is one, with its short side at the wall's height.
        repetition: how much they repeat, see `texture.repetition`.
        wavelength: how large they are in pixels, see `texture.mark_wavelength`.
    """

    contrast: float
    painting: float | None
    repetition: float
    wavelength: float

    @property
    def boldness(self) -> float | None:
        """The contrast as a share of the painting's own."""
        return None if self.painting is None else self.contrast / max(1e-6, self.painting)


@dataclass(frozen=True, slots=True)
class FaceCount:
    """The faces of one photograph: how many there are, and how many of them are found once it is painted."""

    shown: int
    found: int


@dataclass
class StyleMetrics:
    """The results of one style. Lists grow during the evaluation, so that it can be stopped at any time.

    Attributes:
        label: the style's name, with its bank's where several banks are evaluated.
        painting: the one it was trained on, if it is available; without it there are no losses.
        crops, frames: the losses on each photograph, on its middle square and on the whole.
        baselines: Gatys' method with each optimizer.
        flickers: of each still picture.
        warped: of each clip.
        shimmers: of each still picture, as it is panned.
        wall: the marks painted on a plain wall.
        large_forms: of each photograph, see `PerceptualLosses.large_forms`.
        faces: of each photograph with faces.
        costs: by size.
    """

    label: str
    card: StyleCard
    model: Model
    weights: ObjectiveWeights
    painting: StyleImage | None
    crops: list[PerceptualLoss] = field(default_factory=list)
    frames: list[PerceptualLoss] = field(default_factory=list)
    baselines: list[GatysBaseline] = field(default_factory=list)
    flickers: list[float] = field(default_factory=list)
    warped: list[WarpedError] = field(default_factory=list)
    shimmers: list[float] = field(default_factory=list)
    wall: WallMarks | None = None
    large_forms: list[float] = field(default_factory=list)
    faces: list[FaceCount] = field(default_factory=list)
    costs: dict[Size, InferenceCost] = field(default_factory=dict)

    @property
    def crop(self) -> PerceptualLoss | None:
        """The mean losses on the crops."""
        return _mean(self.crops)

    @property
    def frame(self) -> PerceptualLoss | None:
        """The mean losses on the whole frames."""
        return _mean(self.frames)

    def crop_mean(self, count: int) -> PerceptualLoss | None:
        """Return the mean losses on the first `count` crops."""
        return _mean(self.crops[:count])

    @property
    def warped_error(self) -> WarpedError | None:
        """The mean over the clips."""
        if not self.warped:
            return None
        return WarpedError(
            *(fmean(getattr(one, name) for one in self.warped) for name in ("styled", "camera", "valid"))
        )

    @property
    def faces_found(self) -> float | None:
        """The share of all faces that are found again."""
        shown = sum(one.shown for one in self.faces)
        return sum(one.found for one in self.faces) / shown if shown else None

    def equivalent_iterations(self, optimizer: str) -> EquivalentIterations | None:
        """Compare the losses with those of Gatys' method on the crops that it painted."""
        for baseline in self.baselines:
            if baseline.optimizer == optimizer:
                return baseline.equivalent_to(self.crops[: baseline.photos], self.weights)
        return None

    def card_metrics(self, environment: InferenceEnvironment) -> CardMetrics:
        """Return the figures for the style's card, rounded to four digits."""
        crop, warped, cost = self.crop, self.warped_error, self.costs.get(SIZE)
        equivalent = self.equivalent_iterations("adam")
        values = {
            "content": crop.content if crop else None,
            "style": crop.style if crop else None,
            "flicker": fmean(self.flickers) if self.flickers else None,
            "warped_error": warped.styled if warped else None,
            "camera_warped_error": warped.camera if warped else None,
            "pan_shimmer": fmean(self.shimmers) if self.shimmers else None,
            "large_forms": fmean(self.large_forms) if self.large_forms else None,
            "boldness": self.wall.boldness if self.wall else None,
            "repetition": self.wall.repetition if self.wall else None,
            "faces": self.faces_found,
            "worth": equivalent.mean if equivalent else None,
            "gmac": cost.gmac if cost else None,
            "ms": cost.ms if cost else None,
        }
        rounded = {name: float(f"{value:.4g}") for name, value in values.items() if value is not None}
        return CardMetrics(**rounded, machine=str(environment)[:200] if cost else None)

    def as_dict(self, iterations: Sequence[int]) -> dict[str, Any]:
        """Return plain values, for JSON, with the Gatys baseline after each of `iterations`."""
        gatys = []
        for baseline in self.baselines:
            equivalent = self.equivalent_iterations(baseline.optimizer)
            gatys.append({**baseline.as_dict(iterations, self.weights), "worth": equivalent and asdict(equivalent)})
        warped = self.warped_error
        return {
            "style": self.card.name,
            "bank": str(self.model.path),
            "painting": str(self.painting.path) if self.painting else None,
            "weights": asdict(self.weights),
            "crops": self._losses_dict(self.crops),
            "frames": self._losses_dict(self.frames),
            "gatys": gatys,
            "flicker": _spread(self.flickers),
            "warped_error": warped
            and {**asdict(warped), "worst": max(one.styled for one in self.warped), "clips": len(self.warped)},
            "pan_shimmer": _spread(self.shimmers),
            "large_forms": _spread(self.large_forms),
            "wall": self.wall and {**asdict(self.wall), "boldness": self.wall.boldness},
            "faces": None
            if self.faces_found is None
            else {"found": self.faces_found, "shown": sum(one.shown for one in self.faces)},
            "cost": {str(size): asdict(cost) for size, cost in self.costs.items()},
        }

    def _losses_dict(self, losses: list[PerceptualLoss]) -> dict[str, Any] | None:
        mean = _mean(losses)
        if mean is None:
            return None
        return {
            **asdict(mean),
            "objective": mean.objective(self.weights),
            "photos": len(losses),
            "each": [[one.content, one.style] for one in losses],
        }


@dataclass
class QualityReport:
    """The results of a whole evaluation.

    Attributes:
        environment: what the networks ran on.
        iterations: after which the Gatys baseline is shown.
        photos, clips: what the styles were judged on.
        notes: what the reader should know before believing a figure.
        baseline: the cost of Johnson's network by size, where requested.
        stopped: whether it ended early.
        failure: the error that ended it early.
    """

    styles: list[StyleMetrics]
    environment: InferenceEnvironment
    iterations: tuple[int, ...]
    photos: list[Path] = field(default_factory=list)
    clips: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    baseline: dict[Size, InferenceCost] = field(default_factory=dict)
    stopped: bool = False
    failure: StylecamError | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "stylecam": __version__,
            "machine": asdict(self.environment),
            "stopped_early": self.stopped,
            **({} if self.failure is None else {"failure": str(self.failure)}),
            "photos": list(map(str, self.photos)),
            "clips": list(map(str, self.clips)),
            "notes": self.notes,
            "baseline": {str(size): {"gmac": cost.gmac, "ms": cost.ms} for size, cost in self.baseline.items()},
            "styles": [style.as_dict(self.iterations) for style in self.styles],
        }


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    return {"mean": fmean(values), "worst": max(values)} if values else None


def _mean(losses: Sequence[PerceptualLoss]) -> PerceptualLoss | None:
    if not losses:
        return None
    return PerceptualLoss(fmean(one.content for one in losses), fmean(one.style for one in losses))
