"""A picture or a video that stands in place of the room."""

from __future__ import annotations

from pathlib import Path

from stylecam.media.frame import Image, Size
from stylecam.media.image_file import READABLE_SUFFIXES, ImageFile
from stylecam.media.looped_video import LoopedVideo
from stylecam.media.transforms import fit

_MOVING_SUFFIXES = frozenset((".gif", ".apng"))
"""Suffixes of pictures that may move, and are played as a video."""


class Backdrop:
    """A picture or a looping video, cropped to the shape of one size and scaled to it. Used by one thread."""

    def __init__(self, path: Path, size: Size) -> None:
        """Read `path` for pictures of `size`, the output's.

        Raises:
            SourceUnreadableError: it is missing, damaged or too large, or holds neither a picture nor a video.
        """
        self._size = size
        self._video: LoopedVideo | None = None
        suffix = path.suffix.lower()
        if suffix in READABLE_SUFFIXES - _MOVING_SUFFIXES:
            read = ImageFile.read(path, max(size), live=True)
            self._source: Image | None = None
            self._fitted = fit(read.flattened_on_white(), size)
        else:
            self._video = LoopedVideo(path)
            self._source = None

    def at(self, now: float) -> Image:
        """Return the picture for the time `now` in seconds: H×W×3 uint8 BGR of the size, only to be read."""
        if self._video is not None and (image := self._video.at(now)) is not self._source:
            self._source, self._fitted = image, fit(image, self._size)
        return self._fitted

    def close(self) -> None:
        """Close the file. May be called twice."""
        if self._video is not None:
            self._video.close()
