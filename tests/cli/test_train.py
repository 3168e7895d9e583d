"""`stylecam train` as a user types it."""

from __future__ import annotations

import json
import re
import shlex
import signal
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stylecam.cli import train as train_module
from stylecam.cli.group import run_command_line
from stylecam.cli.progress import TrainingProgress
from stylecam.models.model import Model
from stylecam.models.own_style import OwnStyle
from stylecam.training.events import FileSaved, FileSkipped, StepEvent
from stylecam.training.hyperparameters import Hyperparameters
from stylecam.utils import optional as needs
from stylecam.utils.optional import install_command
from tests.cli.fixtures import refusal

if TYPE_CHECKING:
    from stylecam.training.events import Event

pytestmark = pytest.mark.usefixtures("own_settings")


@pytest.fixture
def words(tmp_path: Path, training_packages: None) -> list[str]:
    """The arguments of a tiny run: three steps of a small network on two paintings."""
    from tests.training import fixtures

    paintings = [
        str(fixtures.random_picture(tmp_path / f"{name}.png", seed)) for seed, name in enumerate(("one", "two"))
    ]
    places = [
        "--photos",
        str(fixtures.photo_folder(tmp_path / "photos")),
        "--vgg",
        str(fixtures.small_vgg(tmp_path / "v.npz")),
    ]
    sizes = shlex.split("--steps 3 --batch 1 --crop 64 --style-scale 64 --width 16 --blocks 1 --no-bfloat16")
    return ["train", *paintings, "-o", str(tmp_path / "bank.onnx"), *places, *sizes]


def interrupt(monkeypatch: pytest.MonkeyPatch, step: int, number: signal.Signals = signal.SIGINT) -> None:
    """Send the signal to the run when that step is done."""
    take = TrainingProgress.__call__

    def interrupted(screen: TrainingProgress, event: Event) -> None:
        take(screen, event)
        if getattr(event, "number", 0) == step:
            signal.raise_signal(number)

    monkeypatch.setattr(TrainingProgress, "__call__", interrupted)


def without(words: list[str], option: str) -> list[str]:
    at = words.index(option)
    return words[:at] + words[at + 2 :]


