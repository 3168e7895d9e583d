"""What actions work with: what a command may refer to, and how it changes the look of the live state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from stylecam.control.parameters import Value
from stylecam.control.state import LiveState
from stylecam.errors import UsageError
from stylecam.stylize.look import Look, Preset
from stylecam.stylize.room import Paint, Room, RoomKind, resolve_room
from stylecam.utils.options import options_of

if TYPE_CHECKING:  # `stylecam ctl` knows the actions without a picture library
    from stylecam.models.catalog import Catalog
    from stylecam.models.style_mix import StyleMix

LOOK_OPTIONS = {each.name: each for each in options_of(Look)}
"""The options of the look by their names."""
Arguments = Mapping[str, Value]
"""The arguments of a command by the names of the action's parameters."""


@dataclass(frozen=True, slots=True)
class ActionContext:
    """What a command may refer to.

    Attributes:
        catalog: the styles that exist.
        presets: the named looks.
        scenes: OBS scene to style or preset.
        own_look: the look that the session was started with, or that its configuration has set since.
    """

    catalog: Catalog
    presets: Mapping[str, Preset] = field(default_factory=dict)
    scenes: Mapping[str, str] = field(default_factory=dict)
    own_look: Look = field(default_factory=Look)


Apply = Callable[[LiveState, Arguments, ActionContext], LiveState]
"""Computes the state after an action; raises a StylecamError to refuse it."""


def with_look(state: LiveState, context: ActionContext, **changes: Any) -> LiveState:
    """Return `state` with `changes`, of which the styles are some, made to its look."""
    changed = state.with_look(**changes)
    return replace(changed, look=changed.look.paired(context.catalog))


def with_visible_look(state: LiveState, context: ActionContext, **changes: Any) -> LiveState:
    """The same, with the bypass off so that the changes are seen."""
    return replace(with_look(state, context, **changes), bypass=False)


def style_named(text: str, context: ActionContext) -> StyleMix | None:
    """Return the style or blend that `text` names, also by its number; None for `none`.

    Raises:
        UsageError: there is no such style.
    """
    if text.isdecimal() and text.isascii():
        cards = context.catalog.cards
        number = int(text)
        if not 1 <= number <= len(cards):
            raise UsageError(f"there is no style {number}, only 1 to {len(cards)}")
        return context.catalog.mix_of(cards[number - 1])
    return context.catalog.parse(text)


def room_changes(room: Room, context: ActionContext) -> dict[str, Any]:
    """Return what to change in a look so that it shows `room`."""
    return {"room": room, "room_mix": resolve_room(room, context.catalog)}


def with_seen_room(changes: Mapping[str, Any], paint: Paint) -> Mapping[str, Any]:
    """Return `changes` to a look that paints `paint` so that the room they name is seen.

    While only the room is painted, in the main style, nothing else is seen of it; so everything is painted then.
    """
    if paint is Paint.ROOM and "paint" not in changes and changes.get("room", Room()).kind is not RoomKind.CAMERA:
        return {**changes, "paint": Paint.EVERYTHING}
    return changes
