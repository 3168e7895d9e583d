"""A sheet of what styles paint: photographs across, styles down, each led by its painting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from stylecam.evaluation.quality.model_runner import StyleFunction
from stylecam.evaluation.quality.photos import EvaluationPhoto
from stylecam.media.frame import Image, Size
from stylecam.media.transforms import fit
from stylecam.utils.files import write_bytes

SHOWN = 6
"""So many photographs fit side by side."""
_HEIGHT, _BAND, _GAP = 240, 24, 6
_GROUND, _INK = 24, (230, 230, 230)


@dataclass(frozen=True)
class SampleRow:
    """One style: its name, the painting if it is known, and how it paints."""

    label: str
    painting: Image | None
    paint: StyleFunction


def write_samples(path: Path, photos: Sequence[EvaluationPhoto], rows: Sequence[SampleRow]) -> None:
    """Write a PNG; the first row shows the photographs themselves.

    Raises:
        EngineRunError: a network cannot be run.
        OSError: it cannot be written.
    """
    blank = np.full((_HEIGHT, _HEIGHT, 3), _GROUND, np.uint8)
    sheet = [_row([(blank, ""), *((photo.frame, photo.path.name) for photo in photos)])]
    for row in rows:
        first = blank if row.painting is None else fit(row.painting, Size(_HEIGHT, _HEIGHT))
        painted = [(row.paint(photo.frame).round().clip(0, 255).astype(np.uint8), "") for photo in photos]
        sheet.append(_row([(first, row.label), *painted]))
    done, data = cv2.imencode(".png", np.vstack(sheet))
    if not done:
        raise OSError("the sheet could not be encoded as PNG")
    write_bytes(path, data.tobytes())


def _row(cells: Sequence[tuple[Image, str]]) -> Image:
    return np.hstack([_cell(image, label) for image, label in cells])


def _cell(image: Image, label: str) -> Image:
    """`image` at the row's height, its shape kept, over a band with its label."""
    width = max(1, round(image.shape[1] * _HEIGHT / image.shape[0]))
    cell = np.full((_HEIGHT + _BAND + _GAP, width + _GAP, 3), _GROUND, np.uint8)
    cell[:_HEIGHT, :width] = cv2.resize(image, (width, _HEIGHT), interpolation=cv2.INTER_AREA)
    text = label.encode("ascii", "replace").decode()  # OpenCV's fonts have nothing else
    size = 0.5
    while cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)[0][0] > width and size > 0.25:
        size -= 0.05
    cv2.putText(cell, text, (2, _HEIGHT + 17), cv2.FONT_HERSHEY_SIMPLEX, size, _INK, 1, cv2.LINE_AA)
    return cast(Image, cell)
