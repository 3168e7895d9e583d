"""Tests of the camera source with a fake cv2.VideoCapture."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest

from stylecam.errors import CameraBusyError, CameraNotFoundError, SourceLostError
from stylecam.media import v4l2
from stylecam.media.frame import Image, Size
from stylecam.media.sources import camera
from stylecam.media.sources.camera import FROZEN_S, MAX_DAMAGED, CameraSource
from stylecam.media.sources.devices import Camera
from stylecam.media.v4l2 import Mode
from stylecam.utils.clock import ManualClock

SIZE = Size(1280, 720)
WEBCAM = Camera(0, "HD Webcam", "/dev/video0", "usb-1", modes=(Mode("MJPG", 1280, 720, 30.0),))


class FakeCapture:
    """Stands in for cv2.VideoCapture; class attributes set whether it opens and what it delivers."""

    opened: ClassVar[list[FakeCapture]] = []
    opens = True
    delivers = True
    noise = True
    picture: ClassVar[Any] = None
    size: ClassVar[tuple[int, int]] = (1280, 720)

    def __init__(self, index: int, backend: int, parameters: list[int] | None = None) -> None:
        self.index, self.released, self.count = index, False, 0
        self.set_calls: list[int] = []
        FakeCapture.opened.append(self)

    def isOpened(self) -> bool:  # noqa: N802
        return self.opens

    def set(self, key: int, _: float) -> bool:
        self.set_calls.append(key)
        return True

    def get(self, key: int) -> float:
        return {
            cv2.CAP_PROP_FRAME_WIDTH: float(self.size[0]),
            cv2.CAP_PROP_FRAME_HEIGHT: float(self.size[1]),
            cv2.CAP_PROP_FOURCC: float(cv2.VideoWriter.fourcc(*"MJPG")),
        }.get(key, 0.0)

    def grab(self) -> bool:
        self.count += 1
        return self.delivers

    def retrieve(self) -> tuple[bool, Image | None]:
        if isinstance(FakeCapture.picture, Exception):
            raise FakeCapture.picture
        if FakeCapture.picture is not None:
            result: tuple[bool, Image | None] = FakeCapture.picture
            return result
        image = np.full((72, 128, 3), 90, np.uint8)
        if self.noise:
            image[:] = self.count % 200
        return True, image

    def release(self) -> None:
        self.released = True


@pytest.fixture(autouse=True)
def connected_cameras(monkeypatch: pytest.MonkeyPatch) -> list[Camera]:
    """Replace the connected cameras by one webcam; return the list, which the test may change."""
    connected_cameras = [WEBCAM]
    for name, value in (("opened", []), ("opens", True), ("delivers", True), ("noise", True), ("picture", None)):
        monkeypatch.setattr(FakeCapture, name, value)
    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)
    monkeypatch.setattr(camera, "list_cameras", lambda: list(connected_cameras))
    monkeypatch.setattr(v4l2, "holders", lambda _: [])
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(Path, "exists", lambda _: True)
    return connected_cameras


@pytest.fixture
def source(clock: ManualClock) -> CameraSource:
    return CameraSource(WEBCAM, clock)


def test_frames_have_an_index_and_a_capture_time(source: CameraSource, clock: ManualClock) -> None:
    source.open(SIZE, 30)
    frames = []
    for _ in range(3):
        clock.advance(1 / 30)
        frames.append(source.read())
    assert [frame.index for frame in frames if frame] == [0, 1, 2]
    assert frames[2] is not None
    assert frames[2].captured_at == clock.now()


def test_motion_jpeg_is_requested_before_size_and_rate(source: CameraSource) -> None:
    source.open(SIZE, 30)
    requested = FakeCapture.opened[0].set_calls
    assert requested[:4] == [
        cv2.CAP_PROP_FOURCC, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS,
    ]  # fmt: skip


def test_the_delivered_size_and_format_are_described(source: CameraSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeCapture, "size", (640, 480))
    source.open(SIZE, 30)
    described = source.describe()
    assert described["name"] == "HD Webcam (/dev/video0)"
    assert (described["size"], described["format"]) == ([640, 480], "MJPG")


def test_the_reported_rate_is_measured(source: CameraSource, clock: ManualClock) -> None:
    source.open(SIZE, 30)
    for _ in range(40):
        clock.advance(0.1)
        source.read()
    assert source.describe()["measured_fps"] == pytest.approx(10, abs=0.5)


def test_an_unplugged_camera_is_lost(source: CameraSource) -> None:
    source.open(SIZE, 30)
    source.read()
    FakeCapture.delivers = False
    with pytest.raises(SourceLostError, match="still plugged in"):
        source.read()


@pytest.mark.parametrize(
    "picture",
    [(False, None), (True, np.zeros((72, 128), np.uint8)), cv2.error("bad JPEG")],
    ids=["none", "grey", "jpeg"],
)
def test_a_damaged_picture_is_skipped_and_many_in_a_row_lose_the_source(source: CameraSource, picture: Any) -> None:
    source.open(SIZE, 30)
    source.read()
    whole, FakeCapture.picture = FakeCapture.picture, picture
    assert source.read() is None
    FakeCapture.picture = whole
    assert source.read() is not None
    FakeCapture.picture = picture
    for _ in range(MAX_DAMAGED - 1):
        assert source.read() is None
    with pytest.raises(SourceLostError, match="only damaged pictures"):
        source.read()


def test_a_disconnected_camera_is_not_found(source: CameraSource, connected_cameras: list[Camera]) -> None:
    connected_cameras.clear()
    with pytest.raises(CameraNotFoundError, match="plug it in again"):
        source.open(SIZE, 30)


def test_a_camera_on_another_port_is_found_by_its_name(source: CameraSource, connected_cameras: list[Camera]) -> None:
    connected_cameras[:] = [Camera(1, "Other", "/dev/video1", "usb-9"), Camera(4, "HD Webcam", "/dev/video4", "usb-7")]
    source.open(SIZE, 30)
    assert FakeCapture.opened[-1].index == 4
    assert source.name == "HD Webcam (/dev/video4)"


def test_of_two_cameras_with_one_name_the_one_at_the_same_port_wins(
    source: CameraSource, connected_cameras: list[Camera]
) -> None:
    connected_cameras[:] = [
        Camera(3, "HD Webcam", "/dev/video3", "usb-2"),
        Camera(4, "HD Webcam", "/dev/video4", "usb-1"),
    ]
    source.open(SIZE, 30)
    assert FakeCapture.opened[-1].index == 4


@pytest.mark.parametrize("attribute", ["opens", "delivers"])
def test_a_busy_camera_names_the_program_that_holds_it(
    source: CameraSource, attribute: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeCapture, attribute, False)
    monkeypatch.setattr(v4l2, "holders", lambda _: [(42, "zoom")])
    with pytest.raises(CameraBusyError, match=r"in use by zoom \(process 42\)"):
        source.open(SIZE, 30)
    assert FakeCapture.opened[-1].released


def test_a_camera_without_pictures_or_known_holder_gets_a_hint(source: CameraSource) -> None:
    FakeCapture.delivers = False
    with pytest.raises(CameraBusyError, match="another program may hold it"):
        source.open(SIZE, 30)


def read_for(source: CameraSource, clock: ManualClock, seconds: float) -> None:
    for _ in range(round(seconds * 10)):
        clock.advance(0.1)
        source.read()


def test_a_picture_that_never_changes_loses_the_source(source: CameraSource, clock: ManualClock) -> None:
    source.open(SIZE, 30)
    read_for(source, clock, 1)
    FakeCapture.noise = False
    with pytest.raises(SourceLostError, match="the same picture"):
        read_for(source, clock, FROZEN_S + 2)


def test_a_still_picture_is_accepted_after_reopening_the_camera(source: CameraSource, clock: ManualClock) -> None:
    FakeCapture.noise = False
    source.open(SIZE, 30)
    with pytest.raises(SourceLostError):
        read_for(source, clock, FROZEN_S + 2)
    source.close()
    source.open(SIZE, 30)
    read_for(source, clock, 5 * FROZEN_S)
    assert len(FakeCapture.opened) == 2


def test_after_the_picture_has_changed_a_repeating_driver_is_noticed_again(
    source: CameraSource, clock: ManualClock
) -> None:
    FakeCapture.noise = False
    source.open(SIZE, 30)
    with pytest.raises(SourceLostError):
        read_for(source, clock, FROZEN_S + 2)
    source.open(SIZE, 30)
    FakeCapture.noise = True
    read_for(source, clock, 1)
    FakeCapture.noise = False
    with pytest.raises(SourceLostError):
        read_for(source, clock, FROZEN_S + 2)


def test_closing_releases_the_camera_and_may_be_done_twice(source: CameraSource) -> None:
    source.close()
    source.open(SIZE, 30)
    source.close()
    source.close()
    assert FakeCapture.opened[0].released


def test_reading_a_closed_camera_raises_source_lost(source: CameraSource) -> None:
    with pytest.raises(SourceLostError):
        source.read()


def test_a_camera_without_permission_is_refused_with_the_remedy(
    source: CameraSource, connected_cameras: list[Camera]
) -> None:
    connected_cameras[:] = [replace(camera, problem="no permission; run: sudo usermod") for camera in connected_cameras]
    with pytest.raises(CameraBusyError, match="no permission; run: sudo usermod"):
        source.open(SIZE, 30)
