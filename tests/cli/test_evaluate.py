"""`stylecam evaluate` as a user types it."""

from __future__ import annotations

import json
import shlex
import signal
from importlib import util
from pathlib import Path

import pytest

from stylecam.cli.group import run_command_line
from stylecam.cli.progress import ProgressDisplay
from stylecam.errors import TrainingFailedError
from stylecam.models.catalog import shipped_models
from stylecam.models.model import Model
from stylecam.models.user_styles import UserStyles
from stylecam.utils import optional as needs
from stylecam.utils.optional import install_command
from tests.cli.fixtures import refusal


@pytest.fixture
def words(tmp_path: Path, own_settings: Path, training_packages: None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments of a tiny evaluation: one style of a copy of a shipped bank among the user's own."""
    from stylecam.media.frame import Size
    from tests.training import fixtures

    monkeypatch.setattr("stylecam.evaluation.quality.speed.SIZES", (Size(640, 360),))
    monkeypatch.setattr("stylecam.evaluation.quality.speed.RUNS", 1)
    monkeypatch.setattr("stylecam.evaluation.quality.temporal.SIZE", Size(160, 96))
    mine = own_settings.parent / "styles" / "mine.onnx"
    shipped = Model.read(shipped_models() / "gallery.onnx")
    entries = [{**entry, "measured": None} for entry in json.loads(shipped.metadata["styles"])]
    mine.write_bytes(shipped.with_metadata({**shipped.metadata, "styles": json.dumps(entries)}))
    (tmp_path / "paintings").mkdir()
    fixtures.random_picture(tmp_path / "paintings" / "hokusai_great_wave_1831.png", 9)
    places = [
        "--photos",
        str(fixtures.photo_folder(tmp_path / "photos")),
        "--vgg",
        str(fixtures.small_vgg(tmp_path / "v.npz")),
    ]
    options = shlex.split("--style great_wave --count 1 --gatys-photos 1 --iterations 1,2 --device cpu")
    return ["evaluate", str(mine), *places, "--paintings", str(tmp_path / "paintings"), *options]


@pytest.mark.parametrize("missing", ["torch", "onnx"])
def test_without_the_extra_it_says_what_to_install(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = util.find_spec
    monkeypatch.setattr(needs, "find_spec", lambda name: None if name == missing else find(name))
    text = refusal(["evaluate", "a.onnx", "--photos", "p"], capsys)
    assert install_command("train") in text


def test_it_prints_tables(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(words) == 0
    shown = capsys.readouterr()
    for said in ("Losses on 1 photograph ", "great_wave (lbfgs)", "flicker", "GMAC 640x360", "OpenCV"):
        assert said in shown.out
    assert "the_scream" not in shown.out


def test_json_is_all_that_goes_to_standard_output(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line([*words, "--json", "--no-gatys"]) == 0
    result = json.loads(capsys.readouterr().out)
    (style,) = result["styles"]
    assert (style["style"], style["gatys"]) == ("great_wave", [])
    metadata = Model.read(shipped_models() / "gallery.onnx").metadata
    learned = json.loads(metadata["styles"])[1]["learned"]
    assert style["weights"] == {name: learned[name] for name in ("fine", "style", "scale")}
    assert style["cost"]["640x360"]["gmac"] == pytest.approx(1.17, abs=0.01)


def test_the_card_is_written_and_listed(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UserStyles, "take_over", lambda _: {})  # the bank has the gallery's body
    assert run_command_line([*words, "--write-card", "--no-gatys", "--json"]) == 0
    (style,) = json.loads(capsys.readouterr().out)["styles"]
    assert run_command_line(["styles", "--json"]) == 0
    cards = {card["full_name"]: card for card in json.loads(capsys.readouterr().out)}
    measured = cards["mine/great_wave"]["measured"]
    assert measured["flicker"] == pytest.approx(style["flicker"]["mean"], rel=1e-3)
    assert cards["mine/the_scream"]["measured"] is None
    assert run_command_line(["styles"]) == 0
    table = capsys.readouterr().out
    assert "flicker" in table
    assert "ms" in table


def test_styles_without_figures_have_no_columns_for_them(
    own_settings: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from stylecam.models import catalog as catalog

    (own_settings.parent / "shipped").mkdir()
    monkeypatch.setattr(catalog, "shipped_models", lambda: own_settings.parent / "shipped")
    assert run_command_line(["styles"]) == 0
    assert "flicker" not in capsys.readouterr().out


def test_plot_and_sheet_are_drawn(words: list[str], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from stylecam.training.dataset import read_picture

    plot, sheet = tmp_path / "plot.png", tmp_path / "sheet.png"
    assert run_command_line([*words, "--plot", str(plot), "--sheet", str(sheet)]) == 0
    assert read_picture(plot) is not None
    shown = read_picture(sheet)
    assert shown is not None
    assert shown.shape[0] == 2 * 270  # photographs, and one style


def test_without_matplotlib_a_plot_is_refused_before_work_begins(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "matplotlib" in refusal([*words, "--plot", str(tmp_path / "a.png")], capsys)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_interrupted_it_prints_what_is_done_and_leaves_the_card(
    words: list[str], number: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(screen: ProgressDisplay, done: float, what: str) -> None:
        if what.endswith("flicker"):
            signal.raise_signal(number)

    monkeypatch.setattr(ProgressDisplay, "__call__", interrupt)
    before = Path(words[1]).read_bytes()
    handler = signal.getsignal(number)
    assert run_command_line([*words, "--write-card", "--json"]) == 0
    shown = capsys.readouterr()
    result = json.loads(shown.out)
    assert result["stopped_early"]
    assert result["styles"][0]["flicker"]["mean"] > 0
    assert result["styles"][0]["crops"] is None
    assert "stopped early" in shown.err
    assert Path(words[1]).read_bytes() == before
    assert signal.getsignal(number) is handler


def test_when_something_fails_after_hours_what_is_known_is_printed_all_the_same(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from stylecam.evaluation.quality import evaluator as evaluation

    def exhausted(*_: object, **__: object) -> None:
        raise TrainingFailedError("the memory does not suffice; lower --gatys-photos")

    monkeypatch.setattr(evaluation, "run_gatys_baseline", exhausted)
    before = Path(words[1]).read_bytes()
    assert run_command_line([*words, "--write-card"]) == 2
    shown = capsys.readouterr()
    assert "Losses on 1 photograph" in shown.out
    assert shown.err.splitlines()[-1] == "stylecam: the memory does not suffice; lower --gatys-photos"
    assert Path(words[1]).read_bytes() == before


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("bank", "nowhere.onnx", "nowhere.onnx"),
        ("bank", "no_model", "not an ONNX file"),
        ("--photos", "nowhere", "no such folder"),
        ("--photos", "empty", "no pictures"),
        ("--paintings", "nowhere", "no such folder"),
        ("--paintings", "empty", "none of the styles has a painting"),
        ("--painting", "great_wave=nowhere.png", "no painting"),
        ("--painting", "sunflowers=no_model", "NAME=FILE"),
        ("--clips", "nowhere.mp4", "no such file"),
        ("--clips", "empty", "no videos"),
        ("--clips", "no_model", "no video"),
        ("--vgg", "nowhere.npz", "cannot be read"),
        ("--style", "sunflowers", "sunflowers"),
        ("--device", "abacus", "--device"),
        ("--iterations", "many", "--iterations"),
        ("--iterations", "0", "--iterations"),
        ("--iterations", ",", "--iterations"),
        ("--count", "0", "--count"),
        ("--style-weight", "0", "--style-weight"),
        ("--plot", "nowhere/a.png", "nowhere"),
        ("--sheet", "empty", "ends in .png"),
        ("--plot", "photo.jpg", "ends in .png"),
    ],
)
def test_bad_input_is_one_line(
    words: list[str], option: str, value: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "no_model").write_bytes(b"no model")
    if option == "bank":
        words[1] = value
    elif option in ("--photos", "--paintings"):
        words[words.index(option) + 1] = value
    else:
        words += [option, value]
    assert said in refusal(words, capsys)
