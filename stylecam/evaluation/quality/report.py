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
            "flicker": {"mean": fmean(self.flickers), "worst": max(self.flickers)} if self.flickers else None,
            "warped_error": warped
            and {**asdict(warped), "worst": max(one.styled for one in self.warped), "clips": len(self.warped)},
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


def _mean(losses: Sequence[PerceptualLoss]) -> PerceptualLoss | None:
    if not losses:
        return None
    return PerceptualLoss(fmean(one.content for one in losses), fmean(one.style for one in losses))
