"""Reading the configuration again while stylecam runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest

from stylecam.control.command import Command
from stylecam.control.command_queue import CommandQueue
from stylecam.control.keyboard.bindings import Bindings
from stylecam.control.state import LiveState
from stylecam.errors import ConfigError, StylecamError
from stylecam.live.outputs import Outputs
from stylecam.live.reload import Reloader, changes
from stylecam.live.settings import Settings
from stylecam.media.frame import Image, Size
from stylecam.media.sinks.factory import make_sinks
from stylecam.models.catalog import Catalog
from stylecam.utils.options import options_of
from tests.models.networks import network

START = Settings(size=Size(128, 96), fps=25.0, style="udnie")


@pytest.mark.parametrize(
    ("new", "commands"),
    [
        ({"style": "great_wave"}, ["select:great_wave"]),
        ({"strength": 0.5, "steadiness": 0.2}, ["strength:0.5", "steadiness:0.2"]),
        ({"mirror": True}, ["mirror:on"]),
        ({"scale": 0.5}, ["scale:0.5"]),
        ({"size": Size(640, 360), "fps": 20.0}, ["size:640x360", "fps:20"]),
        ({"style": None}, []),
        ({"presets": {"calm": {"style": "udnie"}}}, []),
        ({}, []),
    ],
)
def test_an_option_with_a_command_is_changed_by_that_command(new: dict[str, Any], commands: list[str]) -> None:
    found = changes(START, replace(START, **new))
    assert [str(command) for command in found.commands] == commands
    assert set(found.at_once) == new.keys()
    assert found.later == ()


def test_a_removed_scale_is_set_to_auto() -> None:
    assert [str(command) for command in changes(replace(START, scale=0.5), START).commands] == ["scale:auto"]


def test_an_option_that_needs_a_restart_is_named_and_unchanged() -> None:
    found = changes(START, replace(START, cpu=50.0, server=False, strength=0.5))
    assert found.later == ("cpu", "server")
    assert found.settings == replace(START, strength=0.5)
    assert str(found) == (
        "the configuration is read again; new from now on: strength; new at the next start: cpu, server"
    )


def test_without_any_change_it_says_so() -> None:
    assert str(changes(START, START)).endswith("nothing in it has changed")


def test_every_option_that_a_command_changes_has_one_that_takes_its_value() -> None:
    by_command = [option for option in options_of(Settings) if option.command is not None]
    assert {option.name for option in by_command} == {
        "camera", "style", "size", "fps", "strength", "steadiness", "brush", "mirror", "scale", "paint", "room",
        "face", "framing",
    }  # fmt: skip
    for option in by_command:
        value: Any = not option.default if option.kind == "flag" else option.sample
        (command,) = changes(START, replace(START, **{option.attribute: value})).commands
        assert command.action == option.command


@dataclass
class Run:
    """The parts of a run that a reload reaches, and what has reached them."""

    control: CommandQueue
    log: pytest.LogCaptureFixture
    reloader: Reloader = field(init=False)
    bindings: list[Bindings] = field(default_factory=list)
    covers: list[Image] = field(default_factory=list)
    scenes: list[Mapping[str, str]] = field(default_factory=list)
    """Those in force whenever the follower of OBS was told."""
    commands: list[str] = field(default_factory=list)
    cameras: list[str | None] = field(default_factory=list)
    outputs: list[tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=list)
    """What the outputs were told: the settings before and after."""
    allowed: list[tuple[str, ...]] = field(default_factory=list)
    file: Settings | StylecamError = START

    @property
    def reported(self) -> list[str]:
        return self.log.messages

    def allow(self, texts: tuple[str, ...]) -> None:
        make_sinks(texts)
        self.allowed.append(texts)

    def follow_settings(self, before: tuple[str, ...], after: tuple[str, ...]) -> None:
        self.outputs.append((before, after))

    def read(self) -> Settings:
        if isinstance(self.file, StylecamError):
            raise self.file
        return self.file


@pytest.fixture
def run(catalog: Catalog, caplog: pytest.LogCaptureFixture) -> Run:
    caplog.set_level("INFO", "stylecam.live.reload")
    parts = Run(CommandQueue(catalog, LiveState()), caplog)
    take: Callable[[Command], None] = lambda command: parts.commands.append(str(command))  # noqa: E731
    parts.reloader = Reloader(
        START, parts.read, catalog, parts.control,
        set_hotkeys=parts.bindings.append, set_panic_picture=parts.covers.append,
        allow_camera=parts.cameras.append, outputs=cast(Outputs, parts), size=lambda: Size(128, 96),
        scenes_changed=lambda: parts.scenes.append(parts.control.scenes), press=take,
    )  # fmt: skip
    return parts


def test_presets_scenes_hotkeys_and_style_are_applied(run: Run) -> None:
    presets = {"calm": {"style": "great_wave"}}
    run.file = replace(
        START, style="great_wave", presets=presets, scenes={"Game": "calm"}, bindings={"next": "ctrl+alt+right"}
    )
    run.reloader.reload()
    assert run.control.presets == presets
    assert run.scenes == [{"Game": "calm"}]
    assert "ctrl+alt+right" in [str(combo) for combo in run.bindings[-1]]
    assert run.commands == ["select:great_wave"]
    assert run.reported == ["the configuration is read again; new from now on: style, hotkey, presets, scenes"]


def test_what_a_scene_starts_from_is_what_the_file_says_now(run: Run, catalog: Catalog) -> None:
    run.control.own_look = replace(run.control.own_look, mix=catalog.parse("udnie"), steadiness=0.3)
    run.file = replace(START, strength=0.6)
    run.reloader.reload()
    own = run.control.own_look
    assert (own.label, own.strength, own.steadiness) == ("udnie", 0.6, 0.3)
    run.file = replace(START, style="great_wave", steadiness=1.0)
    run.reloader.reload()
    own = run.control.own_look
    assert (own.label, own.strength, own.steadiness) == ("great_wave", 1.0, 1.0)


def test_a_panic_picture_is_applied_and_removing_it_restores_the_card(run: Run, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "back.png"), np.full((96, 128, 3), 77, np.uint8))
    run.file = replace(START, panic_picture=tmp_path / "back.png")
    run.reloader.reload()
    assert (run.covers[-1] == 77).all()
    run.file = START
    run.reloader.reload()
    assert run.covers[-1].shape == (96, 128, 3)
    assert not (run.covers[-1] == 77).all()


@pytest.mark.parametrize(
    "wrong",
    [
        ConfigError("config.toml, line 3: [run] fps: must be a number"),
        replace(START, strength=2.0, presets={"calm": {"style": "udnie"}}),
        replace(START, outputs=("carrier pigeon",), presets={"calm": {"style": "udnie"}}),
        replace(START, style="no_such_style", presets={"calm": {"style": "udnie"}}),
        replace(START, bindings={"next": "n"}, presets={"calm": {"style": "udnie"}}),
        replace(START, panic_picture=Path("missing.png"), presets={"calm": {"style": "udnie"}}),
    ],
    ids=["file", "range", "output", "style", "hotkey", "picture"],
)
def test_any_mistake_leaves_everything_unchanged(run: Run, wrong: Settings | StylecamError) -> None:
    run.file = wrong
    with pytest.raises(StylecamError):
        run.reloader.reload()
    assert run.control.presets == {}
    assert [run.bindings, run.covers, run.scenes, run.commands, run.reported, run.outputs] == [[], [], [], [], [], []]


def test_outputs_follow_the_file(run: Run) -> None:
    run.file = replace(START, outputs=("virtual", "srt:9000"))
    run.reloader.reload()
    assert run.allowed == [("virtual", "srt:9000")]
    assert run.outputs == [((), ("virtual", "srt:9000"))]
    assert run.reported == ["the configuration is read again; new from now on: output"]


def test_a_style_that_the_command_would_refuse_changes_nothing_and_is_not_reported_as_new(
    run: Run, catalog: Catalog, tmp_path: Path
) -> None:
    """A file of the user's own is a style to the catalog, but no command may name one."""
    network(tmp_path / "mine.onnx")
    before = catalog.cards
    run.file = replace(START, style=str(tmp_path / "mine.onnx"), presets={"calm": {"style": "udnie"}})
    with pytest.raises(StylecamError, match="is a file; start with"):
        run.reloader.reload()
    assert run.control.presets == {}
    assert catalog.cards == before
    assert [run.bindings, run.covers, run.scenes, run.commands, run.reported] == [[], [], [], [], []]


def test_a_corrected_file_is_applied_the_next_time(run: Run) -> None:
    run.file = ConfigError("broken")
    with pytest.raises(ConfigError):
        run.reloader.reload()
    run.file = replace(START, strength=0.5)
    run.reloader.reload()
    run.reloader.reload()
    assert run.commands == ["strength:0.5"]


def test_what_the_user_changed_by_hand_stays_as_long_as_the_file_says_the_same(run: Run) -> None:
    run.reloader.reload()
    assert run.commands == []
