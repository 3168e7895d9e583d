"""Make the look of pictures and clips from what the user asks for, and check it."""

from __future__ import annotations

from dataclasses import replace

from stylecam.errors import UsageError
from stylecam.models.catalog import Catalog
from stylecam.models.style_mix import StyleMix
from stylecam.stylize.look import Look
from stylecam.stylize.room import Paint, Room, check_paint, resolve_room
from stylecam.stylize.style_file import resolve_style
from stylecam.utils.options import options_of

_PAINT = next(each for each in options_of(Look) if each.name == "paint")


def still_look(
    style: str | StyleMix, *, strength: float, steadiness: float, preserve_color: bool, brush: float, paint: str,
    room: str | Room, face: float, tier: str,
) -> Look:  # fmt: skip
    """Return the look of pictures and clips for the arguments of `Stylist`, which says what they mean.

    It always has a style: with the style `none`, that of the room, or one of strength 0.

    Raises:
        StyleNotFoundError, ModelFormatError, UsageError: as for `Stylist`.
    """
    room = room if isinstance(room, Room) else Room.parse(room)
    painted = Paint(_PAINT.read(str(paint)))
    check_paint(painted, room)
    catalog = Catalog()
    if isinstance(style, str) or room.style is not None:
        catalog = Catalog.installed()
        catalog.prefer(tier)
    mix = style if isinstance(style, StyleMix) else resolve_style(style, catalog)
    look = Look(
        mix, resolve_room(room, catalog), strength=strength, steadiness=steadiness, brush=brush,
        preserve_color=preserve_color, paint=painted, room=room, face=face,
    )  # fmt: skip
    for option in options_of(Look):
        if option.minimum is not None:
            option.check(getattr(look, option.attribute), option.name)
    if look.room_mix is not None and mix is None:
        return replace(look, mix=look.room_mix, room=Room(), room_mix=None, paint=Paint.ROOM)
    if look.hides_room and mix is None and catalog.cards:
        return replace(look, mix=catalog.mix_of(catalog.cards[0]), strength=0.0)
    if mix is None:
        raise UsageError("the style 'none' changes nothing; name a style, or what the room shows")
    return look


def painted_style(look: Look) -> str:
    """Return the style of `look` as users write it; `none` if nothing is painted."""
    return look.label if look.paints else "none"


def check_scale(scale: float) -> None:
    """Check the share of the size at which pictures are painted.

    Raises:
        UsageError: it is not from 0.1 to 1.
    """
    if not 0.1 <= scale <= 1:
        raise UsageError(f"scale {scale:g} is out of range; it must be a number from 0.1 to 1, for example 0.5")