@pytest.mark.parametrize(("missing", "title"), [("torch", "PyTorch"), ("onnx", "onnx")])
def test_without_the_extra_it_says_what_to_install_once_the_paintings_are_found(
    missing: str, title: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = util.find_spec
    monkeypatch.setattr(needs, "find_spec", lambda name: None if name == missing else find(name))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jpg").touch()
    assert "there is no painting 'b.jpg'" in refusal(["train", "b.jpg", "-o", "a.onnx", "--photos", "p"], capsys)
    text = refusal(["train", "a.jpg", "-o", "a.onnx", "--photos", "p"], capsys)
    assert install_command("train") in text
    assert title in text


def test_it_trains_installs_and_tells_what_it_made(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line([*words, "--json", "--install"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["styles"], result["steps"], result["stopped_early"]) == (["one", "two"], 3, False)
    assert set(result["losses"]) == {"total", "stability", "faces", "content", "style", "tone", "variation", "weave"}
    (installed,) = map(Path, result["installed"])
    assert installed.read_bytes() == Path(result["bank"]).read_bytes()
    assert run_command_line(["styles", "--json"]) == 0
    assert {"bank/one", "bank/two"} <= {card["full_name"] for card in json.loads(capsys.readouterr().out)}


def test_the_card_of_a_single_painting_has_its_title_and_painter(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    card = ["--title", "Die Ernte", "--artist", "Ada Lang"]
    assert "--title and --artist are those of one painting" in refusal([*words, *card], capsys)
    assert run_command_line([words[0], *words[2:], *card, "--steps", "1", "--install"]) == 0
    capsys.readouterr()
    assert run_command_line(["styles", "show", "die ernte", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["name"], found["title"], found["artist"]) == ("two", "Die Ernte", "Ada Lang")


def test_it_goes_on_from_its_own_checkpoint(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(words) == 0
    capsys.readouterr()
    assert run_command_line(["train", "--resume", "-o", words[words.index("-o") + 1]]) == 0
    assert "after 3 steps" in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_interrupted_it_leaves_a_usable_bank_and_goes_on_later(
    words: list[str], number: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupt(monkeypatch, 2, number)
    handlers = [signal.getsignal(number)]
    assert run_command_line([*words, "--json"]) == 0
    handlers.append(signal.getsignal(number))
    result = json.loads(capsys.readouterr().out)
    assert (result["steps"], result["stopped_early"]) == (2, True)
    assert Model.read(Path(result["bank"])).style_count == 2
    assert handlers[0] == handlers[1]
    assert run_command_line(["train", "--resume", "-o", result["bank"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 3


def test_stopped_before_the_first_step_it_says_that_nothing_was_written(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(TrainingProgress, "wait", lambda _: signal.raise_signal(signal.SIGINT))
    own = signal.signal(signal.SIGINT, signal.default_int_handler)
    assert run_command_line(words) == 130
    signal.signal(signal.SIGINT, own)
    assert capsys.readouterr().err == "stopped: nothing was written\n"


def test_stopped_at_once_it_says_what_the_checkpoint_keeps(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = Path(words[words.index("-o") + 1])
    with monkeypatch.context() as patch:
        interrupt(patch, 2)
        assert run_command_line(words) == 0
    take = TrainingProgress.__call__

    def twice(screen: TrainingProgress, event: Event) -> None:
        take(screen, event)
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(TrainingProgress, "__call__", twice)
    assert run_command_line(["train", "--resume", "-o", str(out)]) == 130
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(f"stopped: {out.with_suffix('.checkpoint')} has what was learned until it was written")
    assert said.endswith(f"continue: stylecam train --resume -o {out}")


def test_a_run_that_was_stopped_is_not_written_over_unless_told_to(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        interrupt(patch, 2)
        assert run_command_line(words) == 0
    out = words[words.index("-o") + 1]
    said = capsys.readouterr().out
    assert f"stopped early: {out} after 2 steps (one, two)\ncontinue: stylecam train --resume -o {out}\n" in said
    assert "stopped when 67% of it was done; continue it: stylecam train --resume -o" in refusal(words, capsys)
    assert run_command_line([*words, "--overwrite", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 3
    assert run_command_line(words) == 0  # that one was finished


def test_told_to_stop_when_all_is_done_it_says_that_all_is_done(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    interrupt(monkeypatch, 3)
    assert run_command_line([*words, "--json"]) == 0
    said = capfd.readouterr()
    assert not json.loads(said.out)["stopped_early"]
    assert "Ctrl-C again stops at once" in said.err


def test_at_the_end_it_says_how_to_paint_with_what_it_learned(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = words[words.index("-o") + 1]
    for extra, said in (
        (["--from", "gallery", "--steps", "1"], "try it: stylecam --style two\n"),
        (
            ["--from", "gallery", "--steps", "1", "--no-install"],
            f"to use it: stylecam styles add {out}; then: stylecam --style bank/two",
        ),
    ):
        assert run_command_line([*words, *extra]) == 0
        shown = capsys.readouterr().out
        assert said in shown
        assert "(one, two)" in shown
    assert run_command_line([*words[:2], *words[3:]]) == 0
    assert f"try it: stylecam --style {out}" in capsys.readouterr().out


def test_a_bank_that_would_be_hidden_by_a_shipped_one_is_not_installed(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words[words.index("-o") + 1] = str(tmp_path / "Gallery.onnx")
    words += ["--from", "gallery"]
    assert "a network called Gallery comes with stylecam" in refusal(words, capsys)
    assert not (tmp_path / "Gallery.onnx").exists()
    assert run_command_line([*words, "--steps", "1", "--no-install"]) == 0


def test_few_photographs_are_told_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    from tests.training import fixtures

    folder = Path(words[words.index("--photos") + 1])
    assert run_command_line(words) == 0
    assert "only 3 photographs to learn on" in capsys.readouterr().err
    for number in range(47):
        (folder / f"again_{number}.png").write_bytes(fixtures.random_picture(folder / "0.png").read_bytes())
    assert run_command_line(words) == 0
    assert "photographs to learn on" not in capsys.readouterr().err


def test_a_long_time_left_is_told_in_hours(capsys: pytest.CaptureFixture[str]) -> None:
    screen = TrainingProgress("step", 1.0, {})
    for left in (5.0, 600.0, 36000.0):
        screen(StepEvent(1, 0.5, left, left, {}))
    assert [line.split("% ")[1].strip() for line in capsys.readouterr().err.splitlines()] == [
        "5 s left", "10 min left", "10 h left",
    ]  # fmt: skip


def test_photos_that_cannot_be_read_are_named(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    photos = Path(words[words.index("--photos") + 1])
    for number in range(30):
        (photos / f"broken_{number:02}.jpg").write_bytes(b"nothing")
    assert run_command_line(words) == 0
    assert re.search(r"could not be read: \d+ \(broken_\d\d\.jpg, .*, …\)\n", capsys.readouterr().err)


def test_brackets_in_a_path_are_told_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    TrainingProgress("step", 60.0, {"sheet": "samples"})(FileSaved("sheet", Path("[art]/my[/b].png")))
    assert "samples: [art]" in capsys.readouterr().err


def test_what_is_done_without_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    TrainingProgress("step", 60.0, {})(FileSkipped(Path("a.sheet.png"), "Permission denied"))
    said = "a.sheet.png cannot be written now (Permission denied); going on without it\n"
    assert capsys.readouterr().err == said


def test_resuming_takes_no_other_plan(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    text = refusal(["train", "--resume", "-o", words[words.index("-o") + 1], "--steps", "9"], capsys)
    assert "leave out --steps" in text


def test_a_new_style_for_a_shipped_bank(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from stylecam.models.catalog import shipped_models

    words = [*words, "--from", str(shipped_models() / "gallery.onnx"), "--steps", "1", "--json"]
    assert run_command_line(words) == 0
    names = json.loads(capsys.readouterr().out)["styles"]
    assert (names[0], names[-2:]) == ("starry_night", ["one", "two"])


def test_missing_photographs_are_asked_for(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "--photos DIR" in refusal(without(words, "--photos"), capsys)


def test_all_else_is_checked_before_the_weights_are_read(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    words = [*without(words, "--vgg"), "--vgg", "nowhere.npz"]
    assert "nowhere.npz" in refusal(words, capsys)
    for option, value, said in (("--photos", "gone", "gone"), ("--sample", "gone.png", "gone.png")):
        assert said in refusal([*words, option, value], capsys)


def test_without_a_painting_there_is_nothing_to_learn(
    capsys: pytest.CaptureFixture[str], training_packages: None
) -> None:
    assert "painting" in refusal(["train", "-o", "a.onnx", "--photos", "p"], capsys)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--photos", "nowhere", "no such folder"),
        ("--vgg", "nowhere.npz", "cannot be read"),
        ("--from", "nowhere.onnx", "there is no such file"),
        ("--sample", "nowhere.png", "--sample"),
        ("--device", "abacus", "--device"),
        ("--crop", "9000", "crop"),
        ("--minutes", "5", "either --steps or --minutes"),
        ("--tv", "-1", "--tv -1 is out of range"),
        ("--style-scale", "9000", "--style-scale 9000 is out of range"),
        ("--width", "20", "--width is 20 and must be a multiple of 8, such as 16"),
        ("--batch", "0", "--batch 0 is out of range; it must be a whole number from 1 to 256"),
        ("--save-every", "0", "--save-every 0 is out of range; it must be a whole number from 1 to 1,000,000"),
        ("--seed", "1" * 400, "--seed 111"),
        ("--paintings", "nowhere", "leave it out for paintings"),
        ("--from", "no_such_bank", "no_such_bank: there is no such file; installed networks are gallery"),
        ("-o", "nowhere/a.onnx", "nowhere"),
        ("--photos", "a" * 5000, "is not a valid path"),
        ("-o", "~nobody_of_this_name/a.onnx", "is not a valid path"),
    ],
    ids=lambda text: text[:20],
)
def test_bad_input_is_one_line(
    words: list[str], option: str, value: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = without(words, option) if option in words else words
    assert said in refusal([*words, option, value], capsys)


def test_the_defaults_are_those_of_the_recipe() -> None:
    recipe = Hyperparameters(steps=1).as_dict()
    given = {option.name: option.default for option in train_module.command.params if option.name in recipe}
    told = {name: value for name, value in given.items() if isinstance(value, int | float)}
    assert {"style", "stability", "faces", "rate", "batch"} <= set(told)
    assert told == {name: recipe[name] for name in told}


def test_a_bank_is_named_onnx_and_never_takes_a_paintings_place(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    painting = Path(words[1])
    before = painting.read_bytes()
    words[words.index("-o") + 1] = str(painting)
    assert "ends in .onnx" in refusal(words, capsys)
    assert painting.read_bytes() == before


def test_a_frozen_body_installs_its_style_unless_told_not_to(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from stylecam.models.catalog import shipped_models

    words = [*words, "--from", str(shipped_models() / "gallery.onnx"), "--steps", "1", "--json"]
    resumed = ["train", "--resume", "-o", words[words.index("-o") + 1], "--json"]
    for again in ([*words, "--no-install"], resumed):
        assert run_command_line(again) == 0
        assert json.loads(capsys.readouterr().out)["installed"] is None
    assert run_command_line([*resumed, "--install"]) == 0
    first = list(map(Path, json.loads(capsys.readouterr().out)["installed"]))
    assert [path.name for path in first] == ["one.style", "two.style"]  # and no copy of the shipped styles
    before = OwnStyle.read(first[0])
    assert before.picture
    assert run_command_line(words) == 0
    assert list(map(Path, json.loads(capsys.readouterr().out)["installed"])) == first
    after = OwnStyle.read(first[0])
    assert before.rows.keys() == after.rows.keys()


def test_resumed_on_a_device_that_is_not_there_it_says_so(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(words) == 0
    capsys.readouterr()
    out = words[words.index("-o") + 1]
    assert "--device abacus" in refusal(["train", "--resume", "-o", out, "--device", "abacus"], capsys)
    assert "--device cpu:x" in refusal(["train", "--resume", "-o", out, "--device", "cpu:x"], capsys)
