"""Whatever a user gets wrong: one clear line, exit status 2, no traceback, nothing half-written."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from stylecam.cli.group import run_command_line
from stylecam.media.sources import devices
from stylecam.media.sources import factory as source_factory
from stylecam.media.sources.devices import Camera
from tests.cli.fixtures import refusal

pytestmark = pytest.mark.usefixtures("own_settings")

Complain = Callable[..., str]

ENOUGH = ("--camera", "demo", "--output", "null", "--seconds", "0.1", "--size", "128x96", "--no-hotkeys")
"""Arguments of a run that would work."""


@pytest.fixture
def complaint(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Complain:
    """Run `stylecam run` with these arguments; the one line of complaint, after checking that it is one."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def run(*arguments: str, enough: tuple[str, ...] = ENOUGH) -> str:
        before = sorted(tmp_path.rglob("*"))
        status = run_command_line(["run", *enough, *arguments])
        captured = capsys.readouterr()
        assert status == 2, captured.err
        assert captured.out == ""
        assert captured.err.startswith("stylecam: ")
        assert captured.err.count("\n") == 1
        assert "Traceback" not in captured.err
        assert sorted(tmp_path.rglob("*")) == before
        return captured.err

    return run


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--style", "grate_wave"], "did you mean great_wave"),
        (["--style", "xqzj"], "there are starry_night"),
        (["--style", "great_wave:x"], "write a:0.6,b:0.4"),
        (["--style", "missing.onnx"], "missing.onnx cannot be read"),
        (["--size", "641x480"], "write 642x480"),
        (["--size", "10x10"], "between 64 and 4096"),
        (["--size", "100000x100000"], "between 64 and 4096"),
        (["--size", "big"], "write for instance 1280x720"),
        (["--fps", "0"], "--fps 0 is out of range"),
        (["--fps", "1000"], "--fps 1000 is out of range"),
        (["--fps", "nan"], "out of range"),
        (["--fps", "fast"], "'fast' is not a number; write for example 1.5"),
        (["--strength", "2"], "--strength 2 is out of range"),
        (["--strength", "-0.1"], "out of range"),
        (["--strength", "120%"], "--strength 1.2 is out of range"),
        (["--strength", "half"], "write for example 0.8 or 80%"),
        (["--size", "719p"], "write for instance 1280x720 or 720p"),
        (["--paint", "persn"], "--paint 'persn' must be everything, person or room; did you mean person?"),
        (["--framing", "far"], "--framing 'far' must be off, gentle or close"),
        (["--face", "2"], "--face 2 is out of range"),
        (["--room", "blurr"], "there is no room 'blurr'; did you mean blur?"),
        (["--room", "color:greenish"], "'greenish' is not a color; write #RRGGBB"),
        (["--room", "picture:beach.jpg"], "beach.jpg; check the path"),
        (["--room", "style:starry_nigt"], "did you mean starry_night"),
        (["--room", "style:none"], "style:none would be no painting"),
        (["--paint", "room", "--room", "blur"], "--paint room paints the room in the style, and --room blur:0.6 does"),
        (["--scale", "0.1"], "--scale 0.1 is out of range"),
        (["--scale", "half"], "must be auto or a number"),
        (["--threads", "0"], "--threads 0 is out of range"),
        (["--threads", "-4"], "out of range"),
        (["--seconds", "0"], "--seconds 0 is out of range"),
        (["--seconds", "-5"], "out of range"),
        (["--engine", "tensorflow"], "there is no engine 'tensorflow'"),
        (["--device", "tpu"], "choose auto, cpu, cuda"),
        (["--engine", "opencv", "--device", "gpu"], "opencv has no device 'gpu'; choose auto, cpu, cuda"),
        (["--tier", "medium"], "there is no tier 'medium'; choose auto, rich or lean"),
        (["--output", "virtul"], "is none of virtual"),
        (["--output", "web:99999"], "is not a port"),
        (["--output", "web:²"], "is not a port"),
        (["--output", "srt:x"], "it needs a host and a port; write for example srt:9000"),
        (["--output", "srt:70000"], "not a number from 1 to 65535"),
        (["--output", "srt://host:9000?passphrase=short"], "10 to 79 characters"),
        (["--output", "udp:5000"], "write for example udp:127.0.0.1:5000"),
        (["--output", "rtmp://host/app"], "a stream key; write for example rtmp://HOST/APP/KEY"),
        (["--output", "srt:9000", "--output", "srt:9000"], "name each output once"),
        (["--stream-bitrate", "1"], "--stream-bitrate 1 is out of range"),
        (["--output", "file:"], "name the file"),
        (["--output", "file:talk.avi"], "talk.avi.mp4"),
        (["--output", "file:missing/talk.mp4"], "there is no folder missing"),
        (["--output", "null"], "name each output once"),
        (["--output", "file:a.mp4", "--output", "file:./a.mp4"], "name each output once"),
        (["--stats", "missing/stats.json"], "missing/stats.json cannot be written"),
        (["--stats", "."], "name a file"),
        (["--hotkey", "next"], "is not ORDER=KEYS"),
        (["--hotkey", "next=n"], "would fire while typing"),
        (["--hotkey", "next=ctrl+nn"], "is not a key"),
        (["--hotkey", "nxt=ctrl+alt+n"], "there is no action 'nxt'"),
        (["--hotkey", "next=ctrl+alt+p"], "both"),
        (["--obs", "http://studio"], "--obs is not an address"),
        (["--config", "missing.toml"], "there is no such file"),
        (["--nonsense"], "there is no option --nonsense"),
        (["--style"], "requires an argument"),
        (["extra"], "extra"),
    ],
    ids=" ".join,
)
def test_a_wrong_value_is_one_clear_line(complaint: Complain, arguments: list[str], says: str) -> None:
    assert says in complaint(*arguments)


