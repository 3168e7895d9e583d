"""What belongs to the scenes of OBS."""

from __future__ import annotations

import pytest

from stylecam.control.commands import CommandQueue
from stylecam.control.obs import Scenes
from stylecam.control.state import LiveState
from stylecam.errors import UsageError
from stylecam.models.catalog import Catalog


def test_a_scene_stands_for_a_preset_or_a_style(catalog: Catalog) -> None:
    control = CommandQueue(catalog, LiveState(), {"calm": {"style": "udnie"}, "udnie": {"style": "great_wave"}})
    scenes = Scenes(None, {"A": "calm", "B": "great_wave", "C": "udnie"}, control, lambda _: None)
    commands = [str(scenes.command_for_scene(name)) for name in "ABC"]
    assert commands == ["preset:calm", "select:great_wave", "preset:udnie"]
    assert scenes.command_for_scene("D") is None
    scenes.replace({"D": "none"})
    assert scenes.command_for_scene("A") is None
    assert str(scenes.command_for_scene("D")) == "select:none"


def test_without_an_address_nothing_is_followed(catalog: Catalog) -> None:
    scenes = Scenes(None, {}, CommandQueue(catalog, LiveState()), lambda _: None)
    scenes.start()
    scenes.replace({})
    scenes.stop()


def test_an_address_that_is_none_is_refused(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="--obs is not an address"):
        Scenes("http://studio", {}, CommandQueue(catalog, LiveState()), lambda _: None)
