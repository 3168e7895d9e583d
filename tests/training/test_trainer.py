"""Tests of training, stopping and resuming, and of failures."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
import torch

from stylecam.errors import TrainingDataError, TrainingFailedError, UsageError
from stylecam.models.card import read_cards
from stylecam.models.model import Model
from stylecam.training import losses
from stylecam.training.bank import read_bank, write_bank
from stylecam.training.checkpoint import Checkpoint, check_no_unfinished_run
from stylecam.training.config import checkpoint_path
from stylecam.training.device import pick_device
from stylecam.training.events import Event, FileSaved, FileSkipped, StepEvent
from stylecam.training.style_image import StyleImage
from stylecam.training.trainer import Trainer
from stylecam.utils.clock import ManualClock
from tests.training import fixtures

pytestmark = pytest.mark.usefixtures("one_torch_thread")

ROOT = Path(__file__).parents[2]


def train(folder: Path, *names: str, start: Path | None = None, out: str = "bank.onnx", **changes: object) -> Path:
    Trainer.begin(fixtures.training_config(folder, *names, **changes), folder / out, start).run()
    return folder / out


def same_state(one: Path, other: Path) -> bool:
    a, b = (Checkpoint.load(checkpoint_path(path)) for path in (one, other))
    networks = all(torch.equal(value, b.network[name]) for name, value in a.network.items())
    moments = all(
        torch.equal(torch.as_tensor(value), torch.as_tensor(b.optimizer["state"][number][name]))
        for number, state in a.optimizer["state"].items()
        for name, value in state.items()
    )
    return networks and moments and a.progress["chances"] == b.progress["chances"]


def test_a_painting_with_a_larger_share_is_drawn_more_often(tmp_path: Path) -> None:
    config = fixtures.training_config(tmp_path, "often", "never", steps=3)
    often, never = config.paintings
    config = replace(config, paintings=(replace(often, share=999.0), replace(never, share=1e-9)))
    Trainer.begin(config, tmp_path / "bank.onnx").run()
    rows = read_bank(tmp_path / "bank.onnx").network.h4.n.g
    assert not torch.equal(rows[0], torch.ones_like(rows[0]))
    assert torch.equal(rows[1], torch.ones_like(rows[1]))


def test_a_paintings_stability_scales_its_stability_loss(tmp_path: Path) -> None:
    config = fixtures.training_config(tmp_path, "calm", steps=3)
    found = []
    for stability in (1.0, 0.1):
        seen: list[Event] = []
        changed = replace(config, paintings=(replace(config.paintings[0], stability=stability),))
        Trainer.begin(changed, tmp_path / "bank.onnx", listener=seen.append).run()
        _, second, third = (event.losses["stability"] for event in seen if isinstance(event, StepEvent))
        assert second == 0  # it is measured in every other step
        found.append(third)
    usual, less = found
    assert less == pytest.approx(usual / 10, rel=1e-5) != 0  # nothing else has changed by then


def test_a_run_writes_a_bank_a_checkpoint_a_sheet_and_a_plot(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    events: list[Event] = []
    config = fixtures.training_config(tmp_path, "first", "second", steps=12, save_every=100)
    Trainer.begin(config, tmp_path / "bank.onnx", listener=events.append).run()
    assert [event.number for event in events if isinstance(event, StepEvent)] == list(range(1, 13))
    assert {e.kind: e.path.name for e in events if isinstance(e, FileSaved)} == {
        "bank": "bank.onnx",
        "checkpoint": "bank.checkpoint",
        "sheet": "bank.sheet.png",
        "plot": "bank.losses.png",
    }
    sheet = cv2.imread(str(tmp_path / "bank.sheet.png"))
    assert sheet is not None
    assert sheet.shape == (3 * 256, 5 * 256, 3)
    assert [card.name for card in read_cards(Model.read(tmp_path / "bank.onnx"))] == ["first", "second"]
    assert json.loads(Model.read(tmp_path / "bank.onnx").metadata["recipe"])["trained_steps"] == 12


def test_a_rich_network_is_trained_resumed_and_continued_from(tmp_path: Path) -> None:
    config = fixtures.training_config(tmp_path, "one", "two", tier="rich", steps=1)
    output = tmp_path / "rich.onnx"
    Trainer.begin(config, output).run()
    bank = read_bank(output)
    assert (bank.network.tier, bank.network.styles) == ("rich", 2)
    assert Model.read(output).stroke_scales == bank.stroke_scales
    assert Trainer.resume(output).step == 1
    more = fixtures.training_config(tmp_path, "three", frozen=True, steps=1)
    Trainer.begin(more, tmp_path / "more.onnx", output).run()
    grown = read_bank(tmp_path / "more.onnx").network
    assert (grown.tier, grown.styles) == ("rich", 3)
    assert torch.equal(grown.state_dict()["h16.c.weight"], bank.network.state_dict()["h16.c.weight"])


def test_the_loss_falls(tmp_path: Path) -> None:
    totals: list[float] = []

    def record(event: Event) -> None:
        if isinstance(event, StepEvent):
            totals.append(event.losses["total"])

    config = fixtures.training_config(tmp_path, steps=40, rate=5e-3, save_every=1000, stability=0.0)
    Trainer.begin(config, tmp_path / "bank.onnx", listener=record).run()
    assert sum(totals[-8:]) < 0.9 * sum(totals[:8])


def test_the_same_seed_trains_the_same_and_another_does_not(tmp_path: Path) -> None:
    a, b, c = (train(tmp_path, out=f"{name}.onnx", seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert same_state(a, b)
    assert not same_state(a, c)


KILLED = """
import os, signal, sys
from pathlib import Path
import torch
from stylecam.training.events import FileSaved, StepEvent
from stylecam.training.trainer import Trainer
from tests.training import fixtures
torch.set_num_threads(1)
folder, last = Path(sys.argv[1]), 0
def listen(event):
    global last
    if isinstance(event, StepEvent):
        last = event.number
    elif event.kind == "bank" and last == 3:
        os.kill(os.getpid(), signal.SIGKILL)
