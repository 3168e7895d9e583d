"""Photographs to learn on: random square crops from folders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.errors import SourceUnreadableError, TrainingDataError
from stylecam.media.frame import Image
from stylecam.media.image_file import READABLE_SUFFIXES, ImageFile

_CACHE_BYTES = 512 * 2**20


def read_picture(path: Path, enough: int | None = None) -> Image:
    """The picture in `path` the right way up, on white where it is transparent: H×W×3 uint8 BGR.

    It may be smaller than in the file, where no side becomes shorter than `enough`.

    Raises:
        TrainingDataError: missing, damaged, cut off, too large or no picture; names the file.
    """
    try:
        return ImageFile.read(path, enough).flattened_on_white()
    except SourceUnreadableError as error:
        raise TrainingDataError(str(error)) from error


class Photos:
    """Draws crops. All chance comes from the generator given, so that its state says what follows.

    Each folder is drawn from equally often, however many pictures it holds: give a folder of faces beside one of
    everything, and half of the crops are faces. Pictures that cannot be decoded are passed over and counted.

    Args:
        folders: searched with their subfolders.
        side: of the square crops, in pixels.
        apart: pictures that are none of them, though they may lie there: what the run itself writes, or the same
            chance would draw others when it is resumed.
        cache_bytes: how much memory decoded pictures may keep.

    Raises:
        TrainingDataError: a folder is missing or holds no picture.
    """

    def __init__(
        self, folders: Sequence[Path], side: int, apart: Sequence[Path] = (), cache_bytes: int = _CACHE_BYTES
    ) -> None:
        self.side = side
        self.corrupt: set[Path] = set()
        self._folders = [pictures_in(folder, apart) for folder in folders]
        self._cache: dict[Path, Image] = {}
        self._room = cache_bytes

    @property
    def count(self) -> int:
        """How many files there are, readable or not."""
        return len({path for folder in self._folders for path in folder})

    def draw(self, chance: np.random.Generator) -> npt.NDArray[np.float32]:
        """One crop, side×side×3 float32 RGB 0..1: scaled by 1 to 1.35, perhaps flipped, its light changed a little.

        Raises:
            TrainingDataError: no picture of the folder drawn from can be decoded.
        """
        image = self._some(chance)
        height, width = image.shape[:2]
        factor = self.side * chance.uniform(1.0, 1.35) / min(height, width)
        size = (max(self.side, round(width * factor)), max(self.side, round(height * factor)))
        image = cast(Image, cv2.resize(image, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR))
        top, left = (int(chance.integers(0, n - self.side + 1)) for n in image.shape[:2])
        crop = image[top : top + self.side, left : left + self.side, ::-1]
        if chance.random() < 0.5:
            crop = crop[:, ::-1]
        gain, offset = chance.uniform(0.7, 1.2), chance.uniform(-0.12, 0.12)
        lit = (crop.astype(np.float32) / 255 - 0.5) * np.float32(gain) + np.float32(0.5 + offset)
        return np.ascontiguousarray(lit.clip(0, 1))

    def _some(self, chance: np.random.Generator) -> Image:
        folder = self._folders[int(chance.integers(len(self._folders)))]
        while not self.corrupt.issuperset(folder):
            # Also a picture known to be corrupt is drawn again: what follows must not depend on what is known.
            path = folder[int(chance.integers(len(folder)))]
            image = self._cached(path)
            if image is not None:
                return image
        raise TrainingDataError(f"none of the {len(folder)} pictures in {folder[0].parent} can be read")

    def _cached(self, path: Path) -> Image | None:
        if path in self._cache:
            return self._cache[path]
        if path in self.corrupt:
            return None
        try:
            image = read_picture(path, 2 * self.side)
        except TrainingDataError:
            image = None
        if image is None or min(image.shape[:2]) < 8:
            self.corrupt.add(path)
            return None
        factor = 2 * self.side / min(image.shape[:2])
        if factor < 1:  # more than twice the crop is never seen
            image = cast(Image, cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))
        if image.nbytes <= self._room:
            self._room -= image.nbytes
            self._cache[path] = image
        return image


def pictures_in(folder: Path, apart: Sequence[Path] = ()) -> list[Path]:
    """All picture files of `folder` and its subfolders, sorted, without those `apart`.

    Nor are hidden ones among them, as macOS leaves beside photographs.

    Raises:
        TrainingDataError: it is missing or holds none.
    """
    if not folder.is_dir():
        raise TrainingDataError(f"--photos {folder}: there is no such folder")
    names = {path.name for path in apart}  # asked first: to resolve each of many thousand paths takes long
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in READABLE_SUFFIXES
        and not path.name.startswith(".")
        and not (path.name in names and path.resolve() in [other.resolve() for other in apart])
        and is_file(path)
    )
    if not found:
        raise TrainingDataError(
            f"--photos {folder} holds no pictures that can be read, such as .jpg or .png (.heic cannot); some hundreds "
            "of people, rooms and landscapes are good"
        )
    return found


def is_file(path: Path) -> bool:
    """Whether there is a file `path`; what may not be looked at, and what no file can be called, is none."""
    return _holds(path.is_file)


def is_folder(path: Path) -> bool:
    """The same of a folder."""
    return _holds(path.is_dir)


def _holds(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except (OSError, ValueError):
        return False
