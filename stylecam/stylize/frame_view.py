"""What the camera shows, in the shape of the output, at the sizes that are asked for."""

from __future__ import annotations

from typing import cast

import cv2

from stylecam.media.frame import Image, Size
from stylecam.media.transforms import crop, resize


class FrameView:
    """One camera picture, cropped to the output's shape and mirrored if wished; each size is made once."""

    def __init__(self, image: Image, shape: Size, mirror: bool = False) -> None:
        """`image` is H×W×3 uint8 BGR, of any size; nobody writes into it. `shape` is the output's size."""
        self._image = crop(image, shape)
        self._mirror = mirror
        self._made: dict[Size, Image] = {}

    def at(self, size: Size) -> Image:
        """The picture at `size`: H×W×3 uint8 BGR, only to be read."""
        if size not in self._made:
            resized = resize(self._image, size, quick=True)
            self._made[size] = cast(Image, cv2.flip(resized, 1)) if self._mirror else resized
        return self._made[size]
