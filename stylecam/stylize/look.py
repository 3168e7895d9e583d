"""What the picture should look like: the value that settings, presets and the live state share."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stylecam.errors import UsageError
from stylecam.models.brush import LARGEST, SMALLEST
from stylecam.utils.message import Message
from stylecam.utils.options import LOOK, option, options_of

if TYPE_CHECKING:  # `stylecam ctl` knows the actions without a picture library
    from stylecam.models.catalog import StyleMix

Preset = Mapping[str, Any]
"""A partial look: options by name, and `style` as users write it. What it does not name stays as it is."""
MAX_PRESET_NAME = 40


def check_preset_name(name: str) -> str:
    """Return `name` if a preset can be called so.

    Raises:
        UsageError: it is empty, too long or not printable.
    """
    if not name.strip() or not name.isprintable() or len(name) > MAX_PRESET_NAME:
        raise UsageError(Message("a preset's name must have 1 to {most} printable characters", most=MAX_PRESET_NAME))
    return name


class Content(str, enum.Enum):
    """What a published picture shows; the value is its word in the statistics and in the state.

    Attributes:
        PAINTED: what a network has painted, also where the look lays it over the camera picture with some strength.
        RAW: the camera picture, without any painting.
        COVERED: a picture that does not follow the camera: a card, or an earlier picture that is held.
    """

    PAINTED = "painted"
    RAW = "raw"
    COVERED = "covered"


@dataclass(frozen=True, slots=True, kw_only=True)
class LookSettings:
    """The part of a look that can be set before a run as well as while it runs.

    `scale` is the processing size as a share of the output's; None leaves it to the governor.
    """

    strength: float = option(
        1.0, help="0 (camera) to 1 (painting).", group=LOOK, minimum=0.0, maximum=1.0, example=0.5, command="strength",
        brief="how much of the painting", preset=True,
    )  # fmt: skip
    steadiness: float = option(
        0.8,
        help="0 (every frame for itself) to 1: how much what stands still is kept from flickering.",
        group=LOOK, minimum=0.0, maximum=1.0, example=0.5, command="steadiness",
        brief="how calm the picture is", preset=True,
    )  # fmt: skip
    brush: float = option(
        1.0,
        help=f"How large strokes are on the screen: {SMALLEST:g} (half) to {LARGEST:g} (twice the usual size).",
        group=LOOK, minimum=SMALLEST, maximum=LARGEST, example=1.5, command="brush",
        brief="how large the strokes are", preset=True,
    )  # fmt: skip
    scale: float | None = option(
        None,
        help="Processing size: auto holds the frame rate; 0.25 to 1 fixes a share of the picture's size.",
        group=LOOK, minimum=0.25, maximum=1.0, word="auto", example=0.5, command="scale",
        brief="how finely to paint",
    )  # fmt: skip
    mirror: bool = option(
        False,
        help="Publish the picture mirrored. (The preview window always is a mirror.)",
        group=LOOK, command="mirror", brief="left and right exchanged",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Look(LookSettings):
    """How frames are styled; replaced whole, never changed in place.

    `mix` is the style or blend; None for the plain camera picture.
    """

    mix: StyleMix | None = None
    preserve_color: bool = option(
        False, help="Keep the camera's own colours.", group=LOOK, command="preserve_color",
        brief="the camera's own colours", preset=True,
    )  # fmt: skip

    @classmethod
    def start(cls, mix: StyleMix | None, settings: LookSettings) -> Look:
        """The look of `mix` with everything else as in `settings`."""
        return cls(mix, **{each.attribute: getattr(settings, each.attribute) for each in options_of(LookSettings)})

    @property
    def label(self) -> str:
        """The style as users write it."""
        return "none" if self.mix is None else self.mix.label

    @property
    def paints(self) -> bool:
        """True if a network has to run for this look; only where it is False may the camera picture be published."""
        return self.mix is not None and self.strength > 0

    @property
    def tier(self) -> str | None:
        """The tier of the network, `rich` or `lean`; None for the plain camera."""
        return None if self.mix is None else self.mix.model.tier

    @property
    def has_brush(self) -> bool:
        """Whether `brush` changes anything: not for the plain camera, nor for a bank of one size of strokes."""
        return self.mix is not None and self.mix.model.has_brush

    @property
    def weights(self) -> dict[str, float]:
        """The names of the styles in use and their shares, which sum to about 1; empty for the plain camera."""
        return {} if self.mix is None else self.mix.shares
