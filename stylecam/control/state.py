"""What the user wants at this moment."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from stylecam.stylize.look import Content, Look
from stylecam.utils.options import options_of


@dataclass(frozen=True, slots=True)
class LiveState:
    """Everything that can be changed while stylecam runs; replaced whole, never changed in place.

    Attributes:
        look: how frames are styled.
        bypass: show the camera picture for a moment, keeping the chosen style.
        frozen: keep publishing the picture of the moment.
        resting: keep the camera off, whoever watches.
        panic: show a still picture instead of anything else.
        cycle_s: seconds after which the next style comes by itself, or None.
        version: grows with each change, also of what own styles have learned.
        commands: how many commands people gave.
    """

    look: Look = field(default_factory=Look)
    bypass: bool = False
    frozen: bool = False
    resting: bool = False
    panic: bool = False
    cycle_s: float | None = None
    version: int = 0
    commands: int = 0

    @property
    def visible_look(self) -> Look:
        """The look to style with now: while the style is bypassed, one of strength 0, whose network stays warm.

        A bypass shows the person as the camera sees them. A room that the look hides stays hidden.
        """
        return replace(self.look, strength=0.0) if self.bypass else self.look

    @property
    def requested_content(self) -> Content:
        """What others are to see.

        `COVERED` during a panic, a freeze or with the camera off: nothing may then be shown that is made of the
        camera's present picture. `PAINTED` where a network paints the person, the room or both. Without that, for the
        style `none`, a bypass or strength 0: `PERSON` if the room is hidden, else `RAW`.
        """
        if self.panic or self.frozen or self.resting:
            return Content.COVERED
        return self.visible_look.exposure.content

    def with_look(self, **changes: Any) -> LiveState:
        """Return this state with `changes` made to its look."""
        return replace(self, look=replace(self.look, **changes))

    def describe(self) -> dict[str, Any]:
        """Return everything as a JSON object, with the room as it is shown."""
        look = self.look.with_shown_room
        return {
            "version": self.version,
            "style": look.label,
            "weights": look.weights,
            "tier": look.tier,
            "has_brush": look.has_brush,
            **{each.name: each.written(getattr(look, each.attribute)) for each in options_of(Look)},
            "room_weights": look.room_weights,
            "hides_room": look.hides_room,
            "bypass": self.bypass,
            "frozen": self.frozen,
            "resting": self.resting,
            "panic": self.panic,
            "cycle_s": self.cycle_s,
        }
