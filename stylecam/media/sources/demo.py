"""Sources that need no device: a built-in portrait, and a test pattern that shows its capture time."""

from __future__ import annotations

import math
from importlib import resources
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from stylecam.errors import SourceUnreadableError
from stylecam.media.frame import Image, Size
from stylecam.media.sources.base import PacedSource
from stylecam.media.timestamp import draw_timestamp
from stylecam.utils.clock import Clock
from stylecam.utils.message import Message

NOISE_LEVELS = 3.0


class DemoSource(PacedSource):
    """Shows NASA's portrait of Eileen Collins (public domain), slowly panned and zoomed, with sensor noise."""

    name = "demo"
    kind = "demo"

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        path = Path(str(resources.files("stylecam"))) / "assets" / "astronaut.jpg"
        portrait = cv2.imread(str(path))
        if portrait is None:
            raise SourceUnreadableError(
                Message("the demo picture {path} is missing; install stylecam again", path=path)
            )
        self._portrait = portrait
        self._random = np.random.default_rng(7)
        self._noise = np.empty((0, 0, 3), np.uint8)

    def _open(self, size: Size, fps: float) -> None:
        super()._open(size, fps)
        noise = self._random.normal(128, NOISE_LEVELS, (size.height + 64, size.width + 64, 3))
        self._noise = np.clip(np.rint(noise), 0, 255).astype(np.uint8)

    def _draw(self, now: float) -> Image:
        t = now - self._opened_at
        side = self._portrait.shape[0]
        width, height = self._size
        span = side * (0.78 + 0.1 * math.sin(t * 0.31)) * min(1.0, width / height)
        scale = span / width
        # Around the face, which is up and a little left of the middle; the pan never leaves the picture.
        x = min(side - span, max(0.0, side * (0.44 + 0.06 * math.sin(t * 0.23)) - span / 2))
        y = min(side - scale * height, side * (0.03 + 0.03 * math.sin(t * 0.17)))
        picture = cv2.warpAffine(
            self._portrait,
            np.array([[scale, 0, x], [0, scale, y]], np.float32),
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        )
        left, top = (int(v) for v in self._random.integers(0, 64, 2))
        noise = self._noise[top : top + height, left : left + width]
        return cast(Image, cv2.addWeighted(picture, 1, noise, 1, -128))


class TimestampSource(PacedSource):
    """Shows a moving pattern whose top edge holds the capture time, so that other programs can measure the latency.

    See `stylecam.media.timestamp`. Use it with `--style none`.
    """

    name = "demo:timestamp"
    kind = "demo"

    def _draw(self, now: float) -> Image:
        width, height = self._size
        image = np.full((height, width, 3), 90, np.uint8)
        x = int((now - self._opened_at) * 120) % width
        cv2.circle(image, (x, height // 2), height // 6, (60, 180, 240), -1, cv2.LINE_AA)
        draw_timestamp(image, now)
        return image
