"""What was measured of one style, kept in its model's metadata by `stylecam evaluate --write-card`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of one style; None where one is not known.

    Attributes:
        content, style: losses on 256×256 crops, as `stylecam.training.losses` defines them.
        flicker: of a still noisy picture, 1 as much as in the camera's own.
        warped_error, camera_warped_error: of a moving clip and of its painting, in levels of 0..255.
        worth: iterations of Gatys' method (Adam) that reach the same objective.
        gmac, ms: billions of multiply-adds and median milliseconds of one picture at 640×360.
        machine: where and with what the time was taken.
    """

    content: float | None = None
    style: float | None = None
    flicker: float | None = None
    warped_error: float | None = None
    camera_warped_error: float | None = None
    worth: float | None = None
    gmac: float | None = None
    ms: float | None = None
    machine: str | None = None

    @classmethod
    def from_dict(cls, values: object) -> Measured | None:
        """Read the metadata's own; a figure that is none is left out, and None returned where nothing remains."""
        if not isinstance(values, dict):
            return None
        figures = {one.name: values.get(one.name) for one in fields(cls)}
        known: dict[str, Any] = {
            name: value
            for name, value in figures.items()
            if (_is_text(value) if name == "machine" else _is_figure(value))
        }
        return cls(**known) if known else None

    def as_dict(self) -> dict[str, Any]:
        """What is known, for JSON."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def _is_figure(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()
