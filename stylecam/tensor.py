"""Between pictures and network tensors, and between one size and another."""

from __future__ import annotations

from typing import cast

import cv2

from stylecam.engines.base import Tensor
from stylecam.frame import Image, Size


def to_tensor(image: Image, rim: int = 0) -> Tensor:
    """H×W×3 uint8 BGR to 1×3×(H+2·rim)×(W+2·rim) float32 RGB 0..1, the rim filled by reflection."""
    if rim:
        image = cast(Image, cv2.copyMakeBorder(image, rim, rim, rim, rim, cv2.BORDER_REFLECT_101))
    return cast(Tensor, cv2.dnn.blobFromImage(image, 1 / 255.0, swapRB=True))


def to_image(tensor: Tensor, rim: int = 0) -> Image:
    """1×3×H×W float32 RGB 0..1 to H×W×3 uint8 BGR without the rim, rounded and saturated."""
    _, _, height, width = tensor.shape
    inner = tensor[0, ::-1, rim : height - rim, rim : width - rim]
    # One saturating pass a plane; convertScaleAbs would turn a negative value into a bright one.
    return cast(Image, cv2.merge([cv2.addWeighted(plane, 255.0, plane, 0.0, 0.0, dtype=cv2.CV_8U) for plane in inner]))


def crop(image: Image, size: Size) -> Image:
    """The largest middle part of `image` with the shape (aspect ratio) of `size`; a view, nothing is copied."""
    height, width = image.shape[:2]
    scale = max(size.width / width, size.height / height)
    inner_width = min(width, max(1, round(size.width / scale)))
    inner_height = min(height, max(1, round(size.height / scale)))
    left, top = (width - inner_width) // 2, (height - inner_height) // 2
    return image[top : top + inner_height, left : left + inner_width]


def resize(image: Image, size: Size) -> Image:
    """`image` at `size`: by area averaging when it shrinks, bicubically when it grows; itself when it fits already."""
    height, width = image.shape[:2]
    if (width, height) == size:
        return image
    shrinks = size.width < width or size.height < height
    return cast(Image, cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC))


def fit(image: Image, size: Size) -> Image:
    """`image` cropped to the shape of `size` and resized to it; undistorted."""
    return resize(crop(image, size), size)