config = fixtures.training_config(folder, "x", "y", steps=6, save_every=3)
Trainer.begin(config, folder / "killed.onnx", listener=listen).run()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_run_that_was_killed_and_resumed_equals_an_uninterrupted_one_bit_for_bit(tmp_path: Path) -> None:
    straight = train(tmp_path, "x", "y", out="straight.onnx", steps=6, save_every=3)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    finished = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], env=environment, cwd=ROOT, check=False)
    assert finished.returncode == -signal.SIGKILL
    resumed = Trainer.resume(tmp_path / "killed.onnx")
    assert resumed.step == 3
    resumed.run()
    assert resumed.step == 6
    assert same_state(straight, tmp_path / "killed.onnx")
    assert straight.read_bytes() == (tmp_path / "killed.onnx").read_bytes()


def test_after_a_stop_the_bank_is_saved_and_the_run_can_be_resumed(tmp_path: Path) -> None:
    straight = train(tmp_path, out="straight.onnx", steps=4)
    stop = threading.Event()

    def listen(event: Event) -> None:
        if isinstance(event, StepEvent) and event.number == 2:
            stop.set()

    path = tmp_path / "stopped.onnx"
    stopped = Trainer.begin(
        fixtures.training_config(tmp_path, steps=4, save_every=50), path, listener=listen, stop=stop
    )
    stopped.run()
    assert stopped.step == 2
    assert Model.read(path).style_count == 1
    Trainer.resume(path).run()
    assert same_state(straight, path)


def test_a_sheet_written_into_the_photo_folder_does_not_change_a_resumed_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = train(tmp_path, out="straight.onnx", steps=4)
    monkeypatch.chdir(tmp_path)
    stop = threading.Event()
    config = fixtures.training_config(tmp_path, steps=4)
    config = replace(config, photos=(Path("photos"),))
    out = Path("photos") / "stopped.onnx"
    Trainer.begin(
        config, out, listener=lambda event: stop.set() if isinstance(event, StepEvent) else None, stop=stop
    ).run()
    assert out.with_suffix(".sheet.png").is_file()
    Trainer.resume(out.absolute()).run()
    assert same_state(straight, out)


def test_a_stop_before_the_first_step_overwrites_nothing(tmp_path: Path) -> None:
    older, stop = train(tmp_path), threading.Event()
    before = older.read_bytes()
    stop.set()
    Trainer.begin(fixtures.training_config(tmp_path, seed=9), older, stop=stop).run()
    assert older.read_bytes() == before


