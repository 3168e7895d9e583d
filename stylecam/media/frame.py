"""The values that go through the program: pictures, their sizes, and frames."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stylecam.errors import UsageError

Image = npt.NDArray[np.uint8]
"""A picture: H×W×3 uint8, BGR, C-contiguous."""

SIZE_NAMES = {
    "360p": (640, 360), "480p": (854, 480), "540p": (960, 540), "720p": (1280, 720), "1080p": (1920, 1080),
    "1440p": (2560, 1440), "2160p": (3840, 2160), "4k": (3840, 2160),
}  # fmt: skip
"""Names of usual sizes, all of 16:9."""
MIN_SIDE, MAX_SIDE = 64, 4096
"""Pixels."""


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @classmethod
    def parse(cls, text: str) -> Size:
        """Parse text such as `1280x720`, or a name such as `720p` and `4k`.

        Both sides must be even, because virtual cameras use 4:2:0 chroma, and `MIN_SIDE` to `MAX_SIDE` pixels long.

        Raises:
            UsageError: it is not two whole numbers, or a side is odd or out of range.
        """
        if (named := SIZE_NAMES.get(text.strip().lower())) is not None:
            return cls(*named)
        match = re.fullmatch(r"\s*(\d{1,6})\s*[x×X]\s*(\d{1,6})\s*", text)
        if not match:
            raise UsageError(f"size {text!r} is not WIDTHxHEIGHT; write for instance 1280x720 or 720p")
        size = cls(int(match[1]), int(match[2]))
        if not (min(size) >= MIN_SIDE and max(size) <= MAX_SIDE):
            raise UsageError(
                f"size {size} is out of range; each side must lie between {MIN_SIDE} and {MAX_SIDE} pixels"
            )
        if size.width % 2 or size.height % 2:
            even = cls(size.width + size.width % 2, size.height + size.height % 2)
            raise UsageError(f"size {size} is odd and video needs even sides; write {even}")
        return size


class Box(NamedTuple):
    """A rectangle in a picture, in shares of its width and height from the top left corner."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Where it ends on the right."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Where it ends below."""
        return self.top + self.height


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a source, with its number and its time.

    Attributes:
        image: H×W×3 uint8 BGR, C-contiguous. Nobody changes it once the frame is made.
        index: the number of the frame, counted by its source from 0. A stylized frame keeps it; a cover has -1.
        captured_at: when the source captured it, in seconds on the monotonic clock.
    """

    image: Image
    index: int
    captured_at: float

    @property
    def size(self) -> Size:
        """Width and height of the picture."""
        return Size(self.image.shape[1], self.image.shape[0])
