"""Configure `stylecam evaluate`: the styles, and the pictures they are judged on."""

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
from stylecam.training.style_metadata import StyleMetadata

_CLIP_SUFFIXES = frozenset({".mp4", ".mkv", ".avi", ".webm", ".mov", ".m4v", ".mpg", ".mpeg", ".ogv", ".ts"})


@dataclass(frozen=True)
class EvaluationConfig:
    """What is evaluated, and how.

    Attributes:
        banks: model files; each style of each is evaluated, or only those in `styles`.
        photos: folders of photographs that the styles were not trained on; `count` of them are drawn with `seed`.
        paintings: folders in which a style's painting is found by its name; `named` ones (NAME=FILE) take precedence.
        clips: videos, or folders of them.
        fine, style_weight, scale: weights of the objective; None for the bank's own.
        iterations: after which the Gatys baseline is shown; the last is how many are done.
        gatys_photos: how many photographs it paints; 0 leaves it out.
        baseline: whether the cost of Johnson's network is measured too.
        face_model: a face detector's file; None to leave faces out.
        vgg: the perceptual network's weights; None for those that come with stylecam.
        device: where the losses are computed.
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
    face_model: Path | None = None
    vgg: Path | None = None
    device: str = "auto"

    def select_styles(self, models: Sequence[Model]) -> tuple[list[StyleMetrics], list[str]]:
        """Return the requested styles of `models`, with nothing measured yet, and notes for the reader.

        Raises:
            ModelFormatError: a bank contradicts itself.
            StyleNotFoundError: one of `styles` does not exist.
            TrainingDataError: no style has a painting, or a painting is missing.
            UsageError: a painting is named for a style that does not exist.
        """
        requested = set(self.styles)
        cards = [(model, card) for model in models for card in read_cards(model)]
        if unknown := requested - {name for _, card in cards for name in (card.name, card.full_name)}:
            names = ", ".join(dict.fromkeys(card.name for _, card in cards))
            raise StyleNotFoundError(f"no style is called {min(unknown)!r}; there are {names}")
        cards = [(model, card) for model, card in cards if not requested or requested & {card.name, card.full_name}]
        files = {card.name: StyleMetadata.of(model, card.index).file for model, card in cards}
        matches = match_style_images(files, self.paintings, self.named)
        if not matches.paintings:
            raise TrainingDataError(
                "none of the styles has a painting: --paintings DIR with files named like them, or --painting NAME=FILE"
            )
        stems = Counter(model.path.stem for model in models)
        styles = []
        for model, card in cards:
            bank = card.bank if stems[card.bank] == 1 else str(model.path.with_suffix(""))
            label = card.name if len(models) == 1 else f"{bank}/{card.name}"
            learned = StyleMetadata.of(model, card.index)
            weights = ObjectiveWeights.of(model, learned, self.fine, self.style_weight, self.scale)
            painting = matches.paintings.get(card.name)
            if painting is not None:
                painting = replace(painting, crop=learned.crop, scale=None, weight=1.0)
            styles.append(StyleMetrics(label, card, model, weights, painting))
        named = {(one.card.name, one.weights) for one in styles}
        if len(named) > len({name for name, _ in named}):
            matches.notes.append(
                "the banks' recipes weigh differently: to compare objectives, set --fine, --style-weight, --style-scale"
            )
        return styles, matches.notes


def find_clips(paths: Sequence[Path]) -> list[Path]:
    """Return the videos in `paths`: files as they are, folders by their content.

    Raises:
        TrainingDataError: a folder holds none, or cannot be read.
    """
    clips: list[Path] = []
    for path in paths:
        try:
            files = sorted(path.iterdir()) if path.is_dir() else []
        except OSError as error:
            raise TrainingDataError(f"--clips {path} cannot be read: {error.strerror or error}") from error
        videos = [file for file in files if file.suffix.lower() in _CLIP_SUFFIXES]
        if path.is_dir() and not videos:
            raise TrainingDataError(f"--clips {path} holds no videos ({', '.join(sorted(_CLIP_SUFFIXES))})")
        clips += videos or [path]
    return list(dict.fromkeys(clips))
