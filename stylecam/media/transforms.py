"""Between pictures and network tensors, and between one size and another."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.media.frame import Image, Size

Tensor = npt.NDArray[np.float32]
"""1×3×H×W float32, RGB, 0..1."""
PackedTensor = npt.NDArray[np.float32]
"""1×3c²×H/c×W/c float32: the pixels of each cell of c×c as channels, by row, column and colour (BGR)."""


def pad_by_reflection(image: Image, rim: int) -> Image:
    """`image` with `rim` pixels more on each side, filled by reflection."""
    return cast(Image, cv2.copyMakeBorder(image, rim, rim, rim, rim, cv2.BORDER_REFLECT_101))


def to_tensor(image: Image) -> Tensor:
    """H×W×3 uint8 BGR to 1×3×H×W float32 RGB 0..1."""
    return cast(Tensor, cv2.dnn.blobFromImage(image, 1 / 255.0, swapRB=True))


def to_image(tensor: Tensor) -> Image:
    """1×3×H×W float32 RGB 0..1 to H×W×3 uint8 BGR, rounded and saturated."""
    return cast(Image, cv2.merge([_levels(plane) for plane in tensor[0, ::-1]]))


def pack_pixels(image: Image, cells: PackedTensor) -> None:
    """Write H×W×3 uint8 BGR into `cells`, as 0..255."""
    _, channels, rows, columns = cells.shape
    side = round((channels / 3) ** 0.5)
    row = 3 * side
    for down in range(side):
        planes = cv2.split(image[down::side].reshape(rows, columns, row))
        for at, plane in enumerate(planes, down * row):
            cells[0, at] = plane


def packed_to_image(cells: PackedTensor) -> Image:
    """PackedTensor of 0..1 as a picture: H×W×3 uint8 BGR, rounded and saturated."""
    return unpack_pixels(_levels(cells.reshape(cells.shape[1], -1)).reshape(cells.shape))


def unpack_pixels(levels: npt.NDArray[np.uint8]) -> Image:
    """PackedTensor of uint8, 1×3c²×H/c×W/c, as the picture H×W×3 they hold."""
    _, channels, rows, columns = levels.shape
    side = round((channels / 3) ** 0.5)
    row = 3 * side
    image = np.empty((rows * side, columns * side, 3), np.uint8)
    for down in range(side):
        merged = cv2.merge(list(levels[0, down * row : (down + 1) * row]))
        image[down::side] = merged.reshape(rows, columns * side, 3)
    return image


def _levels(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """0..1 as 0..255 in one saturating pass; convertScaleAbs would turn a negative value into a bright one."""
    return cast("npt.NDArray[np.uint8]", cv2.addWeighted(values, 255.0, values, 0.0, 0.0, dtype=cv2.CV_8U))


def crop(image: Image, size: Size) -> Image:
    """The largest middle part of `image` with the shape (aspect ratio) of `size`; a view, nothing is copied."""
    height, width = image.shape[:2]
    scale = max(size.width / width, size.height / height)
    inner_width = min(width, max(1, round(size.width / scale)))
    inner_height = min(height, max(1, round(size.height / scale)))
    left, top = (width - inner_width) // 2, (height - inner_height) // 2
    return image[top : top + inner_height, left : left + inner_width]


def resize(image: Image, size: Size, quick: bool = False) -> Image:
    """`image` at `size`: by area averaging when it shrinks, bicubically when it grows; itself when it fits already.

    `quick` shrinks bilinearly down to half: at 720p a sixth of the time for a tenth more of the camera's noise.
    """
    height, width = image.shape[:2]
    if (width, height) == size:
        return image
    if size.width >= width and size.height >= height:
        how = cv2.INTER_CUBIC
    elif quick and 2 * size.width >= width and 2 * size.height >= height:
        how = cv2.INTER_LINEAR
    else:
        how = cv2.INTER_AREA
    return cast(Image, cv2.resize(image, size, interpolation=how))


def fit(image: Image, size: Size) -> Image:
    """`image` cropped to the shape of `size` and resized to it; undistorted."""
    return resize(crop(image, size), size)
