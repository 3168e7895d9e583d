"""A physical camera through cv2.VideoCapture."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from stylecam.errors import CameraBusyError, CameraNotFoundError, SourceLostError
from stylecam.media import v4l2
from stylecam.media.frame import Image, Size
from stylecam.media.sources.base import Source
from stylecam.media.sources.devices import Camera, list_cameras
from stylecam.utils.clock import Clock
from stylecam.utils.metrics import SlidingWindow

FROZEN_S = 3.0
"""A sensor is never this long without noise: the driver repeats its last buffer."""
COMPARE_S = 0.5
MOST_DAMAGED = 30
"""Pictures in a row that cannot be decoded before the camera counts as lost."""


class CameraSource(Source):
    """One camera, found again under its own name after it was unplugged.

    On Linux MJPG is asked for first (raw video at 720p often means 5 to 10 frames a second), then the size, then the
    rate, and all are read back, because drivers round as they like.
    """

    live = True

    def __init__(self, camera: Camera, clock: Clock) -> None:
        super().__init__()
        self.name = str(camera)
        self._camera = camera
        self._clock = clock
        self._capture: cv2.VideoCapture | None = None
        self._pending: tuple[Image, float] | None = None
        self._delivered: dict[str, object] = {}
        self._rate = SlidingWindow()
        self._damaged = 0
        self._compared: Image | None = None
        self._compare_at = self._still_since = 0.0
        self._reopened_for_stillness = False

    def close(self) -> None:
        """See `Source.close`."""
        capture, self._capture, self._pending = self._capture, None, None
        if capture is not None:
            capture.release()

    def describe(self) -> dict[str, object]:
        """Name, size and format as read back, and the rate measured: the one the driver claims is not to be trusted."""
        measured = round(self._rate.rate(self._clock.now()), 1)
        return {"name": self.name, **self._delivered, "measured_fps": measured}

    def _open(self, size: Size, fps: float) -> None:
        self.close()
        camera = self._locate()
        self.name = str(camera)
        capture = _capture(camera, size, fps)
        if not capture.isOpened():
            capture.release()
            raise self._refusal(camera)
        self._capture = capture
        self._delivered = {
            "size": [int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))],
            "format": int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little", signed=False).decode("latin-1")
            if capture.get(cv2.CAP_PROP_FOURCC) > 0
            else "",
        }
        self._compared, self._damaged = None, 0
        try:
            self._pending = self._grab()  # a camera that is held elsewhere opens, and then gives nothing
        except SourceLostError:
            self.close()
            raise self._refusal(camera) from None

    def _read(self) -> tuple[Image, float] | None:
        first, self._pending = self._pending, None
        taken = first or self._grab()
        if taken is not None:
            self._watch_for_stillness(*taken)
        return taken

    def _grab(self) -> tuple[Image, float] | None:
        """The next picture, or None for one that arrived damaged, as happens on busy USB hubs."""
        if self._capture is None or not self._capture.grab():
            raise SourceLostError(f"{self.name} gives no more pictures; is it still plugged in?")
        captured_at = self._clock.now()
        try:
            ok, image = self._capture.retrieve()
        except cv2.error:  # a damaged JPEG
            ok, image = False, None
        if not ok or image is None or image.ndim != 3 or image.shape[2] != 3:
            self._damaged += 1
            if self._damaged >= MOST_DAMAGED:
                raise SourceLostError(f"{self.name} sends only damaged pictures; try another cable or USB port")
            return None
        self._damaged = 0
        self._rate.add(captured_at)
        return cast(Image, image), captured_at

    def _watch_for_stillness(self, image: Image, now: float) -> None:
        """Some drivers repeat the last buffer for ever after the camera is gone. Reopen once to see.

        A closed shutter can look the same, so a picture that is as still after reopening is believed.
        """
        if now < self._compare_at:
            return
        self._compare_at = now + COMPARE_S
        if self._compared is None or not np.array_equal(image, self._compared):
            self._reopened_for_stillness &= self._compared is None
            self._compared, self._still_since = image, now
        elif now - self._still_since > FROZEN_S and not self._reopened_for_stillness:
            self._reopened_for_stillness = True
            raise SourceLostError(f"{self.name} has given the very same picture for {FROZEN_S:.0f} s; opening it again")

    def _locate(self) -> Camera:
        """The camera where it is now: unplugging and plugging in may have given it another number."""
        mine, found = self._camera, list_cameras()
        refused = next((camera for camera in found if camera.path == mine.path and camera.problem), None)
        if refused is not None:
            raise CameraBusyError(f"{refused.path}: {refused.problem}")
        cameras = [camera for camera in found if camera.problem is None]
        same_place = [camera for camera in cameras if (camera.name, camera.bus) == (mine.name, mine.bus)]
        same_name = [camera for camera in cameras if camera.name == mine.name and camera.virtual == mine.virtual]
        for camera in sorted(same_place, key=lambda camera: camera.path != mine.path) + same_name:
            return camera
        raise CameraNotFoundError(f"{mine} is not there any more; plug it in again")

    def _refusal(self, camera: Camera) -> CameraBusyError | CameraNotFoundError:
        held = v4l2.holders(camera.path) if sys.platform == "linux" and camera.path else []
        if held:
            programs = ", ".join(f"{name} (process {pid})" for pid, name in held)
            return CameraBusyError(f"{camera} is in use by {programs}; close it there and try again")
        if camera.path and sys.platform == "linux" and not Path(camera.path).exists():
            return CameraNotFoundError(f"{camera} is not there any more; plug it in again")
        hint = {
            "win32": "close other programs that use it, and allow desktop apps under Settings > Privacy > Camera",
            "darwin": "allow your terminal under System Settings > Privacy & Security > Camera",
        }.get(sys.platform, "unplug it and plug it in again")
        return CameraBusyError(f"{camera} opens but gives no picture; another program may hold it: {hint}")


def _capture(camera: Camera, size: Size, fps: float) -> cv2.VideoCapture:
    if not camera.backend:  # V4L2, one wish after the other
        capture = cv2.VideoCapture(camera.index, cv2.CAP_V4L2)
        if any(mode.fourcc == "MJPG" for mode in camera.modes) or not camera.modes:
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, size.width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size.height)
        capture.set(cv2.CAP_PROP_FPS, fps)
        # One buffer for us, one for the driver to fill meanwhile: more would be old pictures, fewer half the rate.
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 2)
        return capture
    # DirectShow fixes the pixel format when it opens, so all wishes go in at once.
    wishes = [] if sys.platform == "darwin" else [cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")]
    wishes += [cv2.CAP_PROP_FRAME_WIDTH, size.width, cv2.CAP_PROP_FRAME_HEIGHT, size.height]
    wishes += [cv2.CAP_PROP_FPS, round(fps)]
    return cv2.VideoCapture(camera.index, camera.backend, wishes)
