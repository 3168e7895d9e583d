"""`stylecam bench` as a user types it."""

from __future__ import annotations

import json
import shlex
import signal
from pathlib import Path

import pytest

from stylecam.cli.group import run_command_line
from stylecam.cli.progress import ProgressDisplay
from tests.cli.fixtures import refusal

SMALL = shlex.split("bench --size 128x96 --seconds 1 --engine opencv --device cpu")

pytestmark = pytest.mark.usefixtures("own_settings")


def test_it_prints_machine_versions_and_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line([*SMALL, "--what", "stages,latency"]) == 0
    shown = capsys.readouterr().out
    for said in (" core", "opencv-python", "Stages of a frame", "network", "Latency", "pixels"):
        assert said in shown


def test_engines_are_measured_against_the_classic_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line([*SMALL, "--what", "engines", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    ours, classic = found["engines"]["rows"]
    assert (ours["model"], classic["model"]) == ("gallery", "johnson")
    assert ours["picture_times_faster"] > 1
    assert ours["gmac"] < classic["gmac"]
    assert found["engines"]["peak_gmac_per_s"] > 0
    assert found["machine"]["packages"]["numpy"]


def test_the_plot_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert run_command_line([*SMALL, "--what", "stages", "--plot", str(tmp_path / "a.png")]) == 0
    assert (tmp_path / "a.png").stat().st_size > 0


def test_a_soak_leaves_its_samples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "soak.jsonl"
    assert run_command_line([*SMALL, "--what", "soak", "--seconds", "2", "--samples", str(path)]) == 0
    kinds = [json.loads(line)["kind"] for line in path.read_text().splitlines()]
    assert kinds.count("sample") >= 2
    assert kinds[-1] == "final"
    assert "growth of memory" in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_interrupted_it_prints_what_is_known(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(screen: ProgressDisplay, done: float, what: str) -> None:
        if "fps" in what:
            signal.raise_signal(number)

    monkeypatch.setattr(ProgressDisplay, "__call__", interrupt)
    assert run_command_line([*SMALL, "--what", "live,soak", "--seconds", "600", "--json"]) == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert found["stopped_early"]
    assert found["live"][0]["seconds"] < 600
    assert "soak" not in found
    assert "stopped early" in shown.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--what speed", "choose engines, stages"),
        ("--seconds 0", "--seconds"),
        ("--seconds many", "--seconds"),
        ("--size huge", "WIDTHxHEIGHT"),
        ("--fps 0", "--fps"),
        ("--threads 0", "--threads"),
        ("--cpu 0", "--cpu"),
        ("--scale 7", "--scale"),
        ("--scale much", "--scale"),
        ("--engine abacus", "abacus"),
        ("--engine opencv --device abacus", "abacus"),
        ("--tier medium", "choose auto, rich or lean"),
        ("--style no_such", "no style is called"),
        ("--what live --camera nowhere.mp4", "nowhere.mp4"),
        ("--plot nowhere/a.png", "nowhere"),
        ("--plot a.jpg", "ends in .png"),
        ("--samples nowhere/a.jsonl", "nowhere"),
    ],
)
def test_bad_input_is_one_line(
    options: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in refusal(["bench", *shlex.split(options)], capsys)


def test_without_matplotlib_a_plot_is_refused_before_work_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "stylecam[bench]" in refusal(["bench", "--plot", str(tmp_path / "a.png")], capsys)
