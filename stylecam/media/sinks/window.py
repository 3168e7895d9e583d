"""Show frames in a preview window. The publisher's thread writes them, and the main thread shows them."""

from __future__ import annotations

import os
import sys
import threading

import cv2

from stylecam.errors import SinkUnavailableError, WindowClosedError
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.sinks.base import Sink
from stylecam.utils.message import Message

TITLE = "stylecam"


class WindowSink(Sink):
    """Shows the frames in a window, by default mirrored, as people know themselves from mirrors.

    `open`, `write` and `close` belong to the publisher's thread. `show` and `destroy` must be called by the main
    thread, and `show` often, because window systems demand it. `closed_by_user` is True once the user has closed the
    window, which ends the run.
    """

    name = "window"
    kind = "window"
    any_size = True
    retries = False

    def __init__(self, mirrored: bool = True) -> None:
        super().__init__()
        self._mirrored = mirrored
        self._lock = threading.Lock()
        self._newest: Image | None = None
        self._shown = False
        self.closed_by_user = False

    def _open(self, size: Size, fps: float) -> None:
        problem = _display_problem()
        if problem:
            raise SinkUnavailableError(
                Message("no preview window: {problem}; use --output web instead", problem=problem)
            )

    def _write(self, frame: Frame) -> None:
        if self.closed_by_user:
            raise WindowClosedError(Message("the preview window was closed"))
        image = cv2.flip(frame.image, 1) if self._mirrored else frame.image.copy()
        with self._lock:
            self._newest = image  # type: ignore[assignment]

    def _close(self) -> None:
        self._newest = None

    def show(self) -> str | None:
        """Show the newest frame and return the key that was pressed meanwhile, or None. Main thread only."""
        if self._shown and not _visible():  # checked before imshow, which would open a closed window again
            self.closed_by_user = True
            return None
        with self._lock:
            image, self._newest = self._newest, None
        if image is not None:
            if not self._shown:
                cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
                cv2.resizeWindow(TITLE, image.shape[1], image.shape[0])
            cv2.imshow(TITLE, image)
            self._shown = True
        if not self._shown:
            return None
        code = cv2.waitKeyEx(1)  # the whole code, because the low byte of an arrow key is a letter
        return chr(code) if 32 <= code < 127 else None

    def destroy(self) -> None:
        """Close the window. Main thread only."""
        if self._shown:
            cv2.destroyAllWindows()
            self._shown = False


def _visible() -> bool:
    """Return whether the window still exists. Qt raises an exception once its last window was closed."""
    try:
        return cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1
    except cv2.error:
        return False


def _display_problem() -> str | None:
    """Return why no window can be opened, or None. Qt itself would end the process if there is no display."""
    if not hasattr(cv2, "imshow") or "GUI:                           NONE" in cv2.getBuildInformation():
        return Message("this OpenCV was built without windows (opencv-python-headless)")
    if sys.platform != "linux":
        return None
    if not os.environ.get("DISPLAY"):
        return Message("there is no X display (DISPLAY is not set)")
    from Xlib import display
    from Xlib.error import DisplayError, XauthError

    try:
        display.Display().close()
    except (DisplayError, XauthError, OSError, ValueError) as error:
        return Message("cannot connect to the X display ({error})", error=str(error).strip())
    return None
