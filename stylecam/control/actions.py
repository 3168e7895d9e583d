"""The table of actions: for each its name, effect, parameters and default keys.

The keyboard, the HTTP server, OBS and `stylecam ctl` all read this table.
"""

from __future__ import annotations

import contextlib
import difflib
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from stylecam.control import preset_actions
from stylecam.control.action_context import (
    LOOK_OPTIONS,
    ActionContext,
    Apply,
    Arguments,
    room_changes,
    style_named,
    with_look,
    with_seen_room,
    with_visible_look,
)
from stylecam.control.parameters import NUMBER, TEXT, WEIGHTS, Parameter, flag
from stylecam.control.state import LiveState
from stylecam.errors import StyleNotFoundError, UsageError
from stylecam.models.brush import LARGEST, SMALLEST
from stylecam.stylize.room import Room, RoomKind
from stylecam.utils.files import check_file_name
from stylecam.utils.message import Message
from stylecam.utils.options import Option

if TYPE_CHECKING:  # `stylecam ctl` knows the actions without a picture library
    from stylecam.models.style_mix import StyleMix

STRENGTH_STEP = 0.1
STEADINESS_STEP = 0.2
BRUSH_STEP = 2**0.25
CYCLE_S = 30.0
"""The default period of the automatic change of styles."""
SHORTEST_CYCLE_S, LONGEST_CYCLE_S = 1.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Action:
    """Something a user can do while stylecam runs.

    Attributes:
        apply: computes the state after it; raises a StylecamError to refuse.
        parameters: its arguments, in the order in which people write them.
        hotkey: the default global hotkey, empty for none.
        key: the plain key in the terminal and in the preview window, empty for none.
        deferred: it also works outside the state, for example writes a file; the live session does that later.
    """

    name: str
    help: str
    apply: Apply
    parameters: tuple[Parameter, ...] = ()
    hotkey: str = ""
    key: str = ""
    deferred: bool = False

    def describe(self) -> dict[str, Any]:
        """Return the action as a JSON object, as the API shows it."""
        return {
            "name": self.name,
            "help": Message(self.help),
            "parameters": [asdict(parameter) for parameter in self.parameters],
            "hotkey": self.hotkey,
            "key": self.key,
        }


def _single_styles(context: ActionContext) -> list[StyleMix]:
    return [context.catalog.mix_of(card) for card in context.catalog.cards]


def _step(by: int) -> Apply:
    def apply(state: LiveState, _: Arguments, context: ActionContext) -> LiveState:
        mixes = _single_styles(context)
        current = mixes.index(state.look.mix) if state.look.mix in mixes else (-1 if by > 0 else 0)
        return _with_first(
            state, context, [mixes[(current + by * step) % len(mixes)] for step in range(1, len(mixes) + 1)]
        )

    return apply


def _with_first(state: LiveState, context: ActionContext, mixes: Sequence[StyleMix]) -> LiveState:
    """Return `state` with the first of `mixes` that can be painted together with the style of the room.

    Raises:
        UsageError: none of them can.
    """
    refusal: UsageError | None = None
    for mix in mixes:
        try:
            return with_visible_look(state, context, mix=mix)
        except UsageError as error:
            refusal = error
    if refusal is not None:
        raise refusal
    return state


def _random(state: LiveState, _: Arguments, context: ActionContext) -> LiveState:
    others = [mix for mix in _single_styles(context) if mix != state.look.mix]
    return _with_first(state, context, random.sample(others, len(others)))


def _select(state: LiveState, arguments: Arguments, context: ActionContext) -> LiveState:
    return with_visible_look(state, context, mix=style_named(str(arguments["style"]), context))


def _blend(state: LiveState, arguments: Arguments, context: ActionContext) -> LiveState:
    return with_visible_look(state, context, mix=context.catalog.parse(str(arguments["weights"])))


def _set(each: Option) -> Apply:
    def apply(state: LiveState, arguments: Arguments, _: ActionContext) -> LiveState:
        return state.with_look(**{each.attribute: each.read(arguments["value"])})

    return apply


def _choose(each: Option) -> Apply:
    """Set a choice; without a value go on to the next word, but not to one that would show a room that is hidden."""

    def apply(state: LiveState, arguments: Arguments, _: ActionContext) -> LiveState:
        if "value" in arguments:
            return state.with_look(**{each.attribute: each.read(arguments["value"])})
        at = each.choices.index(each.written(getattr(state.look, each.attribute)))
        changed = (
            state.with_look(**{each.attribute: each.read(word)})
            for word in (*each.choices[at + 1 :], *each.choices[: at + 1])
        )
        return next(other for other in changed if other.look.hides_room or not state.look.hides_room)

    return apply


