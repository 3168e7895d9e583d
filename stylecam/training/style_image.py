"""A painting whose style is to be learned."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stylecam.errors import StylecamError, TrainingDataError
from stylecam.media.frame import Image, Size
from stylecam.media.transforms import resize
from stylecam.models.card import slug, title_of
from stylecam.stylize.style_picture import StylePicture
from stylecam.training.dataset import read_picture
from stylecam.training.hyperparameters import Hyperparameters
from stylecam.utils.files import user_path
from stylecam.utils.text import printable

MIN_SIDE, MAX_SIDE = 64, 2048


@dataclass(frozen=True, slots=True)
class StyleImage:
    """One painting, and how its style is to be learned.

    Attributes:
        name: name of the style.
        path: the picture file.
        weight: factor of its style loss, 1 for an average one.
        scale: its short side in pixels, or None for that of the hyperparameters; a larger value gives larger strokes.
        crop: left, top, right and bottom of the part to learn from, as shares of the picture; leave out the frame.
        card: the title, artist, year, source and licence, as far as known.
        share: how often it is drawn, 1 for an average one.
        stability: factor of its stability loss.

    Raises:
        TrainingDataError: weight, share, stability, scale or crop is out of range.
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
        for name in ("weight", "share", "stability"):
            if not 0 < getattr(self, name) < 1000:
                raise TrainingDataError(f"the {name} of {self.name} must be above 0 and below 1000")
        if self.scale is not None and not MIN_SIDE <= self.scale <= MAX_SIDE:
            raise TrainingDataError(f"the scale of {self.name} must be between {MIN_SIDE} and {MAX_SIDE} pixels")
        if self.crop is not None:
            ordered = len(self.crop) == 4 and 0 <= self.crop[0] < self.crop[2] <= 1
            if not ordered or not 0 <= self.crop[1] < self.crop[3] <= 1:
                raise TrainingDataError(f"the crop of {self.name} must be left, top, right, bottom within 0 to 1")

    @property
    def title(self) -> str:
        """Return a title for a style without one: from its name, or from its file name if that says more."""
        return title_of(self.path.stem, self.name)

    def entry(self, hyperparameters: Hyperparameters) -> dict[str, Any]:
        """Return the entry for the bank's metadata: the card, and how the style is learned (see `StyleMetadata`)."""
        learned = {
            "fine": hyperparameters.fine,
            "style": hyperparameters.style * self.weight / (hyperparameters.content or 1),
            "scale": self.scale or hyperparameters.scale,
            "crop": list(self.crop) if self.crop else None,
            "file": printable(self.path.name),
        }
        return {**self.card, "learned": learned}

    @classmethod
    def parse(cls, text: str) -> StyleImage:
        """Read `[NAME=]FILE[:WEIGHT][@SCALE]`; without a name, the file's name is used.

        Raises:
            TrainingDataError: there is no such file.
            UsageError: `~USER` names an unknown user.
        """
        # ruff: noqa: PTH112, PTH113 - the methods of `Path` raise for impossible names
        name, path, weight, scale = "", text, 1.0, None
        if not os.path.isfile(path):
            head, _, tail = path.rpartition("@")
            if head and tail.isdecimal():
                path, scale = head, int(tail[:9])
        if not os.path.isfile(path):
            head, _, tail = path.rpartition(":")
            try:
                weight, path = float(tail), head or path
            except ValueError:
                weight = 1.0
        if not os.path.isfile(path) and "=" in path:
            name, _, path = path.partition("=")
        if not os.path.isfile(path) and path.startswith("~"):  # the shell does not expand NAME=~/FILE
            path = str(user_path(path))
        if not os.path.isfile(path):
            if path and os.path.isdir(path):
                raise TrainingDataError(f"{path} is a folder; name the paintings in it, one by one")
            raise TrainingDataError(f"there is no painting '{path[:200]}'; check the folder and the spelling")
        return cls(slug(name or Path(path).stem), Path(path), weight, scale)

    def read(self, scale: int, factor: float = 1.0) -> Image:
        """Read the picture, with its short side at its own scale or else at `scale` pixels, times `factor`.

        It is H×W×3 uint8 BGR.

        Raises:
            TrainingDataError: it is not a picture, or smaller than 64 pixels.
        """
        image = read_picture(self.path)
        height, width = image.shape[:2]
        if self.crop is not None:
            left, top, right, bottom = (round(s * n) for s, n in zip(self.crop, (width, height) * 2, strict=True))
            image = image[top:bottom, left:right]
            height, width = image.shape[:2]
        if min(height, width) < MIN_SIDE:
            raise TrainingDataError(
                f"{self.path} is {width}×{height}; a painting needs at least {MIN_SIDE} pixels on its short side, and "
                "should have some hundreds: find a larger copy"
            )
        factor *= (self.scale or scale) / min(height, width)
        return resize(image, Size(max(1, round(width * factor)), max(1, round(height * factor))))

    def picture(self) -> bytes:
        """Return the part to learn from as JPEG, as `OwnStyle.picture` has it; empty where it cannot be read."""
        left, top, right, bottom = self.crop or (0.0, 0.0, 1.0, 1.0)
        try:
            return StylePicture.read(self.path, (left, top, right - left, bottom - top)).jpeg
        except StylecamError:  # it was removed since, or has a single color
            return b""
