"""`stylecam optimize` as a user types it."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import cv2
import pytest

from stylecam.cli import optimize as optimize_module
from stylecam.cli.group import run_command_line
from stylecam.cli.optimize import complete_init
from stylecam.cli.progress import TrainingProgress
from stylecam.utils.optional import install_command
from tests.cli.fixtures import refusal

pytestmark = pytest.mark.usefixtures("own_settings")

ROOT = Path(__file__).parents[2]
OPTIONS = [p for p in optimize_module.command.params if isinstance(p, click.Option)]


@pytest.fixture
def words(tmp_path: Path) -> Iterator[list[str]]:
    """The arguments of a tiny run: four iterations on a picture of 72×58, on one thread."""
    torch = pytest.importorskip("torch", reason='optimizing needs torch: pip install "stylecam[train]"')
    pytest.importorskip("onnx", reason="material needs onnx")
    from tests.training import fixtures

    photo, style = (
        fixtures.random_picture(tmp_path / f"{name}.png", seed) for seed, name in enumerate(("photo", "style"))
    )
    sizes = shlex.split("--max-size 72 --style-scale 64 --iterations 4 --device cpu --no-bfloat16")
    vgg = str(fixtures.small_vgg(tmp_path / "v.npz"))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield ["optimize", str(photo), "--style", str(style), "-o", str(tmp_path / "out.png"), "--vgg", vgg, *sizes]
    torch.set_num_threads(before)


def output(words: list[str]) -> Path:
    return Path(words[words.index("-o") + 1])


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from stylecam.utils import optional as needs

    monkeypatch.setattr(needs, "find_spec", lambda name: None)
    text = refusal(["optimize", "a.jpg", "--style", "b.jpg", "-o", "c.png"], capsys)
    assert install_command("train") in text


def test_it_paints_and_says_where(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(words) == 0
    assert f"done: {output(words)} (72x58) after 4 iterations" in capsys.readouterr().out
    image = cv2.imread(str(output(words)))
    assert image is not None
    assert image.shape == (58, 72, 3)


def test_json_tells_what_it_made(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line([*words, "--json", "--preview-every", "3"]) == 0
    said = capsys.readouterr()
    result = json.loads(said.out)
    assert (result["picture"], result["size"]) == (str(output(words)), [72, 58])
    assert (result["iterations"], result["stopped_early"]) == (4, False)
    assert set(result["losses"]) == {"total", "content", "style", "variation"}
    assert result["losses"]["total"] == pytest.approx(sum(v for k, v in result["losses"].items() if k != "total"))
    assert result["seconds"] > 0
    assert output(words).with_suffix(".preview.png").is_file()
    assert "out.preview.png" in said.err


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_same_seed_gives_the_same_picture_and_another_does_not(words: list[str], optimizer: str) -> None:
    made = []
    for seed in ("1", "1", "2"):
        assert run_command_line([*words, "--init", "noise", "--seed", seed, "--optimizer", optimizer]) == 0
        made.append(output(words).read_bytes())
    assert made[0] == made[1] != made[2]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_interrupted_it_writes_the_best_so_far_and_says_so(words: list[str], name: str) -> None:
    number = getattr(signal, name)
    if signal.getsignal(number) is signal.SIG_IGN and name == "SIGHUP":
        pytest.skip("these tests were started with nohup")
    words = [*words, "--iterations", "1000000", "--preview-every", "3", "--json"]
    with subprocess.Popen(
        [sys.executable, "-m", "stylecam", *words],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stderr:
            if "preview" in line:
                break
        process.send_signal(number)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    result = json.loads(said)
    assert result["stopped_early"]
    assert 3 <= result["iterations"] < 1000000
    assert cv2.imread(str(output(words))) is not None
    assert not list(output(words).parent.glob(".out*"))


def test_where_no_terminal_is_it_tells_of_progress_in_lines(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    from stylecam.training.events import StepEvent

    screen = TrainingProgress("iteration", 15.0, {})
    for number, elapsed in ((1, 1.0), (20, 16.0), (21, 17.0)):
        screen(StepEvent(number, number / 100, elapsed, 300.0, {"total": 1.5}))
    assert capsys.readouterr().err.splitlines() == ["iteration 20 20% 5 min left total 1.500"]


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--style", "nowhere.jpg", "no painting"),
        ("--style", "{tmp}/tiny.png", "8×8"),
        ("--style", "{tmp}/text.png", "no picture"),
        ("--style", "{tmp}/photo.png:-1", "weight"),
        ("photo", "nowhere.jpg", "there is no file nowhere.jpg"),
        ("photo", "{tmp}/text.png", "no picture that can be read"),
        ("photo", "{tmp}/tiny.png", "short side"),
        ("photo", "{tmp}", "cannot be read: Is a directory"),
        ("photo", "a" * 5000, "is not a valid path"),
        ("-o", "{tmp}/out.txt", "pictures are written as .png"),
        ("-o", "{tmp}/out", "pictures are written as .png"),
        ("-o", "{tmp}/nowhere/out.png", "nowhere"),
        ("-o", "{tmp}/photo.png", "would overwrite"),
        ("-o", "{tmp}/folder.png", "is a folder"),
        ("--init", "nothing", "--init"),
        ("--init", "{tmp}/text.png", "--init"),
        ("--vgg", "nowhere.npz", "cannot be read"),
        ("--device", "abacus", "--device"),
        ("--max-size", "3", "--max-size"),
        ("--tv", "-1", "--tv -1 is out of range"),
        ("--iterations", "0", "iterations"),
        ("--optimizer", "sgd", "--optimizer"),
        ("--rate", "nan", "rate"),
        ("--style-weight", "-1", "--style-weight -1 is out of range"),
        ("--style-scale", "1", "--style-scale 1 is out of range"),
    ],
    ids=lambda text: text[:24],
)
def test_bad_input_is_one_line_and_leaves_no_file(
    words: list[str], option: str, value: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.training import fixtures

    fixtures.random_picture(tmp_path / "tiny.png", 1, 8, 8)
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    there = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    value = value.replace("{tmp}", str(tmp_path))
    if option == "photo":
        words[1] = value
    elif option in words:
        words[words.index(option) + 1] = value
    else:
        words += [option, value]
    assert said in refusal(words, capsys)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path != tmp_path} == there


def test_nothing_is_fetched_before_all_else_is_there(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.png").write_text("no picture")
    words[words.index("--vgg") + 1] = "nowhere.npz"
    assert "nowhere.npz" in refusal(words, capsys)
    for option in ("--style", "--init"):
        assert "text.png" in refusal([*words, option, str(tmp_path / "text.png")], capsys)


def test_the_start_is_completed_as_a_word_or_a_file() -> None:
    context = click.Context(optimize_module.command)
    option = OPTIONS[0]
    assert [item.value for item in complete_init(context, option, "p")] == ["photo", "painting"]
    assert [item.type for item in complete_init(context, option, "me.jp")] == ["file"]
