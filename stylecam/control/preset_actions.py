"""The effects of the actions on presets, and on the scenes of OBS, which name presets or styles."""

from __future__ import annotations

from typing import Any

from stylecam.control.action_context import (
    LOOK_OPTIONS,
    ActionContext,
    Arguments,
    room_changes,
    style_named,
    with_look,
    with_seen_room,
    with_visible_look,
)
from stylecam.control.state import LiveState
from stylecam.errors import StyleNotFoundError, UsageError
from stylecam.stylize.look import Look, check_preset_name
from stylecam.utils.message import Message
from stylecam.utils.options import options_of


def preset(state: LiveState, arguments: Arguments, context: ActionContext) -> LiveState:
    """Show the look of a preset; raises UsageError where there is none of that name, as the next do."""
    name = str(arguments["name"])
    _check_exists(name, context)
    return with_visible_look(state, context, **with_seen_room(_preset_changes(name, context), state.look.paint))


def _check_exists(name: str, context: ActionContext) -> None:
    if name not in context.presets:
        existing = ", ".join(context.presets) or "none; save_preset:NAME keeps the present look"
        raise UsageError(Message("there is no preset {name}; there are {existing}", name=repr(name), existing=existing))


def save_preset(state: LiveState, arguments: Arguments, _: ActionContext) -> LiveState:
    """Check the name of a new preset; it is written later."""
    check_preset_name(str(arguments["name"]))
    return state


def rename_preset(state: LiveState, arguments: Arguments, context: ActionContext) -> LiveState:
    """Check both names, of which the new one must be free."""
    _check_exists(str(arguments["name"]), context)
    new_name = check_preset_name(str(arguments["new_name"]))
    if new_name in context.presets:
        raise UsageError(Message("there is a preset {name} already; choose another name", name=repr(new_name)))
    return state


def delete_preset(state: LiveState, arguments: Arguments, context: ActionContext) -> LiveState:
    """Check that the preset exists."""
    _check_exists(str(arguments["name"]), context)
    return state


def _preset_changes(name: str, context: ActionContext) -> dict[str, Any]:
    changes: dict[str, Any] = {
        key: LOOK_OPTIONS[key].read(value) if key in LOOK_OPTIONS else value
        for key, value in context.presets[name].items()
    }
    try:
        if (style := changes.pop("style", None)) is not None:
            changes["mix"] = style_named(style, context)
        if "room" in changes:
            changes |= room_changes(changes["room"], context)
    except StyleNotFoundError as error:
        message = Message("the preset {name} names a style that is not there: {error}", name=repr(name), error=error)
        raise StyleNotFoundError(message, error.nearest) from error
    return changes


def scene(state: LiveState, arguments: Arguments, context: ActionContext) -> LiveState:
    """Start from the session's own look, so that a scene looks the same whichever scene came before it.

    But a room that is hidden stays hidden, unless the preset of the scene says what the room shows or who is painted.
    """
    name = str(arguments["name"])
    look = context.scenes.get(name)
    if look is None:
        existing = ", ".join(context.scenes) or "none; write them under [scenes] into the configuration file"
        raise UsageError(f"there is no scene {name!r}; there are {existing}")
    own = {each.attribute: getattr(context.own_look, each.attribute) for each in options_of(Look) if each.preset}
    try:
        changes = _preset_changes(look, context) if look in context.presets else {"mix": style_named(look, context)}
    except StyleNotFoundError as error:
        message = Message("the scene {name} has a look that is not there: {error}", name=repr(name), error=error)
        raise StyleNotFoundError(message, error.nearest) from error
    own |= {"mix": context.own_look.mix, "room_mix": context.own_look.room_mix}
    changed = with_visible_look(state, context, **{**own, **with_seen_room(changes, context.own_look.paint)})
    if state.look.hides_room and not changed.look.hides_room and not {"room", "paint"} & changes.keys():
        return with_look(changed, context, paint=state.look.paint, room=state.look.room, room_mix=None)
    return changed
