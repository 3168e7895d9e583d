"""How one style of a bank was learned, as the bank's file says."""

from __future__ import annotations

import json
from dataclasses import dataclass

from stylecam.errors import TrainingDataError
from stylecam.models.model import Model
from stylecam.training.style_image import Painting


@dataclass(frozen=True, slots=True)
class Learned:
    """What `Painting.entry` wrote; None where the file says nothing that can be meant.

    Attributes:
        fine: of relu2_2 within the content loss.
        style: weight of the style loss beside one of content.
        scale: short side of the painting, in pixels.
        crop: of the painting.
        file: the painting's name, without a folder.
    """

    fine: float | None = None
    style: float | None = None
    scale: int | None = None
    crop: tuple[float, float, float, float] | None = None
    file: str | None = None

    @classmethod
    def of(cls, model: Model, index: int) -> Learned:
        """That of the style with this number."""
        try:
            told = json.loads(model.metadata["styles"])[index]["learned"]
            crop = tuple(map(float, told["crop"])) if told["crop"] else None
            checked = Painting("", model.path, float(told["style"]), int(told["scale"]), crop)  # type: ignore[arg-type]
            fine, file = float(told["fine"]), told.get("file")
        except (ValueError, TypeError, LookupError, RecursionError, OverflowError, TrainingDataError):
            return cls()
        return cls(fine if 0 <= fine < _LARGEST else None, checked.weight, checked.scale, checked.crop, _plain(file))


def _plain(file: object) -> str | None:
    return file if isinstance(file, str) else None


_LARGEST = 1e6
