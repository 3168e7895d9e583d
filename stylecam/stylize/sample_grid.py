"""Write a grid of samples: pictures side by side, with the same height in all rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from stylecam.media.frame import Image, Size
from stylecam.media.transforms import fit
from stylecam.utils.files import write_bytes

_BACKGROUND, _INK = 24, (230, 230, 230)
_LABEL_HEIGHT, _GAP = 24, 6


def write_sample_grid(
    path: Path,
    height: int,
    photos: Sequence[tuple[Image, str]],
    rows: Sequence[tuple[Image | None, str, Sequence[Image]]],
    *,
    labels: bool = True,
) -> None:
    """Write a PNG with the photographs in the first row and one style in each further row.

    Args:
        path: the file.
        height: of each picture, in pixels; its shape is kept.
        photos: H×W×3 uint8 BGR, each with its label.
        rows: of each style its painting if it is available, its label, and what it paints of each photograph.
        labels: whether there is a strip with the label below each picture.

    Raises:
        OSError: it cannot be written.
    """
    blank = np.full((height, height, 3), _BACKGROUND, np.uint8)
    grid = [[(blank, ""), *photos]]
    for painting, label, painted in rows:
        first = blank if painting is None else fit(painting, Size(height, height))
        grid.append([(first, label), *((image, "") for image in painted)])
    cells = [[_cell(image, height, label if labels else None) for image, label in row] for row in grid]
    done, data = cv2.imencode(".png", np.vstack([np.hstack(row) for row in cells]))
    if not done:
        raise OSError("the sheet could not be encoded as PNG")
    write_bytes(path, data.tobytes())


def _cell(image: Image, height: int, label: str | None) -> Image:
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    if label is None:
        return cast(Image, resized)
    cell = np.full((height + _LABEL_HEIGHT + _GAP, width + _GAP, 3), _BACKGROUND, np.uint8)
    cell[:height, :width] = resized
    text = label.encode("ascii", "replace").decode()  # OpenCV's fonts have no other characters
    size = 0.5
    while cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)[0][0] > width and size > 0.25:
        size -= 0.05
    cv2.putText(cell, text, (2, height + 17), cv2.FONT_HERSHEY_SIMPLEX, size, _INK, 1, cv2.LINE_AA)
    return cast(Image, cell)
