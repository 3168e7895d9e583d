"""From what a user writes after `--camera` to a source."""

from __future__ import annotations

import os

from stylecam.errors import SourceUnreadableError
from stylecam.media.sources.base import Source
from stylecam.media.sources.devices import find_camera, first_camera, list_cameras
from stylecam.utils.clock import Clock
from stylecam.utils.files import user_path

_VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mkv", ".webm", ".avi", ".mov", ".mpg", ".mpeg", ".ts", ".gif"})


def make_source(wanted: str | None, clock: Clock) -> Source:
    """The source for `wanted`: a camera's index, path or name, a file, a folder, a URL, `demo`; None for any camera.

    Nothing is opened yet.

    Raises:
        CameraNotFoundError: no camera answers to it.
        SourceUnreadableError: it names a file that is not there.
    """
    from stylecam.media.sources.camera import CameraSource
    from stylecam.media.sources.demo import DemoSource, TimestampSource
    from stylecam.media.sources.images import SUFFIXES, ImageSource
    from stylecam.media.sources.video import VideoSource

    if wanted is None:
        return CameraSource(first_camera(list_cameras()), clock)
    text = wanted.strip()
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
        raise SourceUnreadableError(f"there is no file {text}; check the path")
    return CameraSource(find_camera(text, list_cameras()), clock)
