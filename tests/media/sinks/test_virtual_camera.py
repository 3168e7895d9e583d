"""Tests of the virtual camera through pyvirtualcam with a fake backend."""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import pyvirtualcam
from pyvirtualcam import camera as pyvirtualcam_camera

from stylecam.errors import SinkClosedError, SinkLostError, SinkUnavailableError
from stylecam.live.publisher import SinkRunner
from stylecam.media import v4l2
from stylecam.media.frame import Frame, Size
from stylecam.media.sinks import virtual_camera
from stylecam.media.sinks.virtual_camera import NAMES_EVERY, VirtualCameraSink, install_hint
from stylecam.media.testing import CollectingSink, gray_image
from stylecam.utils import file_lock
from tests.doubles import frame

SIZE = Size(128, 96)


class FakeDevice:
    """A pyvirtualcam backend that keeps the frames; it follows `pyvirtualcam.Backend`."""

    opened: ClassVar[list[FakeDevice]] = []
    open_errors: ClassVar[list[str]] = []
    send_errors: ClassVar[list[Exception]] = []

    def __init__(self, *, width: int, height: int, fps: float, fourcc: int, device: str | None, **_: Any) -> None:
        if self.open_errors:
            raise RuntimeError(self.open_errors[0])
        self.size, self.fps, self._device = Size(width, height), fps, device or "test camera"
        self.frames: list[Any] = []
        self.closed = 0
        self.opened.append(self)

    def close(self) -> None:
        self.closed += 1

    def send(self, frame: Any) -> None:
        if self.send_errors:
            raise self.send_errors[0]
        self.frames.append(frame.reshape(self.size.height, self.size.width, 3).copy())

    def device(self) -> str:
        return self._device

    def native_fourcc(self) -> int | None:
        return None