CAMERAS = [Camera(0, "HD Webcam", "/dev/video0", "usb-1"), Camera(2, "HD Capture", "/dev/video2", "usb-2")]


@pytest.fixture
def two_cameras(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (devices, source_factory):
        monkeypatch.setattr(module, "list_cameras", lambda: list(CAMERAS))


@pytest.mark.usefixtures("two_cameras")
@pytest.mark.parametrize("camera", ["7", "Logitech", "/dev/video9", "²"])
def test_an_unknown_camera_lists_those_found(complaint: Complain, camera: str) -> None:
    line = complaint("--camera", camera)
    assert "HD Webcam (/dev/video0)" in line
    assert "HD Capture (/dev/video2)" in line


@pytest.mark.usefixtures("two_cameras")
def test_an_ambiguous_camera_lists_those_it_fits(complaint: Complain) -> None:
    assert "fits several cameras" in complaint("--camera", "hd")


@pytest.mark.parametrize("name", ["clip.mp4", "face.jpg", "folder", "/no/such/thing"])
def test_a_missing_or_empty_input_is_named(complaint: Complain, name: str, tmp_path: Path) -> None:
    (tmp_path / "here" / "folder").mkdir()
    assert name in complaint("--camera", name)


@pytest.mark.parametrize("name", ["clip.mp4", "face.jpg", "notes.bin"])
def test_an_unreadable_input_is_named(complaint: Complain, name: str, tmp_path: Path) -> None:
    (tmp_path / "here" / name).write_bytes(b"this is neither a video nor a picture" * 100)
    assert name in complaint("--camera", name)


def test_a_picture_hardly_wider_than_a_line_is_shown_or_named(tmp_path: Path) -> None:
    import cv2
    import numpy as np

    cv2.imwrite(str(tmp_path / "line.png"), np.zeros((2000, 1, 3), np.uint8))
    assert run_command_line(["run", *ENOUGH, "--style", "none", "--camera", str(tmp_path / "line.png")]) in (0, 2)


@pytest.mark.parametrize("data", [b"", b"not a network", bytes(1000)], ids=["empty", "text", "zeros"])
def test_a_broken_network_is_named(complaint: Complain, data: bytes, tmp_path: Path) -> None:
    (tmp_path / "here" / "broken.onnx").write_bytes(data)
    assert "broken.onnx" in complaint("--style", "broken.onnx")


def test_a_foreign_network_is_named_with_the_form_wanted(complaint: Complain, tmp_path: Path) -> None:
    from tests.models.networks import network

    network(tmp_path / "here" / "foreign.onnx", {"input": (1, 3, "H", "W")}, "output")
    assert "stylecam needs input 'image'" in complaint("--style", "foreign.onnx")


def test_a_port_in_use_is_named_with_another(complaint: Complain) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = complaint("--output", f"web:{port}", enough=("--camera", "demo", "--style", "none"))
    assert f"port {port} is in use" in line


def test_when_one_output_cannot_be_had_the_recording_beside_it_leaves_no_file(complaint: Complain) -> None:
    complaint("--output", "file:talk.mp4", "--output", "file:missing/talk.mp4")


def test_a_statistics_file_that_cannot_be_written_is_known_before_the_run(
    complaint: Complain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a read-only folder."""

    opened = Path.open

    def refuse(self: Path, mode: str = "r", **how: Any) -> Any:
        if "x" in mode:
            raise PermissionError(13, "Permission denied")
        return opened(self, mode, **how)

    monkeypatch.setattr(Path, "open", refuse)
    assert "stats.json" in complaint("--stats", str(tmp_path / "stats.json"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[run]\nstile = 'great_wave'", "did you mean style?"),
        ("[run", "config.toml"),
        ("[run]\nfps = 'fast'", "config.toml"),
        ("[run]\noutput = 5", "--output 5"),
        ('[run]\noutput = "nul"', "--output nul"),
        ("[hotkeys]\nnext = 'n'", "while typing"),
    ],
)
def test_a_wrong_configuration_file_is_one_clear_line(
    complaint: Complain, own_settings: Path, text: str, says: str
) -> None:
    own_settings.write_text(text)
    assert says in complaint(enough=("--camera", "demo", "--style", "none", "--seconds", "0.1", "--size", "64x64"))


@pytest.mark.parametrize("value", ["fast", "1000"])
def test_a_wrong_variable_is_named(complaint: Complain, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("STYLECAM_FPS", value)
    assert "STYLECAM_FPS" in complaint()


def test_what_following_obs_needs_is_told_where_it_is_missing(
    complaint: Complain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "simpleobsws", None)
    assert 'pip install "stylecam[obs]"' in complaint("--obs", "--style", "none")


@pytest.mark.skipif(sys.platform == "win32", reason="no such path on Windows")
def test_a_size_no_badge_fits_is_shown_or_refused() -> None:
    arguments = ["--camera", "demo", "--output", "null", "--seconds", "0.1", "--no-hotkeys", "--style", "none"]
    assert run_command_line(["run", *arguments, "--size", "64x4096"]) in (0, 2)


@pytest.mark.parametrize("arguments", [["paint"], ["--nonsense"], ["styles", "x"], ["cameras", "--nonsense"]])
def test_a_wrong_command_is_one_clear_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("command", ["run", "image", "video", "sheet"])
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--room", "picture:missing.png"], "there is no file"),
        (["--room", "color:nope"], "'nope' is not a color; write #RRGGBB"),
        (["--room", "style:nope"], "no style is called 'nope'"),
        (["--face", "2"], "face 2 is out of range"),
        (["--framing", "fast"], "--framing"),
    ],
    ids=str,
)
def test_every_command_refuses_a_wrong_room_face_or_framing(
    command: str, words: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / ("clip.mp4" if command == "video" else "photo.png")
    cv2.imwrite(str(tmp_path / "photo.png"), np.zeros((48, 64, 3), np.uint8))
    source.touch()
    assert says in refusal([command, *(ENOUGH if command == "run" else [str(source)]), *words], capsys)
