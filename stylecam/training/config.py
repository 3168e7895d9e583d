"""What a training run is to do; kept in its checkpoint."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stylecam.training.hyperparameters import Recipe
from stylecam.training.style_image import Painting


@dataclass(frozen=True)
class Plan:
    """What to train and with what; kept in the checkpoint, so that resuming needs nothing else.

    `install` says whether the result is to become one of the user's own styles; None: with a frozen body.
    """

    recipe: Recipe
    paintings: tuple[Painting, ...]
    photos: tuple[Path, ...]
    vgg: Path | None = None
    samples: tuple[Path, ...] = ()
    licence: str | None = None
    device: str = "auto"
    bfloat16: bool | None = None
    install: bool | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; files by their absolute paths."""
        return {
            "recipe": self.recipe.as_dict(),
            "paintings": [{**asdict(one), "path": str(one.path.absolute())} for one in self.paintings],
            "photos": [str(folder.absolute()) for folder in self.photos],
            "vgg": str(self.vgg.absolute()) if self.vgg else None,
            "samples": [str(path.absolute()) for path in self.samples],
            "licence": self.licence,
            "device": self.device,
            "bfloat16": self.bfloat16,
            "install": self.install,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Plan:
        """The reverse of `as_dict`."""
        return cls(
            Recipe(**values["recipe"]),
            tuple(map(_painting, values["paintings"])),
            tuple(map(Path, values["photos"])),
            Path(values["vgg"]) if values["vgg"] else None,
            tuple(map(Path, values["samples"])),
            values["licence"],
            values["device"],
            values["bfloat16"],
            values.get("install"),
        )


def _painting(values: dict[str, Any]) -> Painting:
    crop = values.get("crop")
    return Painting(**{**values, "path": Path(values["path"]), "crop": tuple(crop) if crop else None})
