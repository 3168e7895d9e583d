"""Recordings, as the programs that will play them see them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Need, Start
from tests.end_to_end.outside import Program, complaints, probe

pytestmark = pytest.mark.system

WITHOUT_PYAV = (
    "import sys; sys.modules['av'] = None; sys.argv[0] = 'stylecam'; import stylecam.cli; stylecam.cli.main()"
)

Ending = Callable[[Program], None]


def by_itself(program: Program) -> None:
    """`--seconds` ends it."""


def by_ctrl_c(program: Program) -> None:
    program.interrupt()


def by_sigterm(program: Program) -> None:
    program.terminate()


def record(stylecam: Start, path: Path, ending: Ending, command: list[str] | None = None) -> Program:
    """A run of about two seconds recorded to `path`, ended by `ending`."""
    arguments = ["--camera", "demo", "--style", "udnie", "--size", "320x180", "--output", f"file:{path}"]
    program = stylecam(*arguments, "--seconds", "2" if ending is by_itself else "60", command=command)
    if ending is not by_itself:
        program.wait_until("a second of recording", lambda stats: stats["published"] >= 45)
    ending(program)
    assert program.finish() == 0, program.errors
    return program


@pytest.fixture(autouse=True)
def readers(need: Need) -> None:
    need("ffmpeg")
    need("ffprobe")


@pytest.mark.parametrize("ending", [by_itself, by_ctrl_c, by_sigterm], ids=lambda ending: str(ending.__name__))
def test_a_recording_is_whole_however_the_run_ends(stylecam: Start, tmp_path: Path, ending: Ending) -> None:
    path = tmp_path / "out.mp4"
    pytest.importorskip("av", reason="PyAV is not installed")
    program = record(stylecam, path, ending)
    found = probe(path, "-count_frames")
    assert complaints(path) == ""
    assert (found["codec_name"], found["width"], found["height"]) == ("h264", 320, 180)
    assert Fraction(found["r_frame_rate"]) == 30
    assert float(found["duration"]) == pytest.approx(program.stats()["published"] / 30, abs=0.5)
    assert int(found["nb_read_frames"]) == pytest.approx(program.stats()["published"], abs=9)
    assert [entry.name for entry in tmp_path.glob("out*")] == ["out.mp4"]


def test_without_pyav_a_recording_is_mpeg4_and_whole(stylecam: Start, tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    program = record(stylecam, path, by_ctrl_c, [sys.executable, "-c", WITHOUT_PYAV, "run"])
    found = probe(path, "-count_frames")
    assert complaints(path) == ""
    assert (found["codec_name"], found["width"], found["height"]) == ("mpeg4", 320, 180)
    assert Fraction(found["r_frame_rate"]) == 30
    assert int(found["nb_read_frames"]) == pytest.approx(program.stats()["published"], abs=9)


def test_what_a_power_cut_leaves_can_still_be_played(stylecam: Start, tmp_path: Path) -> None:
    pytest.importorskip("av", reason="PyAV is not installed")
    path, left = tmp_path / "out.mp4", tmp_path / "out.part.mp4"
    program = stylecam("--camera", "demo", "--style", "udnie", "--size", "320x180", "--output", f"file:{path}")
    program.wait_until("three seconds of recording", lambda stats: stats["published"] >= 100)
    program.kill()
    assert not path.exists()
    found = probe(left, "-count_frames")
    assert (found["codec_name"], found["width"], found["height"]) == ("h264", 320, 180)
    assert int(found["nb_read_frames"]) >= 30


def test_a_recording_beside_the_page_takes_the_old_ones_place_only_when_whole(stylecam: Start, tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"an older recording")
    program = stylecam("--camera", "demo", "--style", "none", "--size", "320x180", "--output", f"file:{path}")
    assert path.read_bytes() == b"an older recording"
    program.interrupt()
    assert program.finish() == 0
    assert complaints(path) == ""
