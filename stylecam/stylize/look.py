"""What the picture should look like: the value that settings, presets and the live state share."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from stylecam.errors import UsageError
from stylecam.models.brush import LARGEST, SMALLEST
from stylecam.stylize.room import Framing, Paint, Room, RoomKind
from stylecam.utils.message import Message
from stylecam.utils.options import LOOK, option, options_of

if TYPE_CHECKING:  # `stylecam ctl` knows the actions without a picture library
    from stylecam.models.catalog import Catalog, CatalogContent
    from stylecam.models.style_mix import StyleMix

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
        PAINTED: what a network has painted, also where the look lays it over the camera picture with some strength, or
            leaves the person or the room as the camera sees them.
        PERSON: the person as the camera sees them, without any painting, in front of what hides their room.
        RAW: the camera picture, without any painting.
        COVERED: a picture that does not follow the camera: a card, or an earlier picture that is held.
    """

    PAINTED = "painted"
    PERSON = "person"
    RAW = "raw"
    COVERED = "covered"


class Visibility(enum.IntEnum):
    """How much of what the camera sees a picture shows. The order counts: a picture may show less than was asked for.

    Attributes:
        HIDDEN: nothing: something else is in its place.
        PAINTED: a painting of it.
        BARE: what the camera sees.
    """

    HIDDEN = 0
    PAINTED = 1
    BARE = 2


class Exposure(NamedTuple):
    """What a picture of the camera shows of the person and of the room behind them.

    It is the rule of what may be published: a picture may be shown for a look only if neither person nor room is more
    visible in it than in the look's own `exposure` (`within`).
    """

    person: Visibility
    room: Visibility

    def within(self, allowed: Exposure) -> bool:
        """Return whether a picture of this exposure may be shown where `allowed` is what the look asks for."""
        return self.person <= allowed.person and self.room <= allowed.room

    @property
    def content(self) -> Content:
        """The word for it in statistics and state."""
        if Visibility.PAINTED in self:
            return Content.PAINTED
        if self == ALL_BARE:
            return Content.RAW
        return Content.PERSON if Visibility.BARE in self else Content.COVERED


