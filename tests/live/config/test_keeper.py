"""Keeping presets and favorites in the configuration file."""

from __future__ import annotations

import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from stylecam.control.command_queue import CommandQueue
from stylecam.control.state import LiveState
from stylecam.errors import CommandRefusedError, ConfigError, StylecamError, StyleNotFoundError, UsageError
from stylecam.live.config.file import parse
from stylecam.live.config.keeper import MAX_PRESETS, ConfigFile, ConfigKeeper
from stylecam.live.settings import Settings
from stylecam.models.catalog import Catalog
from stylecam.stylize.look import Look
from stylecam.stylize.room import Paint, Room
from stylecam.utils.options import options_of

FILE = """\
[run]
fps = 25  # the old machine

# for long evenings
[presets.calm]
style = "udnie"   # not too loud
steadiness = 1.0

[presets."Just me"]
strength = 0.3

[scenes]
"Game" = "calm"
"""
LOOK = {
    "style": "great_wave", "strength": 0.5, "steadiness": 0.8, "brush": 1.0, "paint": "person", "room": "blur:0.4",
    "face": 0.0, "framing": "off", "preserve_color": False,
}  # fmt: skip


@dataclass
class Run:
    """A run with a configuration file, and what its other parts were told."""

    path: Path
    control: CommandQueue
    kept: list[Mapping[str, Any]] = field(default_factory=list)
    changed: int = 0

    def __post_init__(self) -> None:
        file = ConfigFile(self.path, lambda: "[run]\n", self.check)
        self.keeper = ConfigKeeper(file, self.control, self.kept.append, self.count)
        if self.path.exists():
            self.control.presets = self.read().presets

    def count(self) -> None:
        self.changed += 1

    def check(self, text: str) -> None:
        parse(text, self.path, options_of(Settings)).check_styles(self.control._catalog.parse)

    def read(self) -> Any:
        return parse(self.path.read_text(), self.path, options_of(Settings))

    def press(self, command: str) -> None:
        """Carry out `command` as a run does; raises the error of a refusal."""
        future = self.control.submit(command)
        self.control.apply()
        if future.done():
            future.result()
        for pending in self.control.take_deferred():
            self.keeper.carry_out(pending.command)


@pytest.fixture
def run(catalog: Catalog, tmp_path: Path) -> Run:
    path = tmp_path / "config.toml"
    path.write_text(FILE)
    look = Look(catalog.parse("great_wave"), strength=0.5, paint=Paint.PERSON, room=Room.parse("blur:0.4"))
    return Run(path, CommandQueue(catalog, LiveState(look)))


def test_the_present_look_is_saved_and_can_be_chosen_at_once(run: Run) -> None:
    run.press("save_preset:night")
    text = run.path.read_text()
    assert text.startswith(FILE + '\n[presets.night]\nstyle = "great_wave"\nstrength = 0.5\n')
    assert text.count("\n") == FILE.count("\n") + 2 + len(LOOK)
    assert run.control.presets["night"] == run.read().presets["night"] == LOOK
    assert run.kept == [{"presets": run.control.presets}]
    assert run.changed == 1
    run.press("select:udnie")
    run.press("preset:night")
    assert run.control.state.look.label == "great_wave"


def test_a_preset_of_that_name_is_replaced_and_its_comments_stay(run: Run) -> None:
    run.press("save_preset:calm")
    assert '# for long evenings\n[presets.calm]\nstyle = "great_wave"   # not too loud\n' in run.path.read_text()
    assert run.read().presets["calm"] == LOOK
    assert list(run.control.presets) == ["calm", "Just me"]


def test_a_blend_and_the_plain_camera_are_saved_as_they_are(run: Run) -> None:
    run.press("blend:great_wave:0.6,udnie:0.4")
    run.press("save_preset:both")
    run.press("select:none")
    run.press("save_preset:bare")
    presets = run.read().presets
    assert (presets["both"]["style"], presets["bare"]["style"]) == ("great_wave:0.6,udnie:0.4", "none")


def test_while_the_plain_camera_is_shown_for_a_moment_the_painting_is_what_is_saved(run: Run) -> None:
    run.press("bypass:on")
    run.press("save_preset:night")
    assert run.read().presets["night"]["style"] == "great_wave"


def test_without_a_file_the_first_preset_makes_a_private_one(catalog: Catalog, tmp_path: Path) -> None:
    run = Run(tmp_path / "folder" / "config.toml", CommandQueue(catalog, LiveState()))
    run.press("save_preset:bare")
    assert run.read().presets["bare"]["style"] == "none"
    if sys.platform != "win32":
        assert stat.S_IMODE(run.path.stat().st_mode) == 0o600


def test_a_preset_gets_another_name_in_its_place(run: Run) -> None:
    run.press("rename_preset:Just me,Nur ich")
    assert run.path.read_text() == FILE.replace("Just me", "Nur ich")
    assert list(run.control.presets) == list(run.read().presets) == ["calm", "Nur ich"]


