"""Read a camera with `cv2.VideoCapture`."""

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
from stylecam.utils.message import Message
from stylecam.utils.metrics import SlidingWindow

FROZEN_S = 3.0
"""If pictures are equal for so long, the driver repeats its last buffer: a real sensor has noise."""
COMPARE_PERIOD_S = 0.5
MAX_DAMAGED = 30
"""The camera counts as lost after so many pictures in a row that cannot be decoded."""


class CameraSource(Source):
    """One camera, which is found again by its name after it was unplugged.

    On Linux MJPG is requested first, because raw video at 720p often means 5 to 10 frames a second, then the size, then
    the rate. Size and format are read back, because drivers choose other values.
    """

    live = True

    def __init__(self, camera: Camera, clock: Clock) -> None:
        super().__init__()
        self.name = str(camera)
        self._camera = camera
        self._clock = clock
        self._capture: cv2.VideoCapture | None = None
        self._pending: tuple[Image, float] | None = None
        self._asked = Size(0, 0), 0.0
        self._delivered: dict[str, object] = {}
        self._rate = SlidingWindow()
        self._damaged = 0
        self._compared: Image | None = None
        self._compare_at = self._still_since = 0.0
        self._reopened_as_frozen = False

    def close(self) -> None:
        """See `Source.close`."""
        capture, self._capture, self._pending = self._capture, None, None
        if capture is not None:
            capture.release()

    def describe(self) -> dict[str, object]:
        """Return name, the size and format read back, and the measured rate, because the driver's own is unreliable."""
        measured = round(self._rate.rate(self._clock.now()), 1)
        return {**super().describe(), **self._delivered, "measured_fps": measured}

    def serves(self, size: Size, fps: float) -> bool:
        """Return whether it was asked for at least that much; what it then delivers is the most that it can."""
        asked, asked_fps = self._asked
        return size.width <= asked.width and size.height <= asked.height and fps <= asked_fps

    def _open(self, size: Size, fps: float) -> None:
        self.close()
        self._asked = size, fps
        camera = self._locate()
        self.name = str(camera)
        capture = _capture(camera, size, fps)
        if not capture.isOpened():
            capture.release()
            raise self._unusable(camera)
        self._capture = capture
        self._delivered = {
            "size": [int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))],
            "format": max(0, int(capture.get(cv2.CAP_PROP_FOURCC))).to_bytes(4, "little").decode("latin-1").strip("\0"),
        }
        self._compared, self._damaged = None, 0
        try:
            self._pending = self._grab()  # a camera that another program holds opens, and then gives nothing
        except SourceLostError:
            self.close()
            raise self._unusable(camera) from None

    def _read(self) -> tuple[Image, float] | None:
        first, self._pending = self._pending, None
        taken = first or self._grab()
        if taken is not None:
            self._check_frozen(*taken)
        return taken

    def _grab(self) -> tuple[Image, float] | None:
        """Return the next picture and its time; None if it arrived damaged, as happens on busy USB hubs."""
        if self._capture is None or not self._capture.grab():
            raise SourceLostError(Message("{name} gives no more pictures; is it still plugged in?", name=self.name))
        captured_at = self._clock.now()
        try:
            ok, image = self._capture.retrieve()
        except cv2.error:  # a damaged JPEG
            ok, image = False, None
        if not ok or image is None or image.ndim != 3 or image.shape[2] != 3:
            self._damaged += 1
            if self._damaged >= MAX_DAMAGED:
                raise SourceLostError(
                    Message("{name} sends only damaged pictures; try another cable or USB port", name=self.name)
                )
            return None
        self._damaged = 0
        self._rate.add(captured_at)
        return cast(Image, image), captured_at

    def _check_frozen(self, image: Image, now: float) -> None:
        """Raise SourceLostError once if the pictures have been equal for `FROZEN_S`.

        Some drivers repeat the last buffer for ever after the camera is gone, and opening it again shows that. A closed
        shutter can look the same, so pictures that are still equal after reopening are accepted.
        """
        if now < self._compare_at:
            return
        self._compare_at = now + COMPARE_PERIOD_S
        if self._compared is None or not np.array_equal(image, self._compared):
            self._reopened_as_frozen &= self._compared is None
            self._compared, self._still_since = image, now
        elif now - self._still_since > FROZEN_S and not self._reopened_as_frozen:
            self._reopened_as_frozen = True
            raise SourceLostError(
                Message(
                    "{name} has sent the same picture for {seconds:.0f} s; opening it again",
                    name=self.name,
                    seconds=FROZEN_S,
                )
            )

    def _locate(self) -> Camera:
        """Return the camera with its present number, which may change when it is plugged in again."""
        original, found = self._camera, list_cameras()
        inaccessible = next((camera for camera in found if camera.path == original.path and camera.problem), None)
        if inaccessible is not None:
            raise CameraBusyError(f"{inaccessible.path}: {inaccessible.problem}")
        same = [c for c in found if c.problem is None and (c.name, c.virtual) == (original.name, original.virtual)]
        if not same:
            raise CameraNotFoundError(Message("{camera} is not there any more; plug it in again", camera=original))
        return min(same, key=lambda c: (c.bus != original.bus, c.bus == original.bus and c.path != original.path))

    def _unusable(self, camera: Camera) -> CameraBusyError | CameraNotFoundError:
        held = v4l2.holders(camera.path) if sys.platform == "linux" and camera.path else []
        if held:
            programs = ", ".join(f"{name} (process {pid})" for pid, name in held)
            return CameraBusyError(
                Message(
                    "{camera} is in use by {programs}; close it there and try again", camera=camera, programs=programs
                ),
                [(name, pid) for pid, name in held],
            )
        if camera.path and sys.platform == "linux" and not Path(camera.path).exists():
            return CameraNotFoundError(Message("{camera} is not there any more; plug it in again", camera=camera))
        hint = {
            "win32": Message(
                "close other programs that use it, and allow desktop apps under Settings > Privacy > Camera"
            ),
            "darwin": Message("allow your terminal under System Settings > Privacy & Security > Camera"),
        }.get(sys.platform, Message("unplug it and plug it in again"))
        return CameraBusyError(
            Message(
                "{camera} opens but gives no picture; another program may hold it: {hint}", camera=camera, hint=hint
            )
        )


def _capture(camera: Camera, size: Size, fps: float) -> cv2.VideoCapture:
    if not camera.backend:  # V4L2, one property after the other
        capture = cv2.VideoCapture(camera.index, cv2.CAP_V4L2)
        if any(mode.fourcc == "MJPG" for mode in camera.modes) or not camera.modes:
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, size.width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size.height)
        capture.set(cv2.CAP_PROP_FPS, fps)
        # One buffer to read and one that the driver fills meanwhile. More hold old pictures, fewer halve the rate.
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 2)
        return capture
    # DirectShow fixes the pixel format when the camera is opened, so all properties are passed at once.
    properties = [] if sys.platform == "darwin" else [cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")]
    properties += [cv2.CAP_PROP_FRAME_WIDTH, size.width, cv2.CAP_PROP_FRAME_HEIGHT, size.height]
    properties += [cv2.CAP_PROP_FPS, round(fps)]
    return cv2.VideoCapture(camera.index, camera.backend, properties)
