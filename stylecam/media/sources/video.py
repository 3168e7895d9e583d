"""Read video files, which play at their own rate in a loop, and network streams, which are read as they arrive."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import cv2

from stylecam.errors import SourceLostError, SourceUnreadableError
from stylecam.media.file_check import MAX_LIVE_PIXELS, check_video_file, too_large, utf8_name
from stylecam.media.frame import Image, Size
from stylecam.media.sources.base import Source
from stylecam.utils.clock import Clock
from stylecam.utils.message import Message
from stylecam.utils.redact import redact

NETWORK_TIMEOUT_MS = 4000
MAX_LATE_S = 0.1
"""A frame of a file that is later than this is skipped, so that the file plays at its own rate on a slow computer."""
MAX_SKIPPED = 4
"""At most so many frames are skipped in a row."""


class VideoSource(Source):
    """Reads a video file or the URL of a stream (RTSP, HTTP, MJPEG) with OpenCV's FFmpeg."""

    kind = "video"

    def __init__(self, address: str, clock: Clock) -> None:
        super().__init__()
        self._address = address
        self._is_url = "://" in address
        self.name = redact("".join(address.split())) if self._is_url else Path(address).name  # it is shown
        self.live = self._is_url
        self._clock = clock
        self._capture: cv2.VideoCapture | None = None
        self._started_at = 0.0
        self._position_s = 0.0
        self._frame_s = 1 / 30
        self._paced = self._grabbed = False

    def close(self) -> None:
        """See `Source.close`."""
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()

    def _open(self, size: Size, fps: float) -> None:
        self.close()
        address = utf8_name(self._address, SourceUnreadableError)
        if not self._is_url:
            if not Path(address).is_file():
                raise SourceUnreadableError(Message("there is no file {path}; check the path", path=address))
            check_video_file(Path(address))
            address = str(Path(address).absolute())  # a relative name with a colon in it would be a protocol
        timeouts = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, NETWORK_TIMEOUT_MS,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC, NETWORK_TIMEOUT_MS,
        ]  # fmt: skip
        capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, timeouts if self._is_url else [])
        if not capture.isOpened() or not capture.grab():
            capture.release()
            raise SourceUnreadableError(
                Message("{name} does not send a video stream; check the address and that it is running", name=self.name)
                if self._is_url
                else Message(
                    "{address} holds no video that OpenCV's FFmpeg can read; try it in a player", address=self._address
                )
            )
        width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
        if width * height > MAX_LIVE_PIXELS:
            capture.release()
            raise too_large(self.name, MAX_LIVE_PIXELS)
        rate = capture.get(cv2.CAP_PROP_FPS)
        self._frame_s = 1 / rate if 0.1 <= rate <= 1000 else 1 / 30
        self._paced = not self._is_url or capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0
        self.live = not self._paced
        self._capture = capture
        self._grabbed = True
        self._reset_position()

    def _read(self) -> tuple[Image, float] | None:
        assert self._capture is not None
        self._advance()
        if self._paced:
            for _ in range(MAX_SKIPPED):
                if self._late_s() <= MAX_LATE_S:
                    break
                self._advance()
            if self._late_s() > MAX_LATE_S:  # decoding is too slow, or the computer slept: go on without catching up
                self._started_at = self._clock.now() - self._position_s
        try:
            ok, image = self._capture.retrieve()
        except cv2.error:
            ok, image = False, None
        if not ok or image is None:
            raise SourceLostError(Message("{name} cannot be decoded any more", name=self.name))
        if self._paced:
            self._clock.wait_until(self._started_at + self._position_s)
        return cast(Image, image), self._clock.now()

    def _late_s(self) -> float:
        return self._clock.now() - (self._started_at + self._position_s)

    def _advance(self) -> None:
        """Go to the next frame without decoding its picture; at the end of a file, to the first."""
        assert self._capture is not None
        if self._grabbed:  # the first frame, which `_open` has read to check that there is one
            self._grabbed = False
        elif not self._capture.grab() and not (self._paced and self._rewind()):
            raise SourceLostError(Message("{name} ended or cannot be read any more", name=self.name))
        # This follows variable frame rates. If the container has no times, frames are evenly spaced.
        stamp = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        self._position_s = stamp if stamp > self._position_s else self._position_s + self._frame_s

    def _rewind(self) -> bool:
        """Go back to the first frame by seeking or, for a file, by opening it again; return whether that worked."""
        assert self._capture is not None
        self._reset_position()
        if self._capture.set(cv2.CAP_PROP_POS_FRAMES, 0) and self._capture.grab():
            return True
        return (
            not self._is_url
            and self._capture.open(str(Path(self._address).absolute()), cv2.CAP_FFMPEG)
            and self._capture.grab()
        )

    def _reset_position(self) -> None:
        self._position_s = -self._frame_s
        self._started_at = self._clock.now() + self._frame_s