def test_a_preset_is_deleted_and_the_rest_stays(run: Run) -> None:
    run.press("delete_preset:Just me")
    assert run.path.read_text() == FILE.replace('[presets."Just me"]\nstrength = 0.3\n\n', "")
    assert list(run.control.presets) == list(run.read().presets) == ["calm"]
    run.path.write_text(FILE.replace('"Game" = "calm"\n', ""))
    run.press("save_preset:last")
    before = run.path.read_text()
    run.press("save_preset:night")
    run.press("delete_preset:night")
    assert run.path.read_text() == before
    run.press("delete_preset:calm")
    assert "# for long evenings" in run.path.read_text()


@pytest.mark.parametrize("command", ["rename_preset:calm,quiet", "delete_preset:calm"])
@pytest.mark.parametrize("user", ["the scene Game", "the hotkey ctrl+alt+m"])
def test_a_preset_that_is_used_stays(run: Run, command: str, user: str) -> None:
    if "hotkey" in user:
        run.path.write_text(
            FILE.replace("[scenes]", "[hotkeys]").replace('"Game" = "calm"', '"preset:calm" = "ctrl+alt+m"')
        )
    before = run.path.read_text()
    with pytest.raises(UsageError, match=f"{user.replace('+', '.')} chooses the preset calm; change that in the"):
        run.press(command)
    assert run.path.read_text() == before
    assert "calm" in run.control.presets


@pytest.mark.parametrize(
    ("command", "error", "words"),
    [
        ("rename_preset:quiet,calm", UsageError, "there is no preset 'quiet'; there are calm, Just me"),
        ("rename_preset:calm,Just me", UsageError, "there is a preset 'Just me' already"),
        ("delete_preset:quiet", UsageError, "there is no preset 'quiet'"),
        (f"save_preset:{'x' * 41}", UsageError, "1 to 40 printable characters"),
        ("favorite:great_wale", StyleNotFoundError, "did you mean great_wave"),
    ],
)
def test_what_makes_no_sense_is_refused_before_the_file_is_touched(
    run: Run, command: str, error: type[StylecamError], words: str
) -> None:
    run.path.unlink()
    with pytest.raises(error, match=words):
        run.press(command)
    assert not run.path.exists()


def test_there_is_a_most_of_presets(run: Run) -> None:
    run.control.presets = {str(number): {"strength": 0.5} for number in range(MAX_PRESETS)}
    with pytest.raises(UsageError, match=f"there are {MAX_PRESETS} presets"):
        run.press("save_preset:one more")
    assert run.path.read_text() == FILE


def test_favorites_are_kept_in_the_order_in_which_they_were_chosen(run: Run) -> None:
    for command in ("favorite:udnie", "favorite:great_wave,on", "favorite:the_scream", "favorite:great_wave,off"):
        run.press(command)
    assert list(run.control.favorites) == ["udnie", "the_scream"]
    assert run.read().run["favorite"] == ["udnie", "the_scream"]
    assert run.path.read_text() == FILE.replace("machine\n", 'machine\nfavorite = ["udnie", "the_scream"]\n')
    assert run.kept[-1] == {"favorites": ("udnie", "the_scream")}
    before = run.changed
    run.press("favorite:udnie,on")
    assert run.changed == before


def test_a_favorite_whose_style_is_gone_can_be_unmarked(run: Run) -> None:
    run.control.favorites = ("gone", "udnie")
    run.press("favorite:gone,off")
    assert list(run.control.favorites) == ["udnie"]


READ_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")


@READ_ONLY
@pytest.mark.parametrize("command", ["save_preset:night", "delete_preset:Just me", "favorite:udnie"])
def test_a_read_only_file_is_never_written(run: Run, command: str) -> None:
    run.path.chmod(0o444)
    before = dict(run.control.presets)
    with pytest.raises(UsageError, match=r"config\.toml cannot be written: it is read-only"):
        run.press(command)
    assert run.path.read_text() == FILE
    assert (run.control.presets, run.control.favorites, run.changed) == (before, (), 0)


def test_a_file_that_is_wrong_by_now_stays_as_it_is(run: Run) -> None:
    run.path.write_text("[run]\nfsp = 3\n")
    with pytest.raises(ConfigError, match="did you mean fps"):
        run.press("save_preset:night")
    assert run.path.read_text() == "[run]\nfsp = 3\n"


@pytest.mark.parametrize("command", ["save_preset:calm", "rename_preset:calm,quiet", "delete_preset:calm"])
def test_a_preset_in_a_form_that_only_an_editor_can_change_is_left(run: Run, command: str) -> None:
    run.path.write_text('[presets]\ncalm = {style = "udnie"}\n')
    with pytest.raises(UsageError, match=r"presets\.calm in a form that is not changed here; use: stylecam config"):
        run.press(command)
    assert run.path.read_text() == '[presets]\ncalm = {style = "udnie"}\n'


def test_a_run_without_a_file_says_so(run: Run) -> None:
    run.keeper = ConfigKeeper(None, run.control, run.kept.append, run.count)
    for command in ("save_preset:night", "delete_preset:calm", "favorite:udnie"):
        with pytest.raises(CommandRefusedError, match="there is no configuration file to keep it in"):
            run.press(command)
