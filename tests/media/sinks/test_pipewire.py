"""Tests of failures of the PipeWire camera, with scripts in place of the programs it starts."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stylecam.errors import SinkLostError, SinkUnavailableError
from stylecam.media.frame import Size
from stylecam.media.sinks.pipewire import PipeWireSink
from stylecam.media.testing import gray_image
from stylecam.utils.clock import ManualClock
from tests.doubles import frame, until

SIZE = Size(128, 96)
DUMP = 'printf \'[\\n{"id": 7, "info": {"state": "%s", "props": {"stylecam.camera": "camera-test"}}}\\n]\\n\''
IDLE_DUMP = f"{DUMP % 'suspended'}; exec sleep 60"

posix = pytest.mark.skipif(sys.platform != "linux", reason="PipeWire is a part of Linux")


class FakePrograms:
    """Shell scripts in a folder that is the whole PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, name: str, script: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n", "utf-8")
        path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePrograms:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(secrets, "token_hex", lambda _: "test")
    return FakePrograms(tmp_path)


@pytest.fixture
def sink() -> Iterator[PipeWireSink]:
    sink = PipeWireSink()
    yield sink
    sink.close()


def open_error(sink: PipeWireSink) -> str:
    with pytest.raises(SinkUnavailableError) as caught:
        sink.open(SIZE, 30)
    assert "\n" not in str(caught.value)
    assert not sink.opened
    return str(caught.value)


def test_it_is_unavailable_on_other_systems_than_linux(sink: PipeWireSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert "PipeWire is a part of Linux" in open_error(sink)


@posix
@pytest.mark.usefixtures("programs")
def test_missing_programs_are_named(sink: PipeWireSink) -> None:
    assert "gst-launch-1.0 and pw-dump not found" in open_error(sink)


@posix
@pytest.mark.parametrize(
    ("manager", "package"),
    [("apt-get", "gstreamer1.0-pipewire"), ("dnf", "pipewire-gstreamer"), ("pacman", "gst-plugin-pipewire")],
)
def test_each_system_is_told_what_to_install(
    sink: PipeWireSink, programs: FakePrograms, manager: str, package: str
) -> None:
    programs.add(manager, "")
    assert package in open_error(sink)


@posix
def test_without_the_plugin_it_says_what_to_install(sink: PipeWireSink, programs: FakePrograms) -> None:
    programs.add("apt-get", "")
    programs.add("pw-dump", "echo '['; echo ']'; exec sleep 60")
    programs.add("gst-launch-1.0", "echo 'WARNING: erroneous pipeline: no element \"pipewiresink\"' >&2; exit 1")
    message = open_error(sink)
    assert 'no element "pipewiresink"' in message
    assert "gstreamer1.0-pipewire" in message


@posix
def test_without_pipewire_it_says_how_to_start_it(sink: PipeWireSink, programs: FakePrograms) -> None:
    programs.add("pw-dump", 'echo "can\'t connect: Host is down" >&2; exit 255')
    programs.add("gst-launch-1.0", "exec sleep 60")
    message = open_error(sink)
    assert "can't connect: Host is down" in message
    assert "systemctl --user start pipewire" in message


@posix
def test_on_a_busy_computer_pipewire_is_waited_for(sink: PipeWireSink, programs: FakePrograms) -> None:
    programs.add("pw-dump", f"sleep 1; {IDLE_DUMP}")
    programs.add("gst-launch-1.0", "exec sleep 60")
    sink.open(SIZE, 30)
    assert sink.has_viewers() is False


@posix
def test_only_the_first_error_of_the_program_is_shown(sink: PipeWireSink, programs: FakePrograms) -> None:
    programs.add("pw-dump", IDLE_DUMP)
    programs.add("gst-launch-1.0", "echo 'ERROR: it broke' >&2; echo 'Freeing pipeline ...'; exit 1")
    sink.open(SIZE, 30)

    def write() -> bool:
        sink.write(frame())
        return False

    with pytest.raises(SinkLostError, match="ERROR: it broke"):
        until(write)
    sink.close()


@posix
def test_a_program_that_hangs_delays_neither_writing_nor_closing(sink: PipeWireSink, programs: FakePrograms) -> None:
    programs.add("pw-dump", IDLE_DUMP)
    programs.add("gst-launch-1.0", "trap '' TERM INT; while :; do sleep 60; done")
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
def test_it_has_viewers_while_its_node_runs(
    sink: PipeWireSink, programs: FakePrograms, state: str, has_viewers: bool
) -> None:
    programs.add("pw-dump", f"{DUMP % state}; exec sleep 60")
    programs.add("gst-launch-1.0", "exec sleep 60")
    sink.open(SIZE, 30)
    assert sink.has_viewers() is has_viewers


@posix
def test_a_camera_that_ended_with_its_last_reader_is_restarted(
    sink: PipeWireSink, programs: FakePrograms, tmp_path: Path
) -> None:
    programs.add("pw-dump", IDLE_DUMP)
    lost_buffers = "ERROR: from element: all buffers have been removed"
    programs.add("gst-launch-1.0", f"echo x >> {tmp_path}/starts; [ -e {tmp_path}/again ] && exec sleep 60\n"
                 f": > {tmp_path}/again; echo '{lost_buffers}'; exit 1")  # fmt: skip
    sink.open(SIZE, 30)

    starts = tmp_path / "starts"

    def started_twice() -> bool:
        sink.write(frame())
        return starts.exists() and starts.read_text("ascii").count("x") == 2

    assert until(started_twice)
    sink.write(frame())


@posix
def test_frames_arrive_whole_through_a_slow_pipe(sink: PipeWireSink, programs: FakePrograms, tmp_path: Path) -> None:
    programs.add("pw-dump", f"{DUMP % 'running'}; exec sleep 60")
    programs.add("gst-launch-1.0", f"exec dd bs=1000 of={tmp_path}/received 2>/dev/null")
    sink.open(SIZE, 30)
    received, whole = tmp_path / "received", SIZE.width * SIZE.height * 3
    for level in range(1, 6):
        sink.write(frame(image=gray_image(level, SIZE)))
        assert until(lambda size=level * whole: received.exists() and received.stat().st_size == size)  # type: ignore[misc]
    content = received.read_bytes()
    assert [set(content[at : at + whole]) for at in range(0, len(content), whole)] == [{n} for n in range(1, 6)]


@posix
def test_while_nobody_reads_it_few_frames_are_converted(
    programs: FakePrograms, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.add("pw-dump", IDLE_DUMP)
    programs.add("gst-launch-1.0", "exec sleep 60")
    sink = PipeWireSink(clock)
    sink.open(SIZE, 30)
    shown: list[int] = []
    monkeypatch.setattr(sink._camera, "show", lambda image: shown.append(int(image[0, 0, 0])))
    for number in range(60):
        sink.write(frame(image=gray_image(number, SIZE)))
        clock.advance(1 / 30)
    sink.close()
    assert len(shown) == 5
