"""`stylecam video` as a user types it."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import cv2
import pytest

from stylecam.cli import paint_options
from stylecam.cli.group import run_command_line
from stylecam.media.frame import Image, Size
from stylecam.media.testing import gray_image
from stylecam.stylize import image as painter
from stylecam.stylize import recipe
from tests.cli.fixtures import refusal
from tests.stylize.inline_executor import InlineExecutor

pytest.importorskip("av", reason='clips need PyAV: pip install "stylecam[video]"')
pytestmark = pytest.mark.usefixtures("own_settings")


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a good and a damaged file; return the folder."""
    monkeypatch.chdir(tmp_path)
    clip = cv2.VideoWriter("clip.mp4", cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
    for level in (40, 80, 120):
        clip.write(gray_image(level, Size(64, 48)))
    clip.release()
    Path("bad.mp4").write_bytes(b"bad")
    return tmp_path


def test_it_paints_a_clip_and_tells_what_it_made(working_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["video", "clip.mp4", "-o", "out.mp4", "--strength", "0", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["size"], report["frames"], report["seconds"]) == ([64, 48], 3, 0.3)
    made = cv2.VideoCapture(str(working_folder / "out.mp4"))
    assert made.get(cv2.CAP_PROP_FPS) == 10
    ok, first = made.read()
    made.release()
    assert ok
    assert abs(first.astype(int) - 40).max() <= 4


@pytest.mark.parametrize(
    ("words", "name"), [(["made.mp4"], "made.mp4"), ([], "clip-painted.mp4")], ids=["second argument", "no name"]
)
def test_the_result_may_be_the_second_argument_or_have_no_name(
    words: list[str], name: str, working_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["video", "clip.mp4", *words, "--strength", "0"]) == 0
    assert f"painted {name} " in capsys.readouterr().out
    assert (working_folder / name).is_file()


@pytest.mark.parametrize(("words", "steadiness"), [([], 0.8), (["--steadiness", "0"], 0.0)], ids=["default", "none"])
def test_frames_are_kept_from_flickering_unless_the_user_wants_none_of_it(
    words: list[str], steadiness: float, working_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []

    class Recorded(painter.Stylist):
        def __init__(self, style: Any, **options: Any) -> None:
            given.append(options["steadiness"])
            super().__init__(style, **options)

    monkeypatch.setattr(painter, "Stylist", Recorded)
    assert run_command_line(["video", "clip.mp4", "out.mp4", "--strength", "0", *words]) == 0
    assert given == [steadiness]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_stopped_it_leaves_nothing_and_says_so(
    number: signal.Signals, working_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # A test run started in the background has SIGINT ignored, and so would its tests.
    own = signal.signal(signal.SIGINT, signal.default_int_handler)
    before, handler = sorted(working_folder.rglob("*")), signal.getsignal(number)

    def stopped(*_: object) -> Image:
        signal.raise_signal(number)
        raise AssertionError

    monkeypatch.setattr(painter.Stylist, "__call__", stopped)
    assert run_command_line(["video", "clip.mp4", "-o", "out.mp4"]) == 130
    assert capsys.readouterr().err.endswith("stopped: nothing is kept, and out.mp4 was not written\n")
    assert sorted(working_folder.rglob("*")) == before
    assert signal.getsignal(number) == handler
    signal.signal(signal.SIGINT, own)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["clip.mp4", "-o", "clip.mp4"], "--overwrite"),
        (["clip.mp4", "out.mp4", "-o", "out.mp4"], "named twice"),
        (["clip.mp4", "-o", "out.gif"], "write out.mp4"),
        (["clip.mp4", "-o", "nowhere/out.mp4"], "nowhere"),
        (["clip.mp4", "-o", "out.mp4", "--style", "grate_wave"], "great_wave"),
        (["clip.mp4", "-o", "out.mp4", "--scale", "3"], "scale"),
        (["bad.mp4", "-o", "out.mp4"], "bad.mp4 holds no video"),
        (["nowhere.mp4", "-o", "out.mp4"], "there is no file"),
        (["clip.mp4", "bad.mp4", "--overwrite"], "-o bad.mp4 --overwrite replaces it, -o FOLDER paints both clips"),
        (["clip.mp4", "clip.mp4", "-o", "out.mp4"], "several clips are to be painted; name a folder"),
        (["clip.mp4", "--overwrite", "--skip-existing"], "contradict each other"),
        (["clip.mp4", "-o", "out.mp4", "--on", "rays"], "must be ray or ray://HOST:PORT"),
        (["clip.mp4", "-o", "out.mp4", "--on", "ray", "--scale", "3"], "scale"),
        (["clip.mp4", "-o", "out.mp4", "--on", "ray", "--engine", "remote"], "is for a live run"),
        (["clip.mp4", "-o", "out.mp4", "--on", "ray", "--engine", "openvino", "--device", "cuda"], "no device 'cuda'"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_and_leaves_no_file(
    words: list[str], said: str, working_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(working_folder.rglob("*"))
    assert said in refusal(["video", *words], capsys)
    assert sorted(working_folder.rglob("*")) == before


def test_of_several_clips_the_good_ones_are_painted(working_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (working_folder / "films").mkdir()
    for name in ("clip.mp4", "bad.mp4"):
        (working_folder / name).rename(working_folder / "films" / name)
    assert run_command_line(["video", "films", "--strength", "0", "--json"]) == 1
    printed = capsys.readouterr()
    assert [clip["frames"] for clip in json.loads(printed.out)["painted"]] == [3]
    assert "failed: films/bad.mp4 holds no video" in printed.err
    assert (working_folder / "films-painted" / "clip.mp4").is_file()
    (working_folder / "films" / "bad.mp4").unlink()
    assert run_command_line(["video", "films", "--skip-existing"]) == 0
    assert capsys.readouterr().out == "nothing to paint; skipped 1 with existing results\n"


def test_a_folder_that_cannot_be_made_is_one_line(working_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (working_folder / "films").mkdir()
    (working_folder / "clip.mp4").rename(working_folder / "films" / "clip.mp4")
    said = refusal(["video", "films", "-o", "bad.mp4/films", "--strength", "0"], capsys)
    assert "bad.mp4/films/clip.mp4 cannot be written: Not a directory" in said


@pytest.mark.parametrize("limit", [1, 2], ids=["stopped", "complete"])
def test_on_a_cluster_ctrl_c_keeps_what_is_painted(
    limit: int, working_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    executor = InlineExecutor(limit, failure=KeyboardInterrupt())
    monkeypatch.setattr(recipe, "limit_threads", lambda _: None)  # this process is not one of the cluster
    monkeypatch.setattr(paint_options, "cluster", lambda address, device: executor)
    status = run_command_line(["video", "clip.mp4", "-o", "out.mp4", "--on", "ray", "--engine", "opencv"])
    printed = capsys.readouterr()
    if limit == 1:
        assert status == 130
        assert "0 of 1 clips are complete, out.mp4.segments is kept; --skip-existing goes on\n" in printed.err
        assert not (working_folder / "out.mp4").exists()
    else:
        assert status == 0
        assert "out.mp4 with starry_night: 3 frames in " in printed.out
        assert (working_folder / "out.mp4").is_file()
    assert (working_folder / "out.mp4.segments").exists() == (limit == 1)