@pytest.fixture(autouse=True)
def _only_the_fake_backend(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Replace all backends, so that no real device is touched."""
    monkeypatch.setattr(pyvirtualcam_camera, "BACKENDS", {})
    monkeypatch.setattr(v4l2, "device_paths", list)
    pyvirtualcam.register_backend("test", FakeDevice)
    yield
    for entries in (FakeDevice.opened, FakeDevice.open_errors, FakeDevice.send_errors):
        entries.clear()


@pytest.fixture
def sink() -> Iterator[VirtualCameraSink]:
    sink = VirtualCameraSink()
    yield sink
    sink.close()


def test_frames_arrive_unchanged_and_in_order(sink: VirtualCameraSink) -> None:
    sink.open(SIZE, 30)
    images = [np.random.default_rng(i).integers(0, 256, (96, 128, 3), np.uint8) for i in range(3)]
    for i, image in enumerate(images):
        sink.write(Frame(image, i, 0.0))
    assert all(np.array_equal(sent, image) for sent, image in zip(FakeDevice.opened[0].frames, images, strict=True))


def test_the_camera_has_the_requested_size_and_rate(sink: VirtualCameraSink) -> None:
    sink.open(SIZE, 25)
    assert (FakeDevice.opened[0].size, FakeDevice.opened[0].fps) == (SIZE, 25)


def test_the_open_sink_is_named_after_its_device(sink: VirtualCameraSink) -> None:
    sink.open(SIZE, 30)
    assert sink.name == "virtual camera test camera"
    assert sink.device == "test camera"


def test_a_device_requested_by_name_is_used() -> None:
    sink = VirtualCameraSink("My Camera")
    sink.open(SIZE, 30)
    sink.close()
    assert FakeDevice.opened[0].device() == "My Camera"


def test_closing_closes_the_device_once(sink: VirtualCameraSink) -> None:
    sink.open(SIZE, 30)
    sink.close()
    sink.close()
    assert FakeDevice.opened[0].closed == 1


def test_writing_before_opening_raises(sink: VirtualCameraSink) -> None:
    with pytest.raises(SinkClosedError):
        sink.write(frame())


def test_without_a_virtual_camera_it_says_why_and_how_to_get_one(sink: VirtualCameraSink) -> None:
    FakeDevice.open_errors.append("no such\n  device; run: sudo modprobe v4l2loopback")
    with pytest.raises(SinkUnavailableError) as caught:
        sink.open(SIZE, 30)
    reason = "v4l2loopback has no device" if sys.platform == "linux" else "'test' backend: no such device; "
    assert f"({reason}" in str(caught.value)
    assert install_hint() in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is OBS's camera")
def test_the_program_that_holds_the_device_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeDevice.open_errors.append("not a video output device")
    monkeypatch.setattr(v4l2, "holders", lambda path: [(412, "ffmpeg")])
    with pytest.raises(SinkUnavailableError, match=r"close ffmpeg \(process 412\); stylecam doctor says more"):
        VirtualCameraSink("/dev/null").open(SIZE, 30)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is OBS's camera")
def test_without_permission_it_says_how_to_get_it(sink: VirtualCameraSink, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeDevice.open_errors.append("missing permissions")
    monkeypatch.setattr(v4l2, "device_paths", lambda: ["/dev/null"])
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(SinkUnavailableError, match='run: sudo usermod -aG video "\\$USER"'):
        sink.open(SIZE, 30)


def test_opening_can_be_retried(sink: VirtualCameraSink) -> None:
    FakeDevice.open_errors.append("busy")
    with pytest.raises(SinkUnavailableError):
        sink.open(SIZE, 30)
    FakeDevice.open_errors.clear()
    sink.open(SIZE, 30)
    assert sink.opened


@pytest.mark.parametrize("error", [RuntimeError("device gone"), OSError("device gone"), ValueError("device gone")])
def test_a_failing_write_is_reported(sink: VirtualCameraSink, error: Exception) -> None:
    sink.open(SIZE, 30)
    FakeDevice.send_errors.append(error)
    with pytest.raises(SinkLostError, match="test camera took no more frames: device gone"):
        sink.write(frame())


def test_a_camera_that_fails_temporarily_recovers_and_other_sinks_continue(sink: VirtualCameraSink) -> None:
    other = CollectingSink()
    sink_runners = [SinkRunner(sink, SIZE, 30), SinkRunner(other, SIZE, 30)]
    for runner in sink_runners:
        runner.open()
    for tick in range(150):
        if tick == 30:
            FakeDevice.send_errors.append(RuntimeError("device gone"))
        if tick == 75:
            FakeDevice.send_errors.clear()
        for runner in sink_runners:
            runner.write(frame(tick), tick / 30)
    assert len(other.frames) == 150
    assert sink_runners[0].trouble is None
    assert len(FakeDevice.opened[-1].frames) > 30


def test_a_failed_camera_is_closed_before_it_is_reopened(sink: VirtualCameraSink) -> None:
    runner = SinkRunner(sink, SIZE, 30)
    runner.open()
    FakeDevice.send_errors.append(RuntimeError("device gone"))
    runner.write(frame(), 0.0)
    assert FakeDevice.opened[0].closed == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has device files")
def test_a_removed_device_file_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = VirtualCameraSink()
    sink.open(SIZE, 30)
    monkeypatch.setattr(FakeDevice, "device", lambda _: "/dev/no-such-video-device")

    def write_for_two_seconds() -> None:
        for _ in range(60):
            sink.write(frame())

    with pytest.raises(SinkLostError, match="has gone"):
        write_for_two_seconds()
    sink.close()


@pytest.mark.skipif(sys.platform != "linux", reason="v4l2loopback is Linux")
def test_a_camera_in_use_at_another_size_is_refused_with_that_size(
    sink: VirtualCameraSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(v4l2, "loopback_format", lambda _: "YU12:640x480@30/1")
    with pytest.raises(SinkUnavailableError, match="use --size 640x480"):
        sink.open(SIZE, 30)
    assert FakeDevice.opened[0].closed == 1


@pytest.mark.parametrize(
    ("platform", "message"),
    [("win32", "install OBS Studio"), ("darwin", "Start Virtual Camera"), ("linux", "stylecam setup")],
)
def test_each_system_is_told_how_to_get_a_virtual_camera(
    platform: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert message in install_hint()


def test_the_array_may_be_reused_after_writing(sink: VirtualCameraSink) -> None:
    sink.open(SIZE, 30)
    image = gray_image(10, SIZE)
    sink.write(Frame(image, 0, 0.0))
    image[:] = 200
    assert FakeDevice.opened[0].frames[0].max() == 10


def test_viewers_are_unknown_with_other_backends(sink: VirtualCameraSink) -> None:
    sink.open(SIZE, 30)
    assert sink.has_viewers() is None


@pytest.mark.skipif(sys.platform != "linux", reason="v4l2loopback is Linux")
def test_a_loopback_device_has_viewers_while_a_program_reads_it(
    sink: VirtualCameraSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stylecam.media import v4l2_readers as readers

    class FakeDetector(readers.ReaderDetector):
        closed = 0

        def reading(self) -> bool:
            return True

        def close(self) -> None:
            self.closed += 1

    detector = FakeDetector()
    monkeypatch.setattr(readers, "reader_detector", lambda _: detector)
    loopback = v4l2.Capability("/dev/video-none", "stylecam", "v4l2 loopback", "", v4l2.OUTPUT)
    monkeypatch.setattr(v4l2, "device_paths", lambda: [loopback.path])
    monkeypatch.setattr(v4l2, "query_capability", lambda _: loopback)
    searches: list[str] = []

    def names(device: str) -> tuple[str, ...]:
        searches.append(device)
        return ("zoom",)

    monkeypatch.setattr(readers, "reader_names", names)
    sink.open(SIZE, 30)
    assert sink.viewer_names() == ()
    assert sink.has_viewers() is True
    assert [sink.viewer_names() for _ in range(NAMES_EVERY)] == [("zoom",)] * NAMES_EVERY
    assert len(searches) == 1
    sink.close()
    assert sink.viewer_names() == ()
    assert (sink.has_viewers(), detector.closed) == (False, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is a part of Linux")
def test_an_unknown_program_counts_as_a_reader_if_it_has_mapped_the_device(tmp_path: Path) -> None:
    device = tmp_path / "video10"
    device.write_bytes(bytes(4096))

    def only_reads(program: str) -> bool:
        return virtual_camera._only_reads(os.getpid(), program, str(device))

    assert only_reads("zoom")
    assert not only_reads("myreader")
    with device.open("r+b") as opened, mmap.mmap(opened.fileno(), 4096):
        assert only_reads("myreader")
        assert not only_reads("gst-launch-1.0")


@pytest.fixture
def loopback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A device file for the fake backend, and a folder for temporary files."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    monkeypatch.setattr(v4l2, "holders", lambda path: [])
    device = tmp_path / "video10"
    device.write_bytes(b"")
    monkeypatch.setattr(VirtualCameraSink, "_candidates", lambda _: [str(device)])
    return device


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is OBS's camera")
def test_a_second_sink_of_ours_does_not_get_the_same_device(loopback: Path) -> None:
    first, second = VirtualCameraSink(str(loopback)), VirtualCameraSink(str(loopback))
    first.open(SIZE, 30)
    with pytest.raises(SinkUnavailableError, match="this or another stylecam is using it"):
        second.open(SIZE, 30)
    first.close()
    second.open(SIZE, 30)
    second.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is OBS's camera")
def test_a_foreign_lock_in_the_temporary_folder_keeps_nobody_from_the_device(
    loopback: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released: list[str] = []
    monkeypatch.setattr(v4l2, "release_stale_writer", released.append)
    with (loopback.parent / "tmp" / "stylecam-video10.lock").open("wb") as foreign:
        file_lock.lock(foreign.fileno())
        sink = VirtualCameraSink(str(loopback))
        sink.open(SIZE, 30)
        sink.close()
    assert released == []  # somebody else may be writing to it
    sink.open(SIZE, 30)
    sink.close()
    assert released == [str(loopback)]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is OBS's camera")
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_whatever_lies_at_the_place_of_the_shared_lock_does_no_harm(loopback: Path, kind: str) -> None:
    place = loopback.parent / "tmp" / "stylecam-video10.lock"
    if kind == "link":
        place.symlink_to(loopback.parent / "precious")
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.mkdir()
    sink = VirtualCameraSink(str(loopback))
    sink.open(SIZE, 30)
    sink.close()
    assert not (loopback.parent / "precious").exists()
