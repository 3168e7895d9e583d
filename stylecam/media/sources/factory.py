"""Make a source from the value of `--camera`."""

from __future__ import annotations

import os

from stylecam.errors import SourceUnreadableError
from stylecam.media.sources.base import Source
from stylecam.media.sources.devices import find_camera, first_camera, list_cameras
from stylecam.utils.clock import Clock
from stylecam.utils.files import user_path
from stylecam.utils.message import Message

_VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mkv", ".webm", ".avi", ".mov", ".mpg", ".mpeg", ".ts", ".gif"})


def make_listed_source(text: str, clock: Clock) -> Source:
    """Make the source that `text` names among the cameras of this computer and the demo, without opening it.

    Raises:
        CameraNotFoundError: no camera matches; files and addresses do not count.
    """
    from stylecam.media.sources.camera import CameraSource
    from stylecam.media.sources.demo import DemoSource

    if text.strip() == DemoSource.name:
        return DemoSource(clock)
    return CameraSource(find_camera(text, list_cameras()), clock)


def make_source(camera: str | None, clock: Clock) -> Source:
    """Make the source that `camera` names, without opening it.

    Args:
        camera: a camera's index, path or name, a file, a folder, a URL, `demo` or `demo:timestamp`; None for the first
            camera that can be used.
        clock: the clock of the source.

    Raises:
        CameraNotFoundError: no camera matches.
        SourceUnreadableError: it names a file that does not exist.
    """
    from stylecam.media.sources.camera import CameraSource
    from stylecam.media.sources.demo import DemoSource, TimestampSource
    from stylecam.media.sources.images import SUFFIXES, ImageSource
    from stylecam.media.sources.video import VideoSource

    if camera is None:
        return CameraSource(first_camera(list_cameras()), clock)
    text = camera.strip()
    if text == DemoSource.name:
        return DemoSource(clock)
    if text == TimestampSource.name:
        return TimestampSource(clock)
    if "://" in text:
        return VideoSource(text, clock)
    path = user_path(text)
    if text.startswith("/dev/"):
        return CameraSource(find_camera(os.path.realpath(text), list_cameras()), clock)
    if path.is_dir() or path.suffix.lower() in SUFFIXES:
        return ImageSource(path, clock)
    if path.is_file():
        return VideoSource(str(path), clock)
    if path.suffix.lower() in _VIDEO_SUFFIXES or "/" in text:
        raise SourceUnreadableError(Message("there is no file {path}; check the path", path=text))
    return CameraSource(find_camera(text, list_cameras()), clock)
