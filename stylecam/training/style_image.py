"""A painting to learn from."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import cv2

from stylecam.errors import TrainingDataError
from stylecam.media.frame import Image
from stylecam.models.card import slug
from stylecam.training.dataset import is_file, is_folder, read_picture
from stylecam.training.hyperparameters import Recipe
from stylecam.utils.files import user_path
from stylecam.utils.text import printable

SMALLEST, LARGEST = 64, 2048


@dataclass(frozen=True, slots=True)
class Painting:
    """One style to be.

    Attributes:
        name: of the style.
        path: the picture.
        weight: how much more or less than others its style counts.
        share: how much more or less often than others it is drawn.
        stability: how much more or less than others its stability and noise losses count.
        scale: its short side in pixels, or None for that of the recipe: larger means larger strokes.
        crop: left, top, right and bottom of what counts, as shares of the picture: a frame is no style.
        card: what else is known (title, artist, year, source, licence).

    Raises:
        TrainingDataError: weight, share, stability, scale or crop cannot be meant.
    """

    name: str
    path: Path
    weight: float = 1.0
    scale: int | None = None
    crop: tuple[float, float, float, float] | None = None
    card: dict[str, str | int] = field(default_factory=dict, hash=False)
    share: float = 1.0
    stability: float = 1.0

    def __post_init__(self) -> None:
        for what in ("weight", "share", "stability"):
            if not 0 < getattr(self, what) < 1000:
                raise TrainingDataError(f"the {what} of {self.name} must be above 0 and below 1000")
        if self.scale is not None and not SMALLEST <= self.scale <= LARGEST:
            raise TrainingDataError(f"the scale of {self.name} must be between {SMALLEST} and {LARGEST} pixels")
        if self.crop is not None:
            ordered = len(self.crop) == 4 and 0 <= self.crop[0] < self.crop[2] <= 1
            if not ordered or not 0 <= self.crop[1] < self.crop[3] <= 1:
                raise TrainingDataError(f"the crop of {self.name} must be left, top, right, bottom within 0 to 1")

    @property
    def title(self) -> str:
        """What to call it where nothing else is known: as its name says, or its file where that says more."""
        stem = self.path.stem
        more = not stem.isascii() and slug(stem) == self.name
        return printable(unicodedata.normalize("NFC", stem) if more else self.name).replace("_", " ").title()

    def entry(self, recipe: Recipe) -> dict[str, Any]:
        """What the bank's file is to say of it: its card, and how it is learned (`Learned`)."""
        learned = {
            "fine": recipe.fine,
            "style": recipe.style * self.weight / (recipe.content or 1),
            "scale": self.scale or recipe.scale,
            "crop": list(self.crop) if self.crop else None,
            "file": printable(self.path.name),
        }
        return {**self.card, "learned": learned}

    @classmethod
    def parse(cls, text: str) -> Painting:
        """`[NAME=]FILE[:WEIGHT][@SCALE]`; without a name, the file's own.

        Raises:
            TrainingDataError: there is no such file.
            UsageError: it is in the home of somebody unknown.
        """
        name, path, weight, scale = "", text, 1.0, None
        if not is_file(Path(path)):
            head, _, tail = path.rpartition("@")
            if head and tail.isdecimal():
                path, scale = head, int(tail[:9])
        if not is_file(Path(path)):
            head, _, tail = path.rpartition(":")
            try:
                weight, path = float(tail), head or path
            except ValueError:
                weight = 1.0
        if not is_file(Path(path)) and "=" in path:
            name, _, path = path.partition("=")
        if not is_file(Path(path)) and path.startswith("~"):  # of NAME=~/FILE no shell makes a path
            path = str(user_path(path))
        if not is_file(Path(path)):
            if path and is_folder(Path(path)):
                raise TrainingDataError(f"{path} is a folder; name the paintings in it, one by one")
            raise TrainingDataError(f"there is no painting '{path[:200]}'; check where it is and how it is spelled")
        return cls(slug(name or Path(path).stem), Path(path), weight, scale)

    def read(self, scale: int) -> Image:
        """The picture with its short side at its own scale, else at `scale` pixels; H×W×3 uint8 BGR.

        Raises:
            TrainingDataError: it is no picture, or smaller than 64 pixels.
        """
        image = read_picture(self.path)
        height, width = image.shape[:2]
        if self.crop is not None:
            left, top, right, bottom = (round(s * n) for s, n in zip(self.crop, (width, height) * 2, strict=True))
            image = image[top:bottom, left:right]
            height, width = image.shape[:2]
        if min(height, width) < SMALLEST:
            raise TrainingDataError(
                f"{self.path} is {width}×{height}; a painting needs at least {SMALLEST} pixels on its short side, and "
                "some hundreds to learn from: find a larger copy"
            )
        factor = (self.scale or scale) / min(height, width)
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        return cast(Image, cv2.resize(image, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC))