def _room(state: LiveState, arguments: Arguments, context: ActionContext) -> LiveState:
    """Set what the room shows; without a value hide it, or show it again."""
    if "value" in arguments:
        changes = room_changes(Room.parse(str(arguments["value"])), context)
    elif state.look.hides_room:
        changes = room_changes(Room(), context)
    else:
        changes = _hiding_changes(context)
    return with_look(state, context, **with_seen_room(changes, state.look.paint))


def _hiding_changes(context: ActionContext) -> dict[str, Any]:
    """Hide the room as the settings do; with a blur if they do not, or if their picture is gone."""
    with contextlib.suppress(UsageError):
        if context.own_look.room.hides:
            return room_changes(context.own_look.room, context)
    return room_changes(Room(RoomKind.BLUR), context)


def _move(name: str, by: float) -> Apply:
    def apply(state: LiveState, _: Arguments, __: ActionContext) -> LiveState:
        return state.with_look(**{name: round(min(1.0, max(0.0, getattr(state.look, name) + by)), 3)})

    return apply


def _resize_brush(factor: float) -> Apply:
    def apply(state: LiveState, _: Arguments, __: ActionContext) -> LiveState:
        return state.with_look(brush=round(min(LARGEST, max(SMALLEST, state.look.brush * factor)), 2))

    return apply


def _toggle(name: str) -> Apply:
    def apply(state: LiveState, arguments: Arguments, _: ActionContext) -> LiveState:
        return replace(state, **{name: bool(arguments.get("on", not getattr(state, name)))})  # type: ignore[arg-type]

    return apply


def _toggle_look(name: str) -> Apply:
    def apply(state: LiveState, arguments: Arguments, _: ActionContext) -> LiveState:
        return state.with_look(**{name: bool(arguments.get("on", not getattr(state.look, name)))})

    return apply


def _cycle(state: LiveState, arguments: Arguments, _: ActionContext) -> LiveState:
    seconds = float(arguments.get("seconds", CYCLE_S if state.cycle_s is None else 0.0))
    return replace(state, cycle_s=max(SHORTEST_CYCLE_S, seconds) if seconds > 0 else None)


def _favorite(state: LiveState, arguments: Arguments, context: ActionContext) -> LiveState:
    style = str(arguments["style"])
    names = [card.name for card in context.catalog.cards]
    if arguments.get("on") is not False and style not in names:  # one that is gone may still be unmarked
        nearest = difflib.get_close_matches(style, names, 3)
        hint = f"did you mean {' or '.join(nearest)}?" if nearest else "stylecam styles lists them"
        raise StyleNotFoundError(f"there is no style {style[:60]!r}; {hint}")
    return state


def _same(state: LiveState, _: Arguments, __: ActionContext) -> LiveState:
    return state


def _size(state: LiveState, arguments: Arguments, _: ActionContext) -> LiveState:
    from stylecam.media.frame import Size

    Size.parse(str(arguments["value"]))
    return state


def _named_file(state: LiveState, arguments: Arguments, _: ActionContext) -> LiveState:
    if "name" in arguments:
        check_file_name(str(arguments["name"]))
    return state


def _setting(name: str, hotkey: str = "", key: str = "") -> Action:
    """The action that sets the option `name` of the look."""
    each = LOOK_OPTIONS[name]
    if each.kind == "flag":
        return Action(name, each.brief, _toggle_look(each.attribute), (flag(each.brief),), hotkey, key)
    if each.kind == "choice":
        return Action(name, each.brief, _choose(each), (Parameter.of(each, required=False),), hotkey, key)
    return Action(name, each.brief, _set(each), (Parameter.of(each),), hotkey, key)


_STYLE = Parameter("style", TEXT, "its number, its name, a blend a:0.6,b:0.4, or none")
_WEIGHTS = Parameter("weights", WEIGHTS, "styles of one network and their shares")
_PERIOD = Parameter(
    "seconds",
    NUMBER,
    f"how long each style stays, at least {SHORTEST_CYCLE_S:g}; 0 for off; without: on and off",
    required=False,
    low=0.0,
    high=LONGEST_CYCLE_S,
)
_CAMERA = Parameter(
    "which", TEXT, "its number, device, name or part of its name, or demo; without: the next one", required=False
)
_PRESET = Parameter("name", TEXT, "the preset's name")
_SIZE = Parameter("value", TEXT, "width and height such as 1280x720, or a name such as 720p")
_FPS = Parameter("value", NUMBER, "pictures a second", low=1.0, high=120.0)
_OUTPUT = Parameter("which", TEXT, "virtual, pipewire, or an output that the settings name")
_FILE_NAME = Parameter("name", TEXT, "how the file's name begins: letters, digits, spaces, - and _", required=False)

