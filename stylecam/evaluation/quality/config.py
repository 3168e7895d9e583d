"""What is to be evaluated: styles, found in their banks, and what each is judged by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stylecam.errors import StyleNotFoundError, TrainingDataError
from stylecam.evaluation.quality.losses import ObjectiveWeights
from stylecam.evaluation.quality.report import StyleMetrics
from stylecam.evaluation.quality.style_image_lookup import match_style_images
from stylecam.models.card import read_cards
from stylecam.models.model import Model
from stylecam.training.style_metadata import Learned

_CLIP_SUFFIXES = frozenset({".mp4", ".mkv", ".avi", ".webm", ".mov", ".m4v", ".mpg", ".mpeg", ".ogv", ".ts"})


@dataclass(frozen=True)
class EvaluationConfig:
    """What is to be evaluated, and how.

    Attributes:
        banks: model files; each style of each is evaluated, or only those in `styles`.
        photos: folders of photographs that the styles were not trained on; `count` of them are drawn by `seed`.
        paintings: folders in which a style's painting is found by its name; `named` ones (NAME=FILE) go first.
        clips: videos, or folders of them.
        fine, style_weight, scale: where None, what the bank's own recipe says.
        iterations: at which Gatys' method is told of; it goes as far as the last.
        gatys_photos: how many photographs it paints; none with 0.
        baseline: whether Johnson's network is measured beside.
        vgg: the perceptual network's weights; None fetches the official ones.
        device: where judging computes.
    """

    banks: tuple[Path, ...]
    photos: tuple[Path, ...]
    paintings: tuple[Path, ...] = ()
    named: tuple[str, ...] = ()
    clips: tuple[Path, ...] = ()
    styles: tuple[str, ...] = ()
    count: int = 20
    seed: int = 0
    fine: float | None = None
    style_weight: float | None = None
    scale: int | None = None
    iterations: tuple[int, ...] = (50, 100, 300, 500)
    gatys_photos: int = 3
    baseline: bool = False
    vgg: Path | None = None
    device: str = "auto"

    def choose(self, models: Sequence[Model]) -> tuple[list[StyleMetrics], list[str]]:
        """The styles of `models` that are meant, with nothing measured yet, and notes on what was not plain.

        Raises:
            ModelFormatError: a bank contradicts itself.
            StyleNotFoundError: none is called as one of `styles`.
            TrainingDataError: not one has a painting, or a painting is missing.
            UsageError: a painting is named for a style that is not there.
        """
        wanted = set(self.styles)
        cards = [(model, card) for model in models for card in read_cards(model)]
        chosen = [(model, card) for model, card in cards if not wanted or wanted & {card.name, card.full_name}]
        if lost := wanted - {name for _, card in cards for name in (card.name, card.full_name)}:
            known = ", ".join(dict.fromkeys(card.name for _, card in cards))
            raise StyleNotFoundError(f"no style is called {min(lost)!r}; there are {known}")
        files = {card.name: Learned.of(model, card.index).file for model, card in chosen}
        found = match_style_images(files, self.paintings, self.named)
        if not found.paintings:
            raise TrainingDataError(
                "none of the styles has a painting: --paintings DIR with files named like them, or --painting NAME=FILE"
            )
        stems = Counter(model.path.stem for model in models)
        styles = []
        for model, card in chosen:
            bank = card.bank if stems[card.bank] == 1 else str(model.path.with_suffix(""))
            label = card.name if len(models) == 1 else f"{bank}/{card.name}"
            learned = Learned.of(model, card.index)
            weights = ObjectiveWeights.of(model, learned, self.fine, self.style_weight, self.scale)
            painting = found.paintings.get(card.name)
            if painting is not None:
                painting = replace(painting, crop=learned.crop, scale=None, weight=1.0)
            styles.append(StyleMetrics(label, card, model, weights, painting))
        named = [(one.card.name, one.weights) for one in styles]
        if len(set(named)) > len({name for name, _ in named}):
            found.notes.append(
                "the banks' recipes weigh differently: to compare objectives, set --fine, --style-weight, --style-scale"
            )
        return styles, found.notes


def find_clips(paths: Sequence[Path]) -> list[Path]:
    """The videos among `paths`: files as they are, folders by what lies in them.

    Raises:
        TrainingDataError: a folder holds none, or cannot be read.
    """
    clips: list[Path] = []
    for path in paths:
        try:
            lying = sorted(path.iterdir()) if path.is_dir() else []
        except OSError as error:
            raise TrainingDataError(f"--clips {path} cannot be read: {error.strerror or error}") from error
        inside = [one for one in lying if one.suffix.lower() in _CLIP_SUFFIXES]
        if path.is_dir() and not inside:
            raise TrainingDataError(f"--clips {path} holds no videos ({', '.join(sorted(_CLIP_SUFFIXES))})")
        clips += inside or [path]
    return list(dict.fromkeys(clips))
