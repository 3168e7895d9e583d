"""Tests of making a source from the value of --camera."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stylecam.errors import CameraNotFoundError, SourceError, SourceUnreadableError
from stylecam.media.sources import factory as source_factory
from stylecam.media.sources.base import Source
from stylecam.media.sources.camera import CameraSource
from stylecam.media.sources.demo import DemoSource, TimestampSource
from stylecam.media.sources.devices import Camera
from stylecam.media.sources.factory import make_source
from stylecam.media.sources.images import ImageSource
from stylecam.media.sources.video import VideoSource
from stylecam.utils.clock import ManualClock


@pytest.fixture(autouse=True)
def _files_and_cameras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a video, a picture and a folder, on a machine with one real camera."""
    for name in ("clip.mp4", "clip.xyz", "face.JPG"):
        (tmp_path / name).touch()
    (tmp_path / "holiday").mkdir()
    monkeypatch.chdir(tmp_path)
    cameras = [
        Camera(10, "stylecam", "/dev/video10", virtual=True),
        Camera(0, "HD Webcam", os.path.realpath("/dev/video0"), "usb-1"),
    ]
    monkeypatch.setattr(source_factory, "list_cameras", lambda: cameras)
    return tmp_path


@pytest.mark.parametrize(
    ("requested", "kind", "name"),
    [
        (None, CameraSource, "HD Webcam (/dev/video0)"),
        ("0", CameraSource, "HD Webcam (/dev/video0)"),
        ("/dev/video0", CameraSource, "HD Webcam (/dev/video0)"),
        ("webcam", CameraSource, "HD Webcam (/dev/video0)"),
        ("stylecam", CameraSource, "stylecam (/dev/video10)"),
        ("demo", DemoSource, "demo"),
        ("demo:timestamp", TimestampSource, "demo:timestamp"),
        ("rtsp://192.0.2.7/live", VideoSource, "rtsp://192.0.2.7/live"),
        ("http://127.0.0.1:8765/stream.mjpg", VideoSource, "http://127.0.0.1:8765/stream.mjpg"),
        ("clip.mp4", VideoSource, "clip.mp4"),
        ("clip.xyz", VideoSource, "clip.xyz"),
        ("face.JPG", ImageSource, "face.JPG"),
        ("holiday", ImageSource, "holiday"),
        (".", ImageSource, "."),
    ],
)
def test_each_value_of_the_camera_option_has_its_source(
    requested: str | None, kind: type[Source], name: str, clock: ManualClock
) -> None:
    source = make_source(requested, clock)
    assert type(source) is kind
    assert source.name == name


@pytest.mark.parametrize("requested", ["missing.mp4", "folder/missing.xyz", "./missing"])
def test_a_missing_file_is_not_taken_for_a_cameras_name(requested: str, clock: ManualClock) -> None:
    with pytest.raises(SourceUnreadableError, match="there is no file"):
        make_source(requested, clock)


@pytest.mark.parametrize("requested", ["7", "Logitech", "/dev/video77", "²"])
def test_an_unknown_camera_is_an_error(requested: str, clock: ManualClock) -> None:
    with pytest.raises(CameraNotFoundError):
        make_source(requested, clock)


@pytest.mark.parametrize("requested", ["~nobody-of-this-name/clip.mp4", "x" * 5000, "a\0b"])
def test_an_impossible_path_is_refused_with_a_stylecam_error(requested: str, clock: ManualClock) -> None:
    with pytest.raises((SourceError, ValueError)) as caught:
        make_source(requested, clock)
    assert type(caught.value).__module__ == "stylecam.errors"


def test_a_virtual_camera_is_not_chosen_by_default(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_factory, "list_cameras", lambda: [Camera(10, "stylecam", "/dev/video10", virtual=True)])
    with pytest.raises(CameraNotFoundError, match="no camera found"):
        make_source(None, clock)
