"""What an evaluation found: of each style, and of all together."""

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
from stylecam.training.style_image import Painting
from stylecam.utils.version import __version__


@dataclass
class StyleMetrics:
    """Of one style. Lists grow as the evaluation goes on, so that it can be stopped at any time.

    Attributes:
        label: tells it from the others: its name, and its bank's where several were evaluated.
        painting: what it was trained on, if known; without, there are no losses.
        crops, frames: one judgement a photograph.
        descents: Gatys' way to the same aim, one an optimiser.
        flickers: one a still picture.
        warped: one a clip.
        costs: by size.
    """

    label: str
    card: StyleCard
    model: Model
    weights: ObjectiveWeights
    painting: Painting | None
    crops: list[PerceptualLoss] = field(default_factory=list)
    frames: list[PerceptualLoss] = field(default_factory=list)
    descents: list[GatysBaseline] = field(default_factory=list)
    flickers: list[float] = field(default_factory=list)
    warped: list[WarpedError] = field(default_factory=list)
    costs: dict[Size, InferenceCost] = field(default_factory=dict)

    @property
    def crop(self) -> PerceptualLoss | None:
        """The mean over the crops."""
        return mean_of(self.crops)

    @property
    def frame(self) -> PerceptualLoss | None:
        """The mean over the whole frames."""
        return mean_of(self.frames)

    @property
    def warped_error(self) -> WarpedError | None:
        """The mean over the clips."""
        if not self.warped:
            return None
        return WarpedError(
            *(fmean(getattr(one, name) for one in self.warped) for name in ("styled", "camera", "valid"))
        )

    def worth(self, optimizer: str) -> EquivalentIterations | None:
        """In iterations of Gatys' method, on the crops that it painted too."""
        for descent in self.descents:
            if descent.optimizer == optimizer:
                return descent.worth(self.crops[: descent.content.shape[1]], self.weights)
        return None

    def measured(self, machine: InferenceEnvironment) -> CardMetrics:
        """What goes into the style's card."""
        crop, warped, cost, worth = self.crop, self.warped_error, self.costs.get(SIZE), self.worth("adam")
        values = {
            "content": crop.content if crop else None,
            "style": crop.style if crop else None,
            "flicker": fmean(self.flickers) if self.flickers else None,
            "warped_error": warped.styled if warped else None,
            "camera_warped_error": warped.camera if warped else None,
            "worth": worth.mean if worth else None,
            "gmac": cost.gmac if cost else None,
            "ms": cost.ms if cost else None,
        }
        rounded = {name: float(f"{value:.4g}") for name, value in values.items() if value is not None}
        return CardMetrics(**rounded, machine=str(machine)[:200] if cost else None)

    def as_dict(self, iterations: Sequence[int]) -> dict[str, Any]:
        """Plain values, for JSON."""
        losses = {}
        for name, judged in (("crops", self.crops), ("frames", self.frames)):
            mean = mean_of(judged)
            losses[name] = mean and {
                **asdict(mean),
                "objective": mean.objective(self.weights),
                "photos": len(judged),
                "each": [[one.content, one.style] for one in judged],
            }
        gatys = []
        for descent in self.descents:
            found = self.worth(descent.optimizer)
            gatys.append({**descent.as_dict(iterations, self.weights), "worth": found and found.as_dict()})
        return {
            "style": self.card.name,
            "bank": str(self.model.path),
            "painting": str(self.painting.path) if self.painting else None,
            "weights": self.weights.as_dict(),
            **losses,
            "gatys": gatys,
            "flicker": {"mean": fmean(self.flickers), "worst": max(self.flickers)} if self.flickers else None,
            "warped_error": self._warped_dict(),
            "cost": {str(size): asdict(cost) for size, cost in self.costs.items()},
        }

    def _warped_dict(self) -> dict[str, Any] | None:
        mean = self.warped_error
        if mean is None:
            return None
        return {**asdict(mean), "worst": max(one.styled for one in self.warped), "clips": len(self.warped)}


@dataclass
class QualityReport:
    """Of a whole evaluation.

    Attributes:
        iterations: at which Gatys' method is told of.
        photos, clips: what the styles were judged on.
        notes: what the reader should know before believing a figure.
        baseline: Johnson's network's cost by size, where asked for.
        stopped: whether it ended early.
        failure: what ended it early, unless it was the user.
    """

    styles: list[StyleMetrics]
    machine: InferenceEnvironment
    iterations: tuple[int, ...]
    photos: list[Path] = field(default_factory=list)
    clips: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    baseline: dict[Size, InferenceCost] = field(default_factory=dict)
    stopped: bool = False
    failure: StylecamError | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "stylecam": __version__,
            "machine": self.machine.as_dict(),
            "stopped_early": self.stopped,
            **({} if self.failure is None else {"failure": str(self.failure)}),
            "photos": list(map(str, self.photos)),
            "clips": list(map(str, self.clips)),
            "notes": self.notes,
            "baseline": {str(size): {"gmac": cost.gmac, "ms": cost.ms} for size, cost in self.baseline.items()},
            "styles": [figures.as_dict(self.iterations) for figures in self.styles],
        }


def mean_of(judged: Sequence[PerceptualLoss]) -> PerceptualLoss | None:
    """The mean of several judgements."""
    if not judged:
        return None
    return PerceptualLoss(fmean(one.content for one in judged), fmean(one.style for one in judged))
