"""Tests of every action: its arguments, and the state after it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stylecam.control.action_context import ActionContext
from stylecam.control.actions import ACTIONS, CYCLE_S
from stylecam.control.command import Command
from stylecam.control.state import LiveState
from stylecam.errors import StylecamError, UsageError
from stylecam.models.catalog import Catalog
from stylecam.models.model import Model
from stylecam.stylize.look import Content, Look, Preset
from stylecam.stylize.room import Framing, Paint, Room, RoomKind
from stylecam.utils.options import Option, options_of
from tests.models.networks import network


class ActionRunner:
    """Applies commands to a state at once."""

    def __init__(self, context: ActionContext, state: LiveState) -> None:
        self.context, self.state = context, state

    def after(self, *commands: str | Command) -> LiveState:
        for item in commands:
            command = Command.parse(item) if isinstance(item, str) else item
            self.state = ACTIONS[command.action].apply(self.state, command.arguments, self.context)
        return self.state


PRESETS: dict[str, Preset] = {
    "calm": {"style": "the_scream", "strength": 0.4, "steadiness": 1.0, "preserve_color": True},
    "half": {"strength": 0.5},
}


@pytest.fixture
def actions(catalog: Catalog) -> ActionRunner:
    return ActionRunner(ActionContext(catalog, PRESETS), LiveState(Look(catalog.mix_of(catalog.cards[0]))))


def test_next_goes_through_all_styles_and_around(actions: ActionRunner, catalog: Catalog) -> None:
    names = [actions.after("next").look.label for _ in catalog.cards]
    assert names == [card.name for card in (*catalog.cards[1:], catalog.cards[0])]


def test_previous_goes_the_other_way(actions: ActionRunner, catalog: Catalog) -> None:
    assert actions.after("previous").look.label == catalog.cards[-1].name
    assert actions.after("next").look.label == catalog.cards[0].name


def test_from_a_blend_next_goes_to_the_first_style(actions: ActionRunner, catalog: Catalog) -> None:
    assert actions.after("blend:great_wave:1,the_scream:1", "next").look.label == catalog.cards[0].name


@pytest.mark.parametrize(("command", "at"), [("next", 0), ("previous", -1)])
def test_from_the_plain_camera_next_and_previous_go_to_the_ends_of_the_list(
    actions: ActionRunner, catalog: Catalog, command: str, at: int
) -> None:
    assert actions.after("select:none", command).look.label == catalog.cards[at].name


@pytest.mark.parametrize("command", ["next", "random"])
def test_without_any_style_next_and_random_change_nothing(command: str) -> None:
    assert ActionRunner(ActionContext(Catalog([])), LiveState()).after(command).look.mix is None


def test_random_never_selects_the_current_style(actions: ActionRunner, catalog: Catalog) -> None:
    names = {card.name for card in catalog.cards}
    for _ in range(50):
        before = actions.state.look.label
        assert actions.after("random").look.label in names - {before}


def test_a_style_is_selected_by_its_number(actions: ActionRunner, catalog: Catalog) -> None:
    assert actions.after("select:3").look.label == catalog.cards[2].name


@pytest.mark.parametrize("text", ["the_scream", "great_wave:0.6,the_scream:0.4", "none"])
def test_a_style_is_selected_by_name_or_blend(actions: ActionRunner, text: str) -> None:
    assert actions.after(f"select:{text}").look.label == text


@pytest.mark.parametrize("text", ["99", "0", "no_such_style", "²", "../x.onnx", "/etc/x.ONNX"])
def test_an_unknown_style_is_refused(actions: ActionRunner, text: str) -> None:
    with pytest.raises(StylecamError, match=r"there is no style|no style is called|is a file"):
        actions.after(f"select:{text}")


def test_a_blend_is_given_as_text_or_as_an_object(actions: ActionRunner) -> None:
    in_words = actions.after("blend:great_wave:0.6,the_scream:0.4")
    as_object = actions.after(Command.from_json("blend", {"weights": {"great_wave": 3, "the_scream": 2.0}}))
    assert in_words == as_object
    assert in_words.look.weights == {"great_wave": 0.6, "the_scream": 0.4}


@pytest.mark.parametrize("command", ["blend:{}", "blend:the_scream:1,{}", "select:{}", "select:{}:0.5,udnie:0.5"])
def test_no_command_looks_at_a_file(actions: ActionRunner, command: str, tmp_path: Path) -> None:
    from tests.models.networks import network

    network(tmp_path / "kept.onnx")
    messages = []
    for name in ("kept", "gone"):
        with pytest.raises(StylecamError, match=r"is a file; start with|no style is called") as caught:
            actions.after(command.format(tmp_path / f"{name}.onnx"))
        messages.append(str(caught.value).replace(name, ""))
    assert messages[0] == messages[1]


def test_a_preset_changes_only_what_it_names(actions: ActionRunner) -> None:
    calm = actions.after("bypass", "preset:calm")
    assert (calm.look.label, calm.look.strength, calm.look.steadiness, calm.look.preserve_color, calm.bypass) == (
        "the_scream", 0.4, 1.0, True, False,
    )  # fmt: skip
    assert actions.after("preset:half") == calm.with_look(strength=0.5)


def test_an_unknown_preset_is_refused_with_the_existing_ones(actions: ActionRunner) -> None:
    with pytest.raises(UsageError, match="no preset 'loud'; there are calm, half"):
        actions.after("preset:loud")


TOGGLES = {"bypass": "bypass", "freeze": "frozen", "rest": "resting", "mirror": "mirror", "panic": "panic",
           "preserve_color": "preserve_color"}  # fmt: skip


@pytest.mark.parametrize(("action", "name"), TOGGLES.items())
def test_a_toggle_switches_or_is_set(actions: ActionRunner, action: str, name: str) -> None:
    commands = [action, action, f"{action}:on", f"{action}:on", f"{action}:off"]
    assert [actions.after(command).describe()[name] for command in commands] == [True, False, True, True, False]


@pytest.mark.parametrize("command", ["next", "previous", "select:2", "random", "blend:great_wave:1", "preset:half"])
def test_choosing_a_style_ends_the_bypass(actions: ActionRunner, command: str) -> None:
    assert not actions.after("bypass", command).bypass


@pytest.mark.parametrize(("down", "up", "name"), [("weaker", "stronger", "strength")])
def test_strength_goes_down_and_up_in_tenths_and_stops_at_its_ends(
    actions: ActionRunner, down: str, up: str, name: str
) -> None:
    downwards = [getattr(actions.after(down).look, name) for _ in range(12)]
    upwards = [getattr(actions.after(up).look, name) for _ in range(12)]
    assert downwards == [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0, 0.0, 0.0]
    assert upwards == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.0, 1.0]


def test_strength_and_steadiness_are_set_to_a_value(actions: ActionRunner) -> None:
    state = actions.after("strength:0.35", "steadiness:0")
    assert (state.look.strength, state.look.steadiness) == (0.35, 0.0)


def test_a_share_may_be_a_percentage(actions: ActionRunner) -> None:
    look = actions.after("strength:35%", "scale:50%").look
    assert (look.strength, look.scale) == (0.35, 0.5)


def test_the_scale_is_fixed_and_set_back_to_auto(actions: ActionRunner) -> None:
    assert [actions.after(command).look.scale for command in ("scale:0.5", "scale:auto")] == [0.5, None]


def test_the_cycle_is_started_changed_and_ended(actions: ActionRunner) -> None:
    commands = ["cycle", "cycle", "cycle:12", "cycle:0.01", "cycle:0"]
    assert [actions.after(command).cycle_s for command in commands] == [CYCLE_S, None, 12.0, 1.0, None]


def test_no_two_actions_share_a_key_or_hotkey() -> None:
    for keys in ([a.key for a in ACTIONS.values() if a.key], [a.hotkey for a in ACTIONS.values() if a.hotkey]):
        assert len(keys) == len(set(keys))


def test_every_action_and_argument_has_a_help_text() -> None:
    assert all(action.help for action in ACTIONS.values())
    assert all(parameter.help for action in ACTIONS.values() for parameter in action.parameters)


def test_all_actions_can_be_described_as_json() -> None:
    parsed = json.loads(json.dumps([action.describe() for action in ACTIONS.values()], allow_nan=False))
    assert [action["name"] for action in parsed] == list(ACTIONS)


def test_importing_the_actions_loads_no_image_library() -> None:
    code = "import sys, stylecam.control.actions; print(*{'cv2', 'numpy', 'aiohttp'} & set(sys.modules))"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert finished.stdout.strip() == ""


@pytest.mark.parametrize(
    ("command", "paints"),
    [("strength:0.5", True), ("bypass", False), ("strength:0", False), ("freeze", True)],
    ids=str,
)
def test_a_network_runs_only_while_its_result_is_visible(actions: ActionRunner, command: str, paints: bool) -> None:
    assert actions.after(command).visible_look.paints is paints


def test_without_a_style_nothing_is_painted() -> None:
    assert not Look().paints
    assert (Look().label, Look().weights) == ("none", {})


def test_the_state_can_be_described_as_json(actions: ActionRunner) -> None:
    parsed = json.loads(
        json.dumps(actions.after("blend:great_wave:0.6,the_scream:0.4", "panic").describe(), allow_nan=False)
    )
    assert parsed == {
        "version": 0, "style": "great_wave:0.6,the_scream:0.4", "weights": {"great_wave": 0.6, "the_scream": 0.4},
        "tier": "lean", "has_brush": False,
        "strength": 1.0, "steadiness": 0.8, "brush": 1.0, "preserve_color": False, "bypass": False, "frozen": False,
        "resting": False, "mirror": False, "scale": None, "panic": True, "cycle_s": None,
        "paint": "everything", "room": "camera", "face": 0.0, "framing": "off",
        "room_weights": {}, "hides_room": False,
    }  # fmt: skip


def test_every_option_of_the_look_has_an_action_with_its_range() -> None:
    for option in options_of(Look):
        (parameter,) = ACTIONS[option.name].parameters
        assert (parameter.low, parameter.high) == (option.minimum, option.maximum)


@pytest.mark.parametrize("option", options_of(Look), ids=lambda option: option.name)
def test_the_default_of_every_option_of_the_look_can_be_set_by_its_action(
    actions: ActionRunner, option: Option
) -> None:
    text = "off" if option.default is False else str(option.written_default)
    assert getattr(actions.after(f"{option.name}:{text}").look, option.attribute) == option.default


SCENES = {"Chat": "calm", "Game": "great_wave", "Plain": "none", "Calm": "soft"}


def in_scenes(catalog: Catalog, own: Look) -> ActionRunner:
    presets: dict[str, Preset] = {"calm": {"style": "udnie", "strength": 0.4}, "soft": {"steadiness": 1.0}}
    return ActionRunner(ActionContext(catalog, presets, SCENES, own), LiveState(own))


def test_a_scene_starts_from_the_sessions_own_look_whatever_came_before_it(catalog: Catalog) -> None:
    own = Look(catalog.parse("the_scream"), strength=0.9, steadiness=0.3)
    runner = in_scenes(catalog, own)
    looks: dict[str, Look] = {}
    for scene in ("Game", "Chat", "Game", "Calm", "Plain"):
        look = runner.after(f"scene:{scene}").look
        assert looks.setdefault(scene, look) == look
    seen = {scene: (look.label, look.strength, look.steadiness) for scene, look in looks.items()}
    assert seen == {
        "Game": ("great_wave", 0.9, 0.3),
        "Chat": ("udnie", 0.4, 0.3),
        "Calm": ("the_scream", 0.9, 1.0),
        "Plain": ("none", 0.9, 0.3),
    }


def test_a_scene_leaves_what_no_preset_may_set_and_ends_a_bypass(catalog: Catalog) -> None:
    runner = in_scenes(catalog, Look(catalog.parse("udnie")))
    state = runner.after("mirror:on", "bypass", "strength:0.2", "scene:Game")
    assert (state.look.mirror, state.look.strength, state.bypass) == (True, 1.0, False)


def test_a_scene_that_is_not_listed_is_refused_with_those_that_are(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="there is no scene 'Credits'; there are Chat, Game, Plain, Calm"):
        in_scenes(catalog, Look()).after("scene:Credits")


def test_paint_room_face_and_framing_are_set_to_a_value(actions: ActionRunner) -> None:
    look = actions.after("paint:Person", "room:blur:40%", "face:0.3", "framing:close").look
    assert (look.paint, look.room, look.face, look.framing) == (
        Paint.PERSON, Room(RoomKind.BLUR, strength=0.4), 0.3, Framing.CLOSE
    )  # fmt: skip


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("paint:nobody", "value 'nobody' must be everything, person or room"),
        ("framing:1", "value '1' must be off, gentle or close"),
        ("room:blurr", "there is no room 'blurr'; did you mean blur"),
        ("room:style:none", "style:none would be no painting"),
        ("room:style:the_screem", "no style is called 'the_screem'; did you mean the_scream"),
        ("room:picture:/nowhere/beach.jpg", "there is no file /nowhere/beach.jpg; check the path"),
        ("face:2", "must be a number from 0 to 1"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(actions: ActionRunner, command: str, message: str) -> None:
    with pytest.raises(StylecamError, match=message):
        actions.after("room:color:green", command)


def test_the_room_gets_a_style_of_its_own(actions: ActionRunner) -> None:
    state = actions.after("room:style:udnie")
    assert (state.look.room_mix, state.describe()["room_weights"]) == (
        actions.context.catalog.parse("udnie"),
        {"udnie": 1.0},
    )
    assert actions.after("room:style:udnie", "room:camera").look.room_mix is None


def test_without_a_value_paint_and_framing_go_on_to_the_next(actions: ActionRunner) -> None:
    assert [actions.after("paint").look.paint for _ in range(3)] == [Paint.PERSON, Paint.ROOM, Paint.EVERYTHING]
    assert actions.after("framing", "framing", "framing").look.framing is Framing.OFF


def test_a_key_never_shows_a_room_that_is_hidden_by_going_on_to_paint_it(actions: ActionRunner) -> None:
    assert all(actions.after("room:blur", "paint").look.hides_room for _ in range(5))
    assert not actions.after("room:blur", "paint:room").look.hides_room


@pytest.mark.parametrize("room", ["blur:0.3", "style:udnie"])
def test_the_state_says_nothing_of_a_room_that_is_not_shown_until_it_is(actions: ActionRunner, room: str) -> None:
    painted = actions.after(f"room:{room}", "paint:room").describe()
    assert (painted["room"], painted["room_weights"], painted["hides_room"]) == ("camera", {}, False)
    state = actions.after("paint:everything")
    assert (state.describe()["room"], state.look.hides_room) == (room, room == "blur:0.3")


def test_the_room_is_hidden_and_shown_again_by_one_key(actions: ActionRunner) -> None:
    assert actions.after("room").look.room == Room(RoomKind.BLUR)
    assert actions.after("room").look.room == Room()
    own = Look(room=Room.parse("color:blue"))
    changed = ACTIONS["room"].apply(LiveState(), {}, ActionContext(actions.context.catalog, own_look=own))
    assert changed.look.room == own.room


def test_the_key_hides_the_room_also_where_the_picture_of_the_settings_is_gone(catalog: Catalog) -> None:
    own = Look(room=Room.parse("picture:/gone/beach.jpg"))
    changed = ACTIONS["room"].apply(LiveState(), {}, ActionContext(catalog, own_look=own))
    assert changed.look.room == Room(RoomKind.BLUR)


def test_to_say_what_the_room_shows_ends_that_it_alone_is_painted(actions: ActionRunner) -> None:
    assert actions.after("paint:room", "room").look.hides_room
    assert actions.after("paint:room", "room:camera").look.paint is Paint.ROOM


def test_a_preset_or_scene_that_hides_the_room_hides_it_also_where_only_the_room_was_painted(catalog: Catalog) -> None:
    own = Look(paint=Paint.ROOM)
    context = ActionContext(catalog, {"away": {"room": "blur"}}, {"Break": "away"}, own)
    for action, name in (("preset", "away"), ("scene", "Break")):
        assert ACTIONS[action].apply(LiveState(own), {"name": name}, context).look.hides_room


def test_a_bypass_and_another_style_leave_the_room_hidden(actions: ActionRunner) -> None:
    for command in ("bypass", "next", "random", "select:none", "blend:udnie:1,great_wave:1", "weaker", "strength:0"):
        state = actions.after("room:blur", command)
        assert state.visible_look.hides_room
        assert state.requested_content in (Content.PAINTED, Content.PERSON)


def test_a_preset_says_who_is_painted_and_what_the_room_shows(catalog: Catalog) -> None:
    presets: dict[str, Preset] = {"night": {"paint": "person", "room": "style:udnie", "face": 0.5}}
    state = ACTIONS["preset"].apply(LiveState(), {"name": "night"}, ActionContext(catalog, presets))
    assert (state.look.paint, state.look.room_mix, state.look.face) == (Paint.PERSON, catalog.parse("udnie"), 0.5)


@pytest.mark.parametrize(
    ("scene", "room"),
    [
        ("plain", "blur:0.6"),
        ("styled", "blur:0.6"),
        ("calm", "blur:0.6"),
        ("open", "camera"),
        ("green", "color:#00ff00"),
    ],
)  # fmt: skip
def test_a_scene_leaves_the_room_hidden_unless_its_preset_says_what_the_room_shows(
    catalog: Catalog, scene: str, room: str
) -> None:
    presets: dict[str, Preset] = {
        "calm": {"strength": 0.5}, "open": {"room": "camera"}, "green": {"room": "color:#00ff00"}
    }  # fmt: skip
    scenes = {"plain": "none", "styled": "udnie", "calm": "calm", "open": "open", "green": "green"}
    context = ActionContext(catalog, presets, scenes, Look(catalog.parse("udnie")))
    hidden = LiveState(Look(room=Room.parse("blur")))
    assert str(ACTIONS["scene"].apply(hidden, {"name": scene}, context).look.room) == room
    assert str(ACTIONS["scene"].apply(LiveState(), {"name": "styled"}, context).look.room) == "camera"


def test_styles_that_cannot_be_painted_in_one_picture_are_refused_and_passed_over(
    catalog: Catalog, tmp_path: Path
) -> None:
    catalog.add(Model.read(network(tmp_path / "foreign.onnx")))
    actions = ActionRunner(ActionContext(catalog), LiveState(Look(catalog.parse("udnie"))))
    actions.after("room:style:great_wave")
    with pytest.raises(
        UsageError, match="foreign and great_wave cannot be painted in one picture: both must be of one"
    ):
        actions.after("select:foreign")
    labels = [actions.after("next").look.label for _ in catalog.cards]
    assert set(labels) == {card.name for card in catalog.cards} - {"foreign"}
    assert all(actions.after("random").look.label != "foreign" for _ in range(50))