def test_the_time_limit_is_measured_by_the_clock(tmp_path: Path) -> None:
    clock = ManualClock()
    left: list[float | None] = []

    def listen(event: Event) -> None:
        if isinstance(event, StepEvent):
            left.append(event.left_s)
            clock.advance(15)

    config = fixtures.training_config(tmp_path, minutes=1.0)
    trainer = Trainer.begin(config, tmp_path / "bank.onnx", listener=listen, clock=clock)
    trainer.run()
    assert trainer.step == 5
    assert left == [None, 45, 30, 15, 0]


def test_training_with_a_frozen_body_leaves_the_other_styles_unchanged(tmp_path: Path) -> None:
    first = train(tmp_path, "old", "older")
    second = train(tmp_path, "new", start=first, out="second.onnx", frozen=True)
    before, after = read_bank(first), read_bank(second)
    assert [entry["name"] for entry in after.entries] == ["old", "older", "new"]
    photo = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        for style in range(2):
            old, new = (torch.eye(n)[style : style + 1] for n in (2, 3))
            assert torch.allclose(before.network(photo, old), after.network(photo, new), atol=1e-6)
    rows = after.network.h8.n.g
    assert not torch.allclose(rows[2], rows[:2].mean(0))


def test_training_without_a_frozen_body_needs_and_trains_every_style(tmp_path: Path) -> None:
    first = train(tmp_path, "a", "b")
    second = read_bank(train(tmp_path, "b", "c", "a", start=first, out="second.onnx"))
    assert [entry["name"] for entry in second.entries] == ["a", "b", "c"]
    assert not torch.equal(second.network.out.weight, read_bank(first).network.out.weight)
    assert second.metadata["version"] == "1"


def test_training_without_a_frozen_body_needs_the_other_paintings(tmp_path: Path) -> None:
    first = train(tmp_path, "a", "b")
    with pytest.raises(UsageError, match="paintings of a too"):
        train(tmp_path, "b", "c", start=first, out="second.onnx")


def test_with_a_frozen_body_an_existing_style_is_refused(tmp_path: Path) -> None:
    first = train(tmp_path, "a")
    with pytest.raises(UsageError, match="already has a style a"):
        train(tmp_path, "a", start=first, out="second.onnx", frozen=True)