ACTIONS: dict[str, Action] = {
    action.name: action
    for action in (
        Action("next", "next style", _step(+1), hotkey="ctrl+alt+n", key="n"),
        Action("previous", "previous style", _step(-1), hotkey="ctrl+alt+p", key="p"),
        Action("random", "any other style", _random, hotkey="ctrl+alt+r", key="r"),
        Action("select", "style by its number or name", _select, (_STYLE,)),
        Action("blend", "several styles at once", _blend, (_WEIGHTS,)),
        Action(
            "preset", "a look from the configuration file", preset_actions.preset,
            (Parameter("name", TEXT, "its name"),),
        ),
        Action("save_preset", "keep this look as a preset", preset_actions.save_preset, (_PRESET,), deferred=True),
        Action(
            "rename_preset", "another name for a preset", preset_actions.rename_preset,
            (_PRESET, Parameter("new_name", TEXT, "its new name")), deferred=True,
        ),
        Action("delete_preset", "forget a preset", preset_actions.delete_preset, (_PRESET,), deferred=True),
        Action(
            "favorite", "list a style first, or no longer", _favorite,
            (Parameter("style", TEXT, "its name"), flag("a favorite")), deferred=True,
        ),
        Action(
            "scene", "the look of a scene of OBS", preset_actions.scene,
            (Parameter("name", TEXT, "its name under [scenes]"),),
        ),
        Action("cycle", "styles change by themselves", _cycle, (_PERIOD,), key="a"),
        Action("bypass", "plain camera on and off", _toggle("bypass"), (flag("plain camera"),), "ctrl+alt+b", "b"),
        _setting("strength"),
        Action("stronger", "more of the painting", _move("strength", +STRENGTH_STEP), (), "ctrl+alt+page_up", "+"),
        Action("weaker", "more of the camera", _move("strength", -STRENGTH_STEP), (), "ctrl+alt+page_down", "-"),
        _setting("steadiness"),
        Action("steadier", "calmer picture", _move("steadiness", +STEADINESS_STEP), key="]"),
        Action("livelier", "picture follows faster", _move("steadiness", -STEADINESS_STEP), key="["),
        _setting("brush"),
        Action("broader", "larger strokes", _resize_brush(BRUSH_STEP), key=">"),
        Action("finer", "smaller strokes", _resize_brush(1 / BRUSH_STEP), key="<"),
        _setting("paint", key="y"),
        Action(
            "room", LOOK_OPTIONS["room"].brief, _room, (Parameter.of(LOOK_OPTIONS["room"], required=False),),
            "ctrl+alt+h", "w",
        ),
        _setting("face"),
        _setting("framing", key="z"),
        _setting("preserve_color", "ctrl+alt+c", "c"),
        _setting("mirror", key="m"),
        _setting("scale"),
        Action("camera", "another camera", _same, (_CAMERA,), key="k", deferred=True),
        Action("size", "size of the published picture", _size, (_SIZE,), deferred=True),
        Action("fps", "rate of the published picture", _same, (_FPS,), deferred=True),
        Action("output", "an output on and off", _same, (_OUTPUT, flag("in use")), deferred=True),
        Action("freeze", "hold the picture", _toggle("frozen"), (flag("held"),), "ctrl+alt+f", "f"),
        Action("rest", "camera off and on", _toggle("resting"), (flag("camera off"),), "ctrl+alt+o", "o"),
        Action("panic", "a still picture at once", _toggle("panic"), (flag("still picture"),), "ctrl+alt+x", "x"),
        Action("snapshot", "keep this picture as a file", _named_file, (_FILE_NAME,), "ctrl+alt+s", "s", deferred=True),
        Action(
            "record", "recording on and off", _named_file, (flag("recording"), _FILE_NAME), key="v", deferred=True,
        ),
        Action("reload", "read the configuration file again", _same, deferred=True),
        Action("styles_changed", "read your own styles again", _same, deferred=True),
        Action("quit", "stop stylecam", _same, (), "ctrl+alt+q", "q"),
    )
}  # fmt: skip
for _name in sorted(LOOK_OPTIONS.keys() - ACTIONS.keys()):  # a new option needs no line above
    ACTIONS[_name] = _setting(_name)


def find_action(name: str) -> Action:
    """Return the action called `name`.

    Raises:
        UsageError: there is none; the message has the nearest names.
    """
    if name not in ACTIONS:
        nearest = difflib.get_close_matches(name.strip().lower()[:60], ACTIONS, 3)
        hint = f"did you mean {' or '.join(nearest)}?" if nearest else f"there are {', '.join(ACTIONS)}"
        raise UsageError(f"there is no action {name[:60]!r}; {hint}")
    return ACTIONS[name]
