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

FULL_DISK = "import sys, resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY));"
"""Lets no file grow beyond 100 kB."""

Ending = Callable[[Program], None]

PLAIN = ("--camera", "demo", "--style", "none", "--engine", "opencv")
"""A run that paints nothing, to whose options the test adds its own."""


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


def test_an_older_recording_is_never_replaced(stylecam: Start, tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"an older recording")
    program = stylecam("--camera", "demo", "--style", "none", "--size", "320x180", "--output", f"file:{path}")
    assert f"recording to {tmp_path / 'out-2.mp4'}" in program.output + program.errors
    program.interrupt()
    assert program.finish() == 0
    assert path.read_bytes() == b"an older recording"
    assert complaints(tmp_path / "out-2.mp4") == ""
    assert f"{path} exists or is being recorded; this recording is {tmp_path / 'out-2.mp4'}" in program.errors


def test_two_runs_that_start_at_once_never_write_one_file(stylecam: Start, tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    arguments = [*PLAIN, "--size", "320x180", "--output", f"file:{path}"]
    programs = [stylecam(*arguments, "--seconds", "2", wait=False) for _ in range(2)]
    statuses = sorted(program.finish() for program in programs)
    files = sorted(entry.name for entry in tmp_path.glob("out*"))
    assert (statuses, files) in [([0, 0], ["out-2.mp4", "out.mp4"]), ([0, 2], ["out.mp4"])]
    assert [complaints(tmp_path / name) for name in files] == [""] * len(files)


@pytest.mark.parametrize("encoder", ["av", "cv2"])
@pytest.mark.parametrize("others", [(), ("--output", "null")], ids=["alone", "beside another"])
def test_a_disk_that_takes_no_more_is_reported_with_what_is_left(
    stylecam: Start, tmp_path: Path, encoder: str, others: tuple[str, ...]
) -> None:
    if encoder == "av":
        pytest.importorskip("av", reason="PyAV is not installed")
    path = tmp_path / "out.mp4"
    limited = f"{FULL_DISK} sys.modules['av'] = None;" if encoder == "cv2" else FULL_DISK
    command = [sys.executable, "-c", f"{limited} sys.argv[0] = 'stylecam'; import stylecam.cli; stylecam.cli.main()"]
    arguments = [*PLAIN, "--size", "640x360", "--output", f"file:{path}", *others]
    program = stylecam(*arguments, "--seconds", "5", command=[*command, "run"], wait=False)
    status = program.finish()
    (reason,) = [line for line in program.errors.splitlines() if f"recording {path}" in line]
    part = tmp_path / "out.part.mp4"
    if encoder == "av":
        assert status == (0 if others else 1)
        assert "File too large" in reason
    else:
        assert status == 2
        assert "could not be finished: OpenCV could not write all of it" in reason
    assert reason.endswith(f"what could be written is in {part}")
    assert [entry.name for entry in tmp_path.glob("out*")] == [part.name]
    assert "Traceback" not in program.errors
