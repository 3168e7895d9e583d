"""Tests of listing cameras and of finding one by what a user writes."""

from __future__ import annotations

import json
import sys

import pytest

from stylecam.errors import CameraNotFoundError
from stylecam.media import v4l2
from stylecam.media.sources import devices
from stylecam.media.sources.devices import Camera, find_camera, first_camera, list_cameras
from stylecam.media.v4l2 import Capability, Mode

WEBCAM = Camera(0, "HD Webcam", "/dev/video0", "usb-1")
PRO = Camera(2, "HD Webcam Pro", "/dev/video2", "usb-2")
LOOPBACK = Camera(10, "stylecam", "/dev/video10", virtual=True)
LOCKED = Camera(4, "/dev/video4", "/dev/video4", problem="no permission")
ALL = [WEBCAM, PRO, LOOPBACK, LOCKED]


@pytest.mark.parametrize(
    ("requested", "found"),
    [
        ("0", WEBCAM),
        (" 2 ", PRO),
        ("/dev/video10", LOOPBACK),
        ("HD Webcam", WEBCAM),
        ("hd webcam", WEBCAM),
        ("pro", PRO),
        ("stylecam", LOOPBACK),
    ],
)
def test_a_camera_is_found_by_index_path_name_or_part_of_it(requested: str, found: Camera) -> None:
    assert find_camera(requested, ALL) is found


@pytest.mark.parametrize("requested", ["7", "/dev/video7", "Logitech", "²"])
def test_an_unknown_camera_is_refused_with_the_available_ones(requested: str) -> None:
    with pytest.raises(CameraNotFoundError) as caught:
        find_camera(requested, ALL)
    assert all(str(camera) in str(caught.value) for camera in ALL)


def test_without_any_camera_the_error_says_so() -> None:
    with pytest.raises(CameraNotFoundError, match="as none is found; plug one in"):
        find_camera("0", [])


def test_an_ambiguous_name_lists_its_candidates_only() -> None:
    with pytest.raises(CameraNotFoundError, match="fits several cameras") as caught:
        find_camera("webc", ALL)
    assert "/dev/video0" in str(caught.value)
    assert "/dev/video2" in str(caught.value)
    assert "/dev/video10" not in str(caught.value)


def test_the_first_camera_is_a_real_one_that_can_be_used() -> None:
    assert first_camera([LOOPBACK, LOCKED, PRO, WEBCAM]) is PRO


def test_when_no_camera_can_be_used_all_reasons_are_given() -> None:
    with pytest.raises(CameraNotFoundError) as caught:
        first_camera([LOOPBACK, LOCKED])
    assert "stylecam (/dev/video10): a virtual camera" in str(caught.value)
    assert "no permission" in str(caught.value)


def test_a_camera_can_be_written_as_json() -> None:
    camera = Camera(0, "HD Webcam", "/dev/video0", modes=(Mode("MJPG", 1280, 720, 30.0),))
    assert json.loads(json.dumps(camera.as_dict()))["modes"][0]["fourcc"] == "MJPG"


class FakeVideoDevices:
    """Video devices as the kernel describes them."""

    def __init__(self) -> None:
        self.capabilities: dict[str, Capability | OSError] = {}

    def add(self, path: str, card: str, driver: str = "uvcvideo", flags: int = v4l2.CAPTURE) -> None:
        self.capabilities[path] = Capability(path, card, driver, "usb-1", flags)

    def query_capability(self, path: str) -> Capability:
        capability = self.capabilities[path]
        if isinstance(capability, OSError):
            raise capability
        return capability


@pytest.fixture
def video_devices(monkeypatch: pytest.MonkeyPatch) -> FakeVideoDevices:
    video_devices = FakeVideoDevices()
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(v4l2, "device_paths", lambda: list(video_devices.capabilities))
    monkeypatch.setattr(v4l2, "query_capability", video_devices.query_capability)
    monkeypatch.setattr(v4l2, "list_modes", lambda _: [Mode("MJPG", 1280, 720, 30.0)])
    return video_devices


def test_devices_without_video_capture_are_not_cameras(video_devices: FakeVideoDevices) -> None:
    video_devices.add("/dev/video0", "HD Webcam")
    video_devices.add("/dev/video1", "HD Webcam", flags=0x00800000)  # its metadata device
    assert [camera.path for camera in list_cameras()] == ["/dev/video0"]


def test_a_loopback_device_is_marked_as_virtual(video_devices: FakeVideoDevices) -> None:
    video_devices.add("/dev/video10", "stylecam", "v4l2 loopback", v4l2.OUTPUT)
    assert [camera.virtual for camera in list_cameras()] == [True]


def test_a_camera_without_permission_is_listed_with_the_remedy(video_devices: FakeVideoDevices) -> None:
    video_devices.capabilities["/dev/video0"] = PermissionError(13, "Permission denied")
    (camera,) = list_cameras()
    assert "usermod -aG video" in (camera.problem or "")


def test_a_camera_unplugged_during_the_search_is_left_out(video_devices: FakeVideoDevices) -> None:
    video_devices.capabilities["/dev/video0"] = OSError(19, "No such device")
    video_devices.add("/dev/video2", "HD Webcam")
    assert [camera.index for camera in list_cameras()] == [2]


def test_a_cameras_sizes_and_rates_are_listed(video_devices: FakeVideoDevices) -> None:
    video_devices.add("/dev/video0", "HD Webcam")
    assert list_cameras()[0].modes == (Mode("MJPG", 1280, 720, 30.0),)


def test_listing_the_cameras_of_this_machine_never_fails() -> None:
    assert all(isinstance(camera, Camera) for camera in devices.list_cameras())
