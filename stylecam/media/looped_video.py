"""A short video that is looked at by time, again and again: what stands in place of a room."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import cv2

from stylecam.errors import SourceUnreadableError
from stylecam.media.file_check import MAX_LIVE_PIXELS, check_video_file, too_large, utf8_name
from stylecam.media.frame import Image
from stylecam.utils.message import Message

_MOST_DECODED = 8
"""Frames that are decoded for one picture at most; a video of a higher rate plays more slowly."""
_USUAL_RATE = 30.0


class LoopedVideo:
    """Plays a video file in a loop for whoever asks which picture is due. It never waits. Used by one thread."""

    def __init__(self, path: Path) -> None:
        """Open `path` and read its first picture.

        Raises:
            SourceUnreadableError: there is no such file, or it holds no video; the message says which.
        """
        if not path.is_file():
            raise SourceUnreadableError(Message("there is no file {path}; check the path", path=path))
        check_video_file(path)
        # Made absolute, because a relative name with a colon in it would be a protocol.
        self._address = utf8_name(path.absolute(), SourceUnreadableError)
        self._capture = cv2.VideoCapture(self._address, cv2.CAP_FFMPEG)
        width, height = (self._capture.get(side) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        if width * height > MAX_LIVE_PIXELS:
            self.close()
            raise too_large(path.name, MAX_LIVE_PIXELS)
        first = self._next()
        if first is None:
            self.close()
            raise SourceUnreadableError(
                Message("{path} holds no video that OpenCV's FFmpeg can read; try it in a player", path=path)
            )
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self._frame_s = 1 / (rate if 0.1 <= rate <= 1000 else _USUAL_RATE)
        self._shown = first
        self._due_at: float | None = None

    def at(self, now: float) -> Image:
        """Return the picture for the time `now` in seconds (H×W×3 uint8 BGR, only to be read).

        The first call shows the first picture. Where the file cannot be read any more the last picture stays.
        """
        if self._due_at is None:
            self._due_at = now + self._frame_s
        for _ in range(_MOST_DECODED):
            if now < self._due_at:
                return self._shown
            image = self._next()
            if image is None:
                self._capture.open(self._address, cv2.CAP_FFMPEG)
                image = self._next()
            if image is not None:
                self._shown = image
            self._due_at += self._frame_s
        self._due_at = max(self._due_at, now)  # far behind: go on from here
        return self._shown

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._capture.release()

    def _next(self) -> Image | None:
        try:
            read, image = self._capture.read()
        except cv2.error:
            return None
        return cast(Image, image) if read else None
