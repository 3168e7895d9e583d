"""Faults of the PipeWire camera, with scripts in place of the real programs; the real ones are in tests/end_to_end."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stylecam.errors import SinkLostError, SinkUnavailableError
from stylecam.media.frame import Size
from stylecam.media.sinks.pipewire import PipeWireSink
from stylecam.testing import gray_image
from tests.doubles import frame, until

SIZE = Size(128, 96)
SHOWN = 'printf \'[\\n{"id": 7, "info": {"state": "%s", "props": {"stylecam.camera": "camera-test"}}}\\n]\\n\''
WATCHING = f"{SHOWN % 'suspended'}; exec sleep 60"

posix = pytest.mark.skipif(sys.platform != "linux", reason="PipeWire is a part of Linux")


class Bin:
    """A folder that is all of the PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, name: str, script: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n", "utf-8")
        path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bin:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(secrets, "token_hex", lambda _: "test")
    return Bin(tmp_path)


@pytest.fixture
def sink() -> Iterator[PipeWireSink]:
    sink = PipeWireSink()
    yield sink
    sink.close()


def refusal(sink: PipeWireSink) -> str:
    with pytest.raises(SinkUnavailableError) as caught:
        sink.open(SIZE, 30)
    assert "\n" not in str(caught.value)
    assert not sink.opened
    return str(caught.value)


def test_it_is_unavailable_on_other_systems_than_linux(sink: PipeWireSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert "PipeWire is a part of Linux" in refusal(sink)


@posix
@pytest.mark.usefixtures("programs")
def test_missing_programs_are_named(sink: PipeWireSink) -> None:
    assert "gst-launch-1.0 and pw-dump not found" in refusal(sink)


@posix
@pytest.mark.parametrize(
    ("manager", "package"),
    [("apt-get", "gstreamer1.0-pipewire"), ("dnf", "pipewire-gstreamer"), ("pacman", "gst-plugin-pipewire")],
)
def test_each_system_is_told_what_to_install(sink: PipeWireSink, programs: Bin, manager: str, package: str) -> None:
    programs.put(manager, "")
    assert package in refusal(sink)


@posix
def test_without_the_plugin_it_says_what_to_install(sink: PipeWireSink, programs: Bin) -> None:
    programs.put("apt-get", "")
    programs.put("pw-dump", "echo '['; echo ']'; exec sleep 60")
    programs.put("gst-launch-1.0", "echo 'WARNING: erroneous pipeline: no element \"pipewiresink\"' >&2; exit 1")
    told = refusal(sink)
    assert 'no element "pipewiresink"' in told
    assert "gstreamer1.0-pipewire" in told


@posix
def test_without_pipewire_it_says_how_to_start_it(sink: PipeWireSink, programs: Bin) -> None:
    programs.put("pw-dump", 'echo "can\'t connect: Host is down" >&2; exit 255')
    programs.put("gst-launch-1.0", "exec sleep 60")
    told = refusal(sink)
    assert "can't connect: Host is down" in told
    assert "systemctl --user start pipewire" in told


@posix
def test_the_programs_first_error_is_shown_and_not_what_follows(sink: PipeWireSink, programs: Bin) -> None:
    programs.put("pw-dump", WATCHING)
    programs.put("gst-launch-1.0", "echo 'ERROR: it broke' >&2; echo 'Freeing pipeline ...'; exit 1")
    sink.open(SIZE, 30)

    def write() -> bool:
        sink.write(frame())
        return False

    with pytest.raises(SinkLostError, match="ERROR: it broke"):
        until(write)
    sink.close()


@posix
def test_a_program_that_hangs_delays_neither_writing_nor_closing(sink: PipeWireSink, programs: Bin) -> None:
    programs.put("pw-dump", WATCHING)
    programs.put("gst-launch-1.0", "trap '' TERM INT; while :; do sleep 60; done")
    sink.open(Size(1280, 720), 30)
    picture = frame(image=gray_image(10, Size(1280, 720)))
    for _ in range(60):
        sink.write(picture)
    camera = sink._camera
    assert camera is not None
    sink.close()
    assert not camera.program.running


@posix
@pytest.mark.parametrize(("state", "has_viewers"), [("running", True), ("idle", False), ("suspended", False)])
def test_it_has_viewers_while_its_node_runs(sink: PipeWireSink, programs: Bin, state: str, has_viewers: bool) -> None:
    programs.put("pw-dump", f"{SHOWN % state}; exec sleep 60")
    programs.put("gst-launch-1.0", "exec sleep 60")
    sink.open(SIZE, 30)
    assert sink.has_viewers() is has_viewers


@posix
def test_a_camera_that_ended_with_its_last_reader_is_made_again(
    sink: PipeWireSink, programs: Bin, tmp_path: Path
) -> None:
    programs.put("pw-dump", WATCHING)
    once = "ERROR: from element: all buffers have been removed"
    programs.put("gst-launch-1.0", f"echo x >> {tmp_path}/starts; [ -e {tmp_path}/again ] && exec sleep 60\n"
                 f": > {tmp_path}/again; echo '{once}'; exit 1")  # fmt: skip
    sink.open(SIZE, 30)

    starts = tmp_path / "starts"

    def started_twice() -> bool:
        sink.write(frame())
        return starts.exists() and starts.read_text("ascii").count("x") == 2

    assert until(started_twice)
    sink.write(frame())


@posix
def test_frames_arrive_whole_however_small_the_parts(sink: PipeWireSink, programs: Bin, tmp_path: Path) -> None:
    programs.put("pw-dump", WATCHING)
    programs.put("gst-launch-1.0", f"exec dd bs=1000 of={tmp_path}/fed 2>/dev/null")
    sink.open(SIZE, 30)
    fed, whole = tmp_path / "fed", SIZE.width * SIZE.height * 3
    for level in range(1, 6):
        sink.write(frame(image=gray_image(level, SIZE)))
        assert until(lambda size=level * whole: fed.exists() and fed.stat().st_size == size)  # type: ignore[misc]
    content = fed.read_bytes()
    assert [set(content[at : at + whole]) for at in range(0, len(content), whole)] == [{n} for n in range(1, 6)]
