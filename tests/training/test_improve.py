"""Tests of training the rows of an own style on frozen bodies: what is written when, and what is never lost."""

from __future__ import annotations

import errno
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from stylecam.errors import ModelFormatError, SourceUnreadableError, TrainingDataError, TrainingFailedError, UsageError
from stylecam.models.brush import StrokeScales
from stylecam.models.model import STROKES_KEY, Model
from stylecam.models.own_style import LearnedRows, OwnStyle
from stylecam.models.rewrite.style_rows import StyleRows
from stylecam.training import improve
from stylecam.training.bank import Bank, read_bank, write_bank
from stylecam.training.events import Event, FileSaved, RowsChecked, StepEvent
from stylecam.training.improve import WRITE_EVERY_S, Improver, improving_alone
from stylecam.training.network import make_network
from stylecam.training.row_learner import Body, RowLearner
from stylecam.utils.clock import ManualClock
from stylecam.utils.file_lock import is_locked
from tests.training import fixtures

pytestmark = pytest.mark.usefixtures("one_torch_thread")

STEP_S = 4.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs, VGG and a bank of each tier."""
    folder = tmp_path_factory.mktemp("improve")
    fixtures.photo_folder(folder / "photos")
    fixtures.small_vgg(folder / "vgg.npz")
    torch.manual_seed(0)
    for tier, scales in (("rich", StrokeScales(64, 160)), ("lean", None)):
        metadata = {STROKES_KEY: "{:g} {:g}".format(*scales)} if scales else {}
        write_bank(folder / f"{tier}.onnx", Bank(make_network(tier, 2, 16, 1), metadata))
    return folder


@pytest.fixture(autouse=True)
def small_crops_and_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(improve, "_CROP", 64)
    monkeypatch.setattr(improve, "_RATE", 0.005)  # with random weights, larger steps lead nowhere


@pytest.fixture
def style(folder: Path, tmp_path: Path) -> Path:
    """The file of an own style with a first draft for each bank."""
    picture = cv2.imread(str(fixtures.random_picture(folder / "painting.png", 7)))
    assert picture is not None
    jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
    blots = OwnStyle("blots", "Blots", "nobody", "CC0-1.0", jpeg)
    for tier in ("rich", "lean"):
        body = Body.read(folder / f"{tier}.onnx")
        assert body is not None
        blots = blots.with_rows(body.rows.body, LearnedRows(body.mean))
    blots.write(tmp_path / "blots.style")
    return tmp_path / "blots.style"


class Run:
    """A run in which each step takes `STEP_S`; it keeps the events."""

    def __init__(self, folder: Path, style: Path, minutes: float, tiers: tuple[str, ...] = ("lean",)) -> None:
        self.events: list[Event] = []
        self.clock, self.stop = ManualClock(), threading.Event()
        self.improver = Improver(
            style, minutes, photos=folder / "photos", vgg=folder / "vgg.npz", device="cpu", bfloat16=False,
            sheet=style.with_suffix(".png"), listener=self.listen, stop=self.stop, clock=self.clock,
            bodies=[folder / f"{tier}.onnx" for tier in tiers],
        )  # fmt: skip

    def listen(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, StepEvent):
            self.clock.advance(STEP_S)

    @property
    def written(self) -> int:
        return sum(isinstance(event, FileSaved) and event.kind == "style" for event in self.events)


def body_of(folder: Path, tier: str) -> str:
    rows = StyleRows.read(Model.read(folder / f"{tier}.onnx"))
    assert rows is not None
    return rows.body


def test_the_rows_of_both_tiers_are_trained_and_written_and_the_time_is_shared(
    folder: Path, style: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(folder, style, 1.0, ("rich", "lean"))
    taken: list[str] = []
    step = RowLearner.take_step

    def counted(learner: RowLearner, done: float) -> dict[str, float]:
        taken.append(learner.body.bank.network.tier)
        return step(learner, done)

    monkeypatch.setattr(RowLearner, "take_step", counted)
    run.improver.run()
    improved = OwnStyle.read(style)
    assert [improved.rows[body_of(folder, tier)].values.shape[0] for tier in ("rich", "lean")] == [2, 1]
    assert all(0 < rows.minutes <= 1.1 for rows in improved.rows.values())
    assert improved.picture == OwnStyle.read(style).picture
    assert taken.count("rich") == pytest.approx(2 * taken.count("lean"), abs=2)
    assert run.improver.gain > 0
    assert run.written >= 1
    sheet = cv2.imread(str(style.with_suffix(".png")))
    assert sheet is not None
    assert sheet.shape[0] == 3 * 256


def test_the_body_stays_as_it_is(folder: Path) -> None:
    body = Body.read(folder / "rich.onnx")
    assert body is not None
    net = body.network(body.mean)
    trained = {name for name, parameter in net.named_parameters() if parameter.requires_grad}
    assert trained == set(body.rows.names)
    before = read_bank(folder / "rich.onnx").network.state_dict()
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items() if name not in trained)
    assert np.array_equal(body.values(net), body.mean)


def test_it_is_written_at_intervals_so_that_a_live_picture_changes_early(folder: Path, style: Path) -> None:
    run = Run(folder, style, 1.0)
    run.improver.run()
    checked = sum(isinstance(event, RowsChecked) for event in run.events)
    assert checked == pytest.approx(60 / (WRITE_EVERY_S + STEP_S) + 1, abs=1)
    done = [event.done for event in run.events if isinstance(event, StepEvent)]
    assert done == sorted(done)
    assert done[-1] > 0.8


def test_what_is_not_better_is_not_written(folder: Path, style: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = style.read_bytes()
    run = Run(folder, style, 0.5)
    monkeypatch.setattr(RowLearner, "check", lambda _: False)
    run.improver.run()
    assert style.read_bytes() == before
    assert run.written == 0
    assert run.improver.gain == 0


def test_a_run_that_was_stopped_keeps_what_it_learned_and_the_next_goes_on_from_there(
    folder: Path, style: Path
) -> None:
    run = Run(folder, style, 10.0)
    step = run.listen

    def stop_after_ten(event: Event) -> None:
        step(event)
        if run.improver.steps == 10:
            run.stop.set()

    run.improver._listener = stop_after_ten
    run.improver.run()
    assert run.improver.steps == 10
    body = body_of(folder, "lean")
    first = OwnStyle.read(style).rows[body]
    assert first.minutes == pytest.approx(10 * STEP_S / 60, abs=0.1)
    second = Run(folder, style, 1.0)
    (learner,) = second.improver._learners
    assert np.array_equal(learner.best, first.values)
    assert learner.style_before == pytest.approx(run.improver._learners[0].style, rel=0.01)  # it is stored as float16
    second.improver.run()
    if second.written:
        assert OwnStyle.read(style).rows[body].minutes > first.minutes


def test_a_title_that_is_changed_meanwhile_is_kept(folder: Path, style: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(folder, style, 0.5)
    replace(OwnStyle.read(style), title="New title").write(style)
    alone: list[bool] = []
    write = OwnStyle.write

    def noted(self: OwnStyle, path: Path) -> None:
        alone.append(is_locked(style.parent))
        write(self, path)

    monkeypatch.setattr(OwnStyle, "write", noted)
    run.improver.run()
    assert run.written
    assert all(alone)
    assert OwnStyle.read(style).title == "New title"


@pytest.mark.parametrize("change", ["removed", "replaced"])
def test_a_style_that_is_gone_ends_the_run_and_does_not_come_back(folder: Path, style: Path, change: str) -> None:
    run = Run(folder, style, 0.5)
    if change == "removed":
        style.unlink()
    else:
        replace(OwnStyle.read(style), picture=b"\xff\xd8\xffother").write(style)
    before = style.read_bytes() if style.exists() else None
    with pytest.raises(TrainingFailedError, match="no longer there" if change == "removed" else "another picture"):
        run.improver.run()
    assert (style.read_bytes() if style.exists() else None) == before


def test_a_style_that_is_removed_while_it_is_improved_ends_the_run_without_a_complaint(
    folder: Path, style: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(folder, style, 1.0)
    monkeypatch.setattr(RowLearner, "check", lambda _: True)

    def remove(_: Event) -> None:
        run.stop.set()
        style.unlink(missing_ok=True)

    run.improver._listener = remove
    run.improver.run()
    assert (run.improver.steps, style.exists()) == (1, False)


def test_a_full_disk_ends_the_run_and_the_style_is_as_it_was(
    folder: Path, style: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = style.read_bytes()
    run = Run(folder, style, 0.5)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(OwnStyle, "write", full)
    with pytest.raises(TrainingFailedError, match="No space left on device; the style is as it was"):
        run.improver.run()
    assert style.read_bytes() == before


def test_running_out_of_memory_says_what_is_kept(folder: Path, style: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(folder, style, 0.5)

    def fail(*_: Any) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")

    monkeypatch.setattr(RowLearner, "take_step", fail)
    with pytest.raises(TrainingFailedError, match="out of memory; close other programs; the style is as it was"):
        run.improver.run()


def test_what_cannot_be_improved_is_refused(folder: Path, style: Path) -> None:
    with pytest.raises(UsageError, match="--minutes"):
        Run(folder, style, 0.0)
    with pytest.raises(ModelFormatError, match="no such file"):
        Run(folder, style.with_stem("missing"), 1.0)
    good = OwnStyle.read(style)
    replace(good, picture=b"").write(style)
    with pytest.raises(TrainingDataError, match="no picture to learn from"):
        Run(folder, style, 1.0)
    replace(good, picture=good.picture[:200]).write(style)
    with pytest.raises(SourceUnreadableError, match="the picture of blots is a damaged picture"):
        Run(folder, style, 1.0)
    rows = LearnedRows(np.zeros((1, 5), np.float32))
    replace(good, rows={body_of(folder, "lean"): rows}).write(style)
    with pytest.raises(TrainingDataError, match="1×5 values"):
        Run(folder, style, 1.0)


def test_two_styles_are_not_improved_at_once(tmp_path: Path) -> None:
    file = tmp_path / "state" / "improving"
    with improving_alone(file), pytest.raises(UsageError, match="another style"), improving_alone(file):
        pass
    with improving_alone(file):
        pass
