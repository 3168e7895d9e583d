"""Draw the photographs that all styles are judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stylecam.errors import TrainingDataError
from stylecam.media.frame import Image, Size
from stylecam.media.transforms import fit
from stylecam.training.dataset import pictures_in, read_picture
from stylecam.training.samples import fit_cell

CROP = Size(256, 256)
_SMALLEST = 64


@dataclass(frozen=True)
class EvaluationPhoto:
    """One photograph in both forms that styles are judged on.

    Attributes:
        crop: its middle square, 256×256×3 uint8 BGR.
        frame: the whole of it, H×W×3 uint8 BGR, its long side at most 640, both sides multiples of 8.
    """

    path: Path
    crop: Image
    frame: Image


def sample_photos(folders: Sequence[Path], count: int, seed: int) -> list[EvaluationPhoto]:
    """Draw up to `count` photographs with `seed` from all of `folders`, leaving out those that cannot be decoded.

    Only the user knows whether a network was trained on them: the folders should have been kept aside.

    Raises:
        TrainingDataError: a folder is missing or empty, or nothing in them can be decoded.
    """
    paths = sorted({path for folder in folders for path in pictures_in(folder)})
    photos: list[EvaluationPhoto] = []
    for index in np.random.default_rng(seed).permutation(len(paths)):
        try:
            image = read_picture(paths[index])
        except TrainingDataError:
            continue
        if min(image.shape[:2]) >= _SMALLEST:
            photos.append(EvaluationPhoto(paths[index], np.ascontiguousarray(fit(image, CROP)), fit_cell(image)))
            if len(photos) == count:
                break
    if not photos:
        raise TrainingDataError(f"none of the {len(paths)} pictures in --photos {folders[0]} can be used")
    return photos