def test_a_frozen_body_needs_a_bank_to_start_from(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--from"):
        train(tmp_path, frozen=True)


def test_two_paintings_of_one_name_are_refused(tmp_path: Path) -> None:
    config = fixtures.training_config(tmp_path)
    with pytest.raises(UsageError, match="same name, blots; name them with letters a to z"):
        Trainer.begin(replace(config, paintings=config.paintings * 2), tmp_path / "bank.onnx")


def test_a_style_cannot_be_called_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be called none"):
        train(tmp_path, "none")


def test_a_grain_added_to_an_older_bank_comes_from_the_seed(tmp_path: Path) -> None:
    older = fixtures.without_grain(train(tmp_path, "old", steps=1))
    begun = [Trainer.begin(fixtures.training_config(tmp_path, "old"), tmp_path / "b.onnx", older) for _ in "ab"]
    grains = [trainer._learner.net.grain.c.weight for trainer in begun]
    assert torch.equal(*grains)


def break_loss(kind: BaseException | None, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make one term of the loss NaN, or raise `kind`, from call `at` on."""
    calls, original = [0], losses.variation_loss

    def broken_loss(picture: torch.Tensor) -> torch.Tensor:
        calls[0] += 1
        if calls[0] < at:
            return original(picture)
        if kind is not None:
            raise kind
        return original(picture) * float("nan")

    monkeypatch.setattr(losses, "variation_loss", broken_loss)


def test_a_nan_loss_ends_the_run_and_keeps_the_last_valid_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_loss(None, 3, monkeypatch)
    with pytest.raises(TrainingFailedError, match=r"step 2 \(variation\).*--rate.*bank\.checkpoint"):
        train(tmp_path, steps=9)
    kept = Checkpoint.load(tmp_path / "bank.checkpoint")
    assert kept.progress["step"] == 2
    assert all(bool(torch.isfinite(value).all()) for value in kept.network.values())
    assert Model.read(tmp_path / "bank.onnx").style_count == 1


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes. Error code 12"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:116] data. DefaultCPUAllocator: not enough memory: you tried to"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
    ids=["Python", "GPU", "Linux", "Windows", "cuBLAS"],
)
def test_out_of_memory_names_the_options_to_lower(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    break_loss(error, 1, monkeypatch)
    with pytest.raises(
        TrainingFailedError,
        match=r"--batch \(now 2\), --crop \(now 64\) or --style-scale \(now 64\); nothing was saved",
    ):
        train(tmp_path)


def test_out_of_memory_during_preparation_names_the_options_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gram(features: torch.Tensor) -> torch.Tensor:
        raise MemoryError

    monkeypatch.setattr(losses, "gram", gram)
    with pytest.raises(TrainingFailedError, match="out of memory; lower --batch"):
        train(tmp_path)


_DISK_FULL = (
    r"/bank\.checkpoint cannot be written: No space left on device; the last good .*, from which --resume continues"
)


def test_a_full_disk_keeps_the_previous_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, save = tmp_path / "bank.onnx", Checkpoint.save

    def full(self: Checkpoint, path: Path) -> None:
        if self.progress["step"] > 1:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        save(self, path)

    monkeypatch.setattr(Checkpoint, "save", full)
    with pytest.raises(TrainingFailedError, match=_DISK_FULL):
        train(tmp_path)
    assert Checkpoint.load(checkpoint_path(out)).progress["step"] == 1


def test_a_sheet_or_plot_that_cannot_be_written_does_not_end_the_training(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for kind in ("sheet", "losses"):
        (tmp_path / f"bank.{kind}.png").mkdir()  # fails like a file that is open in a viewer on Windows
    events: list[Event] = []
    Trainer.begin(fixtures.training_config(tmp_path), tmp_path / "bank.onnx", listener=events.append).run()
    assert [event.path.name for event in events if isinstance(event, FileSkipped)] == [
        "bank.sheet.png",
        "bank.losses.png",
    ]
    assert read_bank(tmp_path / "bank.onnx").network.styles == 1
    assert not list(tmp_path.glob(".bank*"))


def test_only_an_unfinished_run_that_can_be_resumed_prevents_a_new_one(tmp_path: Path) -> None:
    out = train(tmp_path, steps=1)
    check_no_unfinished_run(out)
    stored = torch.load(checkpoint_path(out), weights_only=True)
    progress = json.loads(stored["progress"])
    torch.save({**stored, "progress": json.dumps({**progress, "step": 0})}, checkpoint_path(out))
    with pytest.raises(UsageError, match="--resume"):
        check_no_unfinished_run(out)
    cut_off(checkpoint_path(out))
    check_no_unfinished_run(out)


def missing(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-400])


def other_pickle(path: Path) -> None:
    torch.save({"form": 3, "plan": "{}", "progress": "{}", "network": {}, "optimizer": {}, "average": {}}, path)


def other_plan(path: Path) -> None:
    stored = torch.load(path, weights_only=True)
    config = json.loads(stored["plan"])
    torch.save({**stored, "plan": json.dumps({**config, "paintings": ["one"]})}, path)


def other_optimizer(path: Path) -> None:
    stored = torch.load(path, weights_only=True)
    stored["optimizer"]["param_groups"] = stored["optimizer"]["param_groups"][:1]
    torch.save(stored, path)


@pytest.mark.parametrize(
    "damage", [missing, empty, cut_off, other_pickle, other_plan, other_optimizer], ids=lambda damage: damage.__name__
)
def test_a_damaged_checkpoint_is_an_error_of_one_line(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    out = train(tmp_path, steps=1)
    damage(checkpoint_path(out))
    with pytest.raises(TrainingDataError, match="checkpoint") as caught:
        Trainer.resume(out)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_older_losses_names_the_way_on(tmp_path: Path) -> None:
    torch.save({"form": 2, "plan": "{}", "progress": "{}", "network": {}, "optimizer": {}}, tmp_path / "a.checkpoint")
    with pytest.raises(TrainingDataError, match=r"go on from its bank: --from .*a\.onnx --body free"):
        Trainer.resume(tmp_path / "a.onnx")


def test_the_bank_holds_the_averaged_weights(tmp_path: Path) -> None:
    out = train(tmp_path, steps=3, rate=0.05)
    saved, written = Checkpoint.load(checkpoint_path(out)), read_bank(out).network.state_dict()
    assert all(torch.equal(written[name], value) for name, value in saved.average.items())
    assert not torch.allclose(saved.network["h4.c.weight"], saved.average["h4.c.weight"], atol=1e-3)


def test_a_run_killed_before_its_final_bank_was_written_writes_it_when_resumed(tmp_path: Path) -> None:
    out = train(tmp_path, steps=1)
    whole = out.read_bytes()
    out.unlink()
    Trainer.resume(out).run()
    assert out.read_bytes() == whole


def test_resuming_a_finished_run_leaves_its_bank_unchanged(tmp_path: Path) -> None:
    out = train(tmp_path, steps=1)
    model = Model.read(out)
    out.write_bytes(model.with_metadata({**model.metadata, "note": "of mine"}))
    Trainer.resume(out).run()
    assert Model.read(out).metadata["note"] == "of mine"


def test_metrics_of_a_network_that_changes_are_removed(tmp_path: Path) -> None:
    bank = read_bank(train(tmp_path, steps=1))
    old = [{**entry, "measured": {"flicker": 0.5}} for entry in bank.entries]
    bank.metadata["styles"] = json.dumps(old)
    write_bank(tmp_path / "old.onnx", bank)
    config = fixtures.training_config(tmp_path, steps=1)
    assert "measured" not in Trainer.begin(config, tmp_path / "b.onnx", tmp_path / "old.onnx").entries[0]
    (tmp_path / "more").mkdir()
    more = fixtures.training_config(tmp_path / "more", "new", steps=1, frozen=True)
    kept, added = Trainer.begin(more, tmp_path / "b.onnx", tmp_path / "old.onnx").entries
    assert kept["measured"] == {"flicker": 0.5}
    assert added["licence"] == "unknown"


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "trapped",))

    torch.save({"form": 3, "plan": Trap()}, tmp_path / "bank.checkpoint")
    with pytest.raises(TrainingDataError):
        Trainer.resume(tmp_path / "bank.onnx")
    assert not (tmp_path / "trapped").exists()


def test_a_sample_that_is_not_a_picture_is_an_error(tmp_path: Path) -> None:
    config = replace(fixtures.training_config(tmp_path), samples=(tmp_path / "vgg.npz",))
    with pytest.raises(TrainingDataError, match="--sample"):
        Trainer.begin(config, tmp_path / "bank.onnx")


def test_samples_of_any_size_fit_on_the_sheet(tmp_path: Path) -> None:
    wide = fixtures.random_picture(tmp_path / "wide.png", width=701, height=99)
    config = replace(
        fixtures.training_config(tmp_path, steps=1),
        samples=(wide, fixtures.random_picture(tmp_path / "small.png", 1, 30, 30)),
    )
    Trainer.begin(config, tmp_path / "bank.onnx").run()
    assert cv2.imread(str(tmp_path / "bank.sheet.png")) is not None


def test_the_weight_of_a_painting_scales_its_style_loss(tmp_path: Path) -> None:
    def first_loss(weight: float) -> float:
        found: list[float] = []
        config = fixtures.training_config(tmp_path, steps=1)
        config = replace(config, paintings=(StyleImage("blots", config.paintings[0].path, weight),))
        listen = lambda event: found.append(event.losses["style"]) if isinstance(event, StepEvent) else None  # noqa: E731
        Trainer.begin(config, tmp_path / "bank.onnx", listener=listen).run()
        return found[0]

    assert first_loss(2.0) == pytest.approx(2 * first_loss(1.0))


@pytest.mark.parametrize("device", ["cuda", "tpu", "cuda:7"])
def test_a_missing_device_is_refused_with_the_available_ones(device: str) -> None:
    if torch.cuda.is_available() and device.startswith("cuda"):
        pytest.skip("this machine has CUDA")
    with pytest.raises(UsageError, match="cpu"):
        pick_device(device)


@pytest.mark.parametrize(
    "wrong",
    [{"steps": 0}, {"minutes": -1.0}, {"batch": 0}, {"crop": 60}, {"crop": 100}, {"width": 20}, {"rate": float("nan")},
     {"style": -1.0}, {"seed": -1}],
    ids=str,
)  # fmt: skip
def test_invalid_hyperparameters_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        fixtures.hyperparameters(**wrong)


def test_steps_and_minutes_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="either"):
        replace(fixtures.hyperparameters(), minutes=1.0)
