"""Own styles come, learn and go while stylecam runs."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from stylecam.control.command_queue import CommandQueue
from stylecam.control.state import LiveState
from stylecam.errors import StyleNotFoundError, UsageError
from stylecam.live.own_styles import POLL_S, OwnStyleWatcher
from stylecam.live.session import Session
from stylecam.live.settings import Settings
from stylecam.models.catalog import Catalog
from stylecam.models.model import Model
from stylecam.models.own_style import LearnedRows, OwnStyle
from stylecam.models.rewrite.row_input import row_form
from stylecam.models.style_mix import StyleMix
from stylecam.stylize.look import Look
from stylecam.stylize.postprocess.transition import DURATION_S, Transition
from stylecam.stylize.room import Room
from tests.live.fixtures import SIZE
from tests.models.networks import bank_with_rows


class Fixture:
    """A run with the styles wave (1) and kiss (2), and a folder of own styles."""

    def __init__(self, folder: Path, own: Mapping[str, float]) -> None:
        self.folder = folder
        bank = Model.read(bank_with_rows(folder / "gallery.onnx", {"wave": 1, "kiss": 2}))
        self._body = row_form(bank).body
        for name, value in own.items():
            self.write(name, value)
        self.catalog = Catalog.load([folder])
        self.control = CommandQueue(self.catalog, LiveState(Look(self.catalog.mix_of(self.catalog.cards[0]))))
        self.changes = 0
        self.watcher = OwnStyleWatcher(folder, self.control, self._count)
        self.now = 100.0

    def write(self, name: str, value: float) -> None:
        rows = {self._body: LearnedRows(np.full((1, 1), value, np.float32))}
        OwnStyle(name, name.title(), "unknown", "CC0-1.0", b"", rows).write(self.folder / f"{name}.style")

    def paint(self, style: str) -> None:
        self.control.submit(f"select:{style}")
        self.control.apply()

    def look(self) -> Look:
        """Look at the folder as the main loop does, and return the look after that."""
        self.now += POLL_S
        self.watcher.look(self.now)
        return self.control.state.look

    def value(self, mix: StyleMix | None) -> float:
        assert mix is not None
        (value,) = mix.values.tolist()
        return float(value)

    def _count(self) -> None:
        self.changes += 1


@pytest.fixture
def run(tmp_path: Path) -> Fixture:
    return Fixture(tmp_path, {"harbor": 5.0})


def test_a_new_file_is_a_style_within_a_second(run: Fixture) -> None:
    assert run.look().label == "wave"
    assert run.changes == 0
    run.write("wheat", 7.0)
    run.watcher.look(run.now + POLL_S / 2)
    assert "wheat" not in [card.name for card in run.catalog.cards]
    version = run.control.state.version
    assert run.look().label == "wave"
    assert (run.changes, run.control.state.version) == (1, version + 1)
    run.paint("wheat:0.5,harbor:0.5")
    assert run.value(run.control.state.look.mix) == 6


def test_a_style_that_comes_while_the_run_is_being_opened_is_there(
    run: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stylecam.live.session.user_styles", lambda: run.folder)
    settings = Settings(camera="demo", style="none", outputs=("null",), size=SIZE, hotkeys=False, server=False)
    session = Session(settings, run.catalog)
    run.write("wheat", 7.0)
    with session:
        session._require_parts().own_styles.look(run.now)
    assert "wheat" in [card.name for card in run.catalog.cards]


def test_the_command_reads_the_folder_at_once(run: Fixture) -> None:
    run.write("wheat", 7.0)
    pending = run.control.submit("styles_changed")
    run.control.apply()
    for each in run.control.take_deferred():
        run.watcher.request(each)
    assert pending.result(0).state.look.label == "wave"
    assert "wheat" in [card.name for card in run.catalog.cards]


def test_what_is_painted_goes_over_to_the_rows_that_it_has_learned(run: Fixture) -> None:
    run.paint("harbor")
    transition = Transition(DURATION_S / 10)
    draft = run.control.state.look.mix
    assert draft is not None
    transition.toward(draft, 0.0)
    run.write("harbor", 9.0)
    mix = run.look().mix
    assert mix is not None
    assert (mix.label, mix.model.key) == ("harbor", draft.model.key)
    step = transition.toward(mix, DURATION_S / 10)
    assert 5 < step.values[0] < 9
    assert step.fading == 0
    assert transition.toward(mix, 1.0).values.tolist() == [9]


def test_a_removed_style_gives_way_to_the_most_similar_one(run: Fixture, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    run.paint("harbor")
    (run.folder / "harbor.style").unlink()
    look = run.look()
    assert (look.label, run.value(look.mix)) == ("kiss", 2)
    assert "the style harbor is no longer there; kiss is painted" in caplog.text
    with pytest.raises(StyleNotFoundError, match="no style is called 'harbor'"):
        run.catalog.parse("harbor")


def test_a_renamed_style_is_painted_on(run: Fixture) -> None:
    run.write("wheat", 4.9)
    run.look()
    run.paint("harbor")
    (run.folder / "harbor.style").rename(run.folder / "port.style")
    look = run.look()
    assert (look.label, run.value(look.mix)) == ("port", 5)


def test_a_renamed_style_stays_in_a_blend(run: Fixture) -> None:
    run.paint("wave:0.25,harbor:0.75")
    (run.folder / "harbor.style").rename(run.folder / "port.style")
    look = run.look()
    assert (look.label, run.value(look.mix)) == ("wave:0.25,port:0.75", 4)


def test_what_a_style_learns_is_no_command(run: Fixture) -> None:
    run.paint("harbor")
    before = run.control.state
    run.write("harbor", 9.0)
    run.look()
    assert (run.control.state.commands, run.control.state.version) == (before.commands, before.version + 1)


def test_a_removed_style_leaves_a_blend(run: Fixture) -> None:
    for blend, left in (("wave:0.25,kiss:0.25,harbor:0.5", "wave:0.5,kiss:0.5"), ("wave:0.5,harbor:0.5", "wave")):
        run.write("harbor", 5.0)
        run.look()
        run.paint(blend)
        (run.folder / "harbor.style").unlink()
        assert run.look().label == left


def test_the_look_of_the_start_and_the_room_follow_too(run: Fixture) -> None:
    mix = run.catalog.parse("harbor")
    run.control.restyle(Look(None, room_mix=mix, room=Room.parse("style:harbor")))
    run.control.own_look = Look(mix)
    (run.folder / "harbor.style").unlink()
    look = run.look()
    assert (str(look.room), run.value(look.room_mix), look.mix) == ("style:kiss", 2, None)
    assert run.control.own_look.label == "kiss"


def test_two_styles_that_no_network_has_any_more_are_painted_on(run: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> StyleMix:
        raise UsageError("they cannot be painted in one picture")

    mix = run.catalog.parse("harbor")
    run.control.restyle(before := Look(mix, room_mix=mix, room=Room.parse("style:harbor")))
    monkeypatch.setattr(run.catalog, "pair", refuse)
    (run.folder / "harbor.style").unlink()
    assert run.look() == before


def test_no_style_is_called_like_the_plain_camera(run: Fixture) -> None:
    run.write("none", 7.0)
    run.look()
    assert "none" not in [card.name for card in run.catalog.cards]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("preset:evening", r"^the preset 'evening' names a style that is not there: no style is called 'harbor'"),
        ("scene:Talk", r"^the scene 'Talk' has a look that is not there: no style is called 'harbor'"),
    ],
)
def test_what_names_a_removed_style_says_so_and_changes_nothing(run: Fixture, command: str, message: str) -> None:
    run.control.presets = {"evening": {"style": "harbor"}}
    run.control.scenes = {"Talk": "harbor"}
    (run.folder / "harbor.style").unlink()
    before = run.look()
    refused = run.control.submit(command)
    assert run.control.apply().look == before
    with pytest.raises(StyleNotFoundError, match=message):
        refused.result(0)


def test_a_damaged_file_is_named_once_and_its_style_goes(run: Fixture, caplog: pytest.LogCaptureFixture) -> None:
    run.paint("harbor")
    (run.folder / "harbor.style").write_bytes(b"PK")
    for _ in range(3):
        assert run.look().label == "kiss"
    assert len([record for record in caplog.records if "an own style is left out" in record.getMessage()]) == 1
