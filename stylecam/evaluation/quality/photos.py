"""Photographs to judge styles by: drawn once, then shown to every style alike."""

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
    """One photograph in both forms that styles are judged by.

    Attributes:
        crop: its middle square at 256×256.
        frame: the whole of it, its long side at most 640, both sides multiples of 8.
    """

    path: Path
    crop: Image
    frame: Image

    @classmethod
    def of(cls, path: Path, image: Image) -> EvaluationPhoto:
        """Both forms of `image`."""
        return cls(path, np.ascontiguousarray(fit(image, CROP)), fit_cell(image))


def sample_photos(folders: Sequence[Path], count: int, seed: int) -> list[EvaluationPhoto]:
    """Up to `count` photographs, drawn by `seed` from all of `folders`; those that cannot be decoded are passed over.

    Whether a network was trained on them only the user can know: give a folder that was kept aside.

    Raises:
        TrainingDataError: a folder is missing or empty, or nothing in them can be decoded.
    """
    paths = sorted({path for folder in folders for path in pictures_in(folder)})
    album: list[EvaluationPhoto] = []
    for index in np.random.default_rng(seed).permutation(len(paths)):
        try:
            image = read_picture(paths[index])
        except TrainingDataError:
            continue
        if min(image.shape[:2]) >= _SMALLEST:
            album.append(EvaluationPhoto.of(paths[index], image))
            if len(album) == count:
                break
    if not album:
        raise TrainingDataError(f"none of the {len(paths)} pictures in --photos {folders[0]} can be used")
    return album
