"""How one style of a bank was learned, as the bank's file says."""

from __future__ import annotations

import json
from dataclasses import dataclass

from stylecam.errors import TrainingDataError
from stylecam.styles.model import Model
from stylecam.training.painting import Painting


@dataclass(frozen=True, slots=True)
class Learned:
    """What `Painting.entry` wrote; None where the file says nothing that can be meant."""

    weight: float = 1.0
    scale: int | None = None
    crop: tuple[float, float, float, float] | None = None

    @classmethod
    def of(cls, model: Model, index: int) -> Learned:
        """That of the style with this number."""
        try:
            told = json.loads(model.metadata["styles"])[index]["learned"]
            crop = tuple(map(float, told["crop"])) if told["crop"] else None
            checked = Painting("", model.path, float(told["weight"]), int(told["scale"]), crop)  # type: ignore[arg-type]
        except (ValueError, TypeError, LookupError, RecursionError, OverflowError, TrainingDataError):
            return cls()
        return cls(checked.weight, checked.scale, checked.crop)
