"""Read from a bank's metadata how one of its styles was trained."""

from __future__ import annotations

import json
from dataclasses import dataclass

from stylecam.errors import TrainingDataError
from stylecam.models.model import Model
from stylecam.training.style_image import StyleImage

_MAX_FINE = 1e6


@dataclass(frozen=True, slots=True)
class StyleMetadata:
    """What `StyleImage.entry` wrote; a value is None where the file holds nothing usable.

    Attributes:
        fine: weight of relu2_2 within the content loss.
        style: weight of the style loss relative to the content loss.
        scale: short side of the painting in pixels.
        crop: left, top, right and bottom of the part of the painting that was used, 0..1.
        file: file name of the painting, without a folder.
    """

    fine: float | None = None
    style: float | None = None
    scale: int | None = None
    crop: tuple[float, float, float, float] | None = None
    file: str | None = None

    @classmethod
    def of(cls, model: Model, index: int) -> StyleMetadata:
        """Return the metadata of the style number `index` of `model`; never raises."""
        try:
            learned = json.loads(model.metadata["styles"])[index]["learned"]
            crop = tuple(map(float, learned["crop"])) if learned["crop"] else None
            checked = StyleImage("", model.path, float(learned["style"]), int(learned["scale"]), crop)  # type: ignore[arg-type]
            fine, file = float(learned["fine"]), learned.get("file")
        except (ValueError, TypeError, LookupError, RecursionError, OverflowError, TrainingDataError):
            return cls()
        return cls(
            fine if 0 <= fine < _MAX_FINE else None,
            checked.weight,
            checked.scale,
            checked.crop,
            file if isinstance(file, str) else None,
        )