ALL_BARE = Exposure(Visibility.BARE, Visibility.BARE)
"""The exposure of the camera picture as it is."""
ALL_PAINTED = Exposure(Visibility.PAINTED, Visibility.PAINTED)
"""The exposure of a picture that is painted all over."""


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
    paint: Paint = option(
        Paint.EVERYTHING,
        help="Who is painted: everything, the person or the room. The rest is as --room says.",
        group=LOOK, metavar="WHO", example="person", command="paint",
        brief="who is painted: you, the room or both", preset=True,
    )  # fmt: skip
    room: Room = option(
        Room(),
        help="What the room behind the person shows: camera, blur[:STRENGTH], color:#RRGGBB, picture:FILE (or a video, "
        "which loops), style:NAME (a painting of its own) or none (transparent in PNG files, else black). All but "
        "camera and style hide the room.",
        group=LOOK, metavar="WHAT", parse=Room.parse, example="blur:0.6", command="room",
        brief="what the room behind you shows", preset=True,
    )  # fmt: skip
    face: float = option(
        0.0, help="How clear the camera's eyes and mouth stay in the painting, 0 to 1.",
        group=LOOK, minimum=0.0, maximum=1.0, example=0.5, command="face",
        brief="how clear eyes and mouth stay", preset=True,
    )  # fmt: skip
    framing: Framing = option(
        Framing.OFF, help="How closely the picture follows the person: off, gentle or close.",
        group=LOOK, metavar="HOW", example="gentle", command="framing",
        brief="how closely the picture follows you", preset=True,
    )  # fmt: skip
    mirror: bool = option(
        False,
        help="Publish the picture mirrored. (The preview window always is a mirror.)",
        group=LOOK, command="mirror", brief="left and right exchanged",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Look(LookSettings):
    """How frames are styled; replaced whole, never changed in place.

    Attributes:
        mix: the main style or blend; None for what the camera sees.
        room_mix: the style of `room`, where that is a room of kind `STYLE`; None for any other.
        pair: both of them as one network paints them, the person's and then the room's; None without both. `paired`
            sets it.
    """

    mix: StyleMix | None = None
    room_mix: StyleMix | None = None
    pair: StyleMix | None = None
    preserve_color: bool = option(
        False, help="Keep the camera's own colours.", group=LOOK, command="preserve_color",
        brief="the camera's own colours", preset=True,
    )  # fmt: skip

    @classmethod
    def start(cls, mix: StyleMix | None, settings: LookSettings, room_mix: StyleMix | None = None) -> Look:
        """The look of `mix` and, in the room, `room_mix`, not `paired`, with everything else as in `settings`."""
        values = {each.attribute: getattr(settings, each.attribute) for each in options_of(LookSettings)}
        return cls(mix, room_mix, **values)

    def paired(self, catalog: Catalog) -> Look:
        """Return this look with the pair of its two styles, if it has both.

        Raises:
            UsageError: as for `Catalog.pair`.
        """
        both = self.mix is not None and self.room_mix is not None
        return replace(self, pair=catalog.pair(self.mix, self.room_mix) if both else None)  # type: ignore[arg-type]

    def followed(self, catalog: Catalog, before: CatalogContent) -> Look:
        """Return this look with what its styles are now that `catalog` has others than `before`.

        See `stylecam.models.succession`. Where the new ones cannot be painted in one picture, the look stays as it is:
        it goes on to be painted, whatever the catalog has.
        """
        from stylecam.models.succession import successor  # which needs NumPy

        mix = None if self.mix is None else successor(self.mix, before, catalog)
        room, room_mix = self.room, self.room_mix
        if room_mix is not None:
            room_mix = successor(room_mix, before, catalog)
            if room_mix.label != self.room_mix.label:  # type: ignore[union-attr]
                room = replace(room, style=room_mix.label)
        try:
            return replace(self, mix=mix, room=room, room_mix=room_mix).paired(catalog)
        except UsageError:
            return self

    @property
    def network_mix(self) -> StyleMix | None:
        """What the network paints: the style of the person, of the room or of both; None if `paints` never is True."""
        if self.room_mix is None or self.paint is Paint.ROOM:
            return self.mix
        return self.room_mix if self.mix is None else self.pair

    @property
    def label(self) -> str:
        """The style as users write it."""
        return "none" if self.mix is None else self.mix.label

    @property
    def exposure(self) -> Exposure:
        """What a picture of this look shows of the person and of the room; no other picture may stand for it.

        The person is painted by the main style, except where only the room is. The room is painted by the main style
        too, unless only the person is painted or `room` says what it shows. With strength 0, as during a bypass,
        nothing is painted; a room that `room` hides is hidden all the same.
        """
        main = Visibility.PAINTED if self.mix is not None and self.strength > 0 else Visibility.BARE
        if self.paint is Paint.ROOM:
            return Exposure(Visibility.BARE, main)
        if self.room.hides:
            return Exposure(main, Visibility.HIDDEN)
        if self.room.kind is RoomKind.STYLE:
            painted = self.room_mix is not None and self.strength > 0
            return Exposure(main, Visibility.PAINTED if painted else Visibility.BARE)
        return Exposure(main, main if self.paint is Paint.EVERYTHING else Visibility.BARE)

    @property
    def paints(self) -> bool:
        """True if a network has to run for this look, for the person, the room or both."""
        return Visibility.PAINTED in self.exposure

    @property
    def hides_room(self) -> bool:
        """True if no picture of this look may show what the camera sees of the room, painted or not."""
        return self.exposure.room is Visibility.HIDDEN

    @property
    def with_shown_room(self) -> Look:
        """The look with the room `camera` where only the room is painted, so that `room` has no effect.

        The look itself keeps its `room`: what hid the room hides it again as soon as not only the room is painted.
        """
        return replace(self, room=Room(), room_mix=None, pair=None) if self.paint is Paint.ROOM else self

    @property
    def needs_mask(self) -> bool:
        """True if this look treats person and room differently, so that it must be known where the person is."""
        separate = self.paint is not Paint.EVERYTHING or self.room.kind is not RoomKind.CAMERA
        return self.hides_room or (self.paints and separate)

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

    @property
    def room_weights(self) -> dict[str, float]:
        """The same of the styles of the room; empty where it has none of its own."""
        return {} if self.room_mix is None else self.room_mix.shares
