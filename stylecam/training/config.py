"""The configuration of a training run, as it is kept in the checkpoint, and where its files lie. Needs no PyTorch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stylecam.training.hyperparameters import Hyperparameters
from stylecam.training.style_image import StyleImage


def checkpoint_path(output: Path) -> Path:
    """Return where the checkpoint of the bank `output` lies."""
    return output.with_suffix(".checkpoint")


def preview_path(output: Path) -> Path:
    """Return where the previews of the picture `output` lie while it is optimized."""
    return output.with_suffix(".preview.png")


@dataclass(frozen=True)
class TrainingConfig:
    """Everything a training run needs; the checkpoint keeps it, so that resuming needs nothing else.

    Attributes:
        hyperparameters: every number of the run.
        paintings: the styles to learn.
        photos: folders of photographs to learn on.
        vgg: weights of VGG-16; None for those that come with stylecam.
        face_model: a face detector's file; None to treat faces like everything else.
        samples: photographs for the sample sheet; without any, four random crops.
        licence: licence written into the bank, or None.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        bfloat16: whether VGG-16 computes in bfloat16; None decides by the processor.
        install: whether to install the result as a user style; None means: with a frozen body.
    """

    hyperparameters: Hyperparameters
    paintings: tuple[StyleImage, ...]
    photos: tuple[Path, ...]
    vgg: Path | None = None
    face_model: Path | None = None
    samples: tuple[Path, ...] = ()
    licence: str | None = None
    device: str = "auto"
    bfloat16: bool | None = None
    install: bool | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values, with absolute paths."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self), default=lambda path: str(path.absolute())))
        return {"recipe": values.pop("hyperparameters"), **values}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainingConfig:
        """Rebuild the configuration from the values of `as_dict`, also those of older versions."""
        return cls(
            Hyperparameters(**values["recipe"]),
            tuple(map(_style_image, values["paintings"])),
            tuple(map(Path, values["photos"])),
            Path(values["vgg"]) if values["vgg"] else None,
            Path(values["face_model"]) if values["face_model"] else None,
            tuple(map(Path, values["samples"])),
            values["licence"],
            values["device"],
            values["bfloat16"],
            values.get("install"),
        )


def _style_image(values: dict[str, Any]) -> StyleImage:
    crop = values.get("crop")
    return StyleImage(**{**values, "path": Path(values["path"]), "crop": tuple(crop) if crop else None})
