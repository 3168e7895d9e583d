"""Keep eyes and mouths clear in single pictures of any size, or in the frames of a clip."""

from __future__ import annotations

import cv2
import numpy as np

from stylecam.engines.base import Engine
from stylecam.media.frame import Image, Size
from stylecam.media.transforms import resize
from stylecam.stylize.face import FaceTracker
from stylecam.stylize.postprocess.chain import FrameView
from stylecam.stylize.postprocess.compositor import mixed

LONGER_SIDE = 1280
"""The longer side, in pixels, of the copy in which faces are looked for."""
_LOOKS, _LOOK_S = 40, 0.1
"""How often a still picture is shown to the tracker, and the time between: until all its parts have been searched."""
_FRAME_S = 1 / 30


class StillFaces:
    """Clears the faces of pictures. Used by one thread."""

    def __init__(self, engine: Engine, *, steady: bool) -> None:
        """Look with `engine`; `steady` if the pictures are the frames of one clip, in their order."""
        self._tracker = FaceTracker(engine)
        self._steady = steady
        self._size: Size | None = None
        self._now = 0.0

    def forget(self) -> None:
        """Forget the frames before: another clip begins."""
        self._size = None

    def clear(self, image: Image, painted: Image, share: float) -> Image:
        """Return `painted` with the eyes and mouths of `image` laid over it, as far as `share` (0..1) says.

        Raises:
            EngineError: the network that finds faces cannot be loaded, or failed.
        """
        size = Size(image.shape[1], image.shape[0])
        factor = min(1.0, LONGER_SIDE / max(size))
        small = resize(image, Size(max(1, round(size.width * factor)), max(1, round(size.height * factor))))
        self._follow(small, size)
        clear = self._tracker.share(FrameView(small, Size(small.shape[1], small.shape[0])), size)
        if clear is None:
            return painted
        return mixed(painted, image, np.asarray(cv2.convertScaleAbs(clear, alpha=share), np.uint8))

    def _follow(self, small: Image, size: Size) -> None:
        """Find all faces in a picture that stands for itself or begins a clip; follow them into any other."""
        self._tracker.prepare()
        if self._steady and size == self._size:
            self._now += _FRAME_S
            self._tracker.update(small, self._now)
            return
        self._size = size
        self._tracker.forget()
        for _ in range(_LOOKS):
            self._now += _LOOK_S
            self._tracker.update(small, self._now)
