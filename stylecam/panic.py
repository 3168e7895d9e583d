"""The still picture for a panic, from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stylecam.errors import SourceUnreadableError, UsageError
from stylecam.frame import Image, Size
from stylecam.picture import Picture
from stylecam.tensor import resize

_BACK = (24, 20, 16)
"""What lies around a picture of another shape, and behind one that is transparent: BGR."""


def panic_picture(path: Path, size: Size) -> Image:
    """The whole picture of `path`, as large as it can be in one of `size`: H×W×3 uint8 BGR.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        picture = Picture.read(path.expanduser())
    except SourceUnreadableError as error:
        raise UsageError(f"--panic-picture: {error}") from error
    image = picture.image
    if picture.alpha is not None:
        share = picture.alpha[:, :, None] / 255
        image = (image * share + np.array(_BACK) * (1 - share)).round().astype(np.uint8)
    height, width = image.shape[:2]
    scale = min(size.width / width, size.height / height)
    fitted = resize(image, Size(max(1, round(width * scale)), max(1, round(height * scale))))
    whole = np.empty((size.height, size.width, 3), np.uint8)
    whole[:] = _BACK
    top, left = (size.height - fitted.shape[0]) // 2, (size.width - fitted.shape[1]) // 2
    whole[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted
    return whole
