"""Presets: a look with a name, chosen as one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Preset:
    """What choosing it sets; None leaves a thing as it is.

    Attributes:
        style: a style, blend or `none`, as users write it.
        strength: 0..1.
        steadiness: 0..1.
        preserve_color: whether the camera's colours are kept.
    """

    style: str | None = None
    strength: float | None = None
    steadiness: float | None = None
    preserve_color: bool | None = None
