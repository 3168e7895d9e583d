"""Photographs to train on: random square crops from folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.errors import SourceUnreadableError, TrainingDataError
from stylecam.media.frame import Image
from stylecam.media.image_file import READABLE_SUFFIXES, ImageFile, files_in
from stylecam.training import augmentation
from stylecam.training.faces import Face, FindsFaces

_CACHE_BYTES = 512 * 2**20
_FACE_SHARE, _WALL_SHARE, _BRIGHT_SHARE, _VARIED_SHARE = 0.7, 0.18, 0.8, 0.7
"""How often a crop is made for a face of its photograph, shows a plain wall, is not dim, and has other colors."""


def read_picture(path: Path, min_side: int | None = None) -> Image:
    """Read the picture in `path` upright, on white where it is transparent: H×W×3 uint8 BGR.

    With `min_side` it may be decoded smaller than it is in the file, as long as no side becomes shorter than that.

    Raises:
        TrainingDataError: the file is missing, damaged, cut off, too large or not a picture.
    """
    try:
        return ImageFile.read(path, min_side).flattened_on_white()
    except SourceUnreadableError as error:
        raise TrainingDataError(str(error)) from error


@dataclass(frozen=True, slots=True)
class FaceBox:
    """A face in a square crop, in pixels.

    Attributes:
        x, y: its middle.
        side: the longer side of its box.
    """

    x: float
    y: float
    side: float

    def within(self, left: float, top: float) -> FaceBox:
        """Return the face as it lies in a part of the picture that begins at `left`, `top`."""
        return FaceBox(self.x - left, self.y - top, self.side)


class PhotoCrop(NamedTuple):
    """A crop of a photograph: side×side×3 float32 RGB 0..1, and the face that it was made for, if any."""

    picture: npt.NDArray[np.float32]
    face: FaceBox | None


class PhotoDataset:
    """Random crops of photographs. All randomness comes from the caller's generator, so its state decides what follows.

    Each folder is drawn from equally often, however many pictures it holds: with a folder of faces beside a folder of
    everything, half of the crops show faces. Pictures that cannot be decoded are skipped and listed.

    Args:
        folders: searched with their subfolders.
        side: side of the square crops in pixels.
        exclude: pictures to leave out, such as the run's own samples: otherwise a resumed run would draw other crops.
        cache_bytes: memory that decoded pictures may keep.
        detector: finds faces, in the middle of which many crops then are; None to crop anywhere.
        varied: whether the colors and the focus of most crops are changed too: for few photographs.

    Attributes:
        unreadable: the files that could not be decoded so far.

    Raises:
        TrainingDataError: a folder is missing or holds no picture.
    """

    def __init__(
        self, folders: Sequence[Path], side: int, exclude: Sequence[Path] = (), cache_bytes: int = _CACHE_BYTES,
        detector: FindsFaces | None = None, varied: bool = False,
    ) -> None:  # fmt: skip
        self.side = side
        self.unreadable: set[Path] = set()
        self._folders = [pictures_in(folder, exclude) for folder in folders]
        self._cache: dict[Path, Image] = {}
        self._free_bytes = cache_bytes
        self._detector, self._varied = detector, varied
        self._faces: dict[Path, list[Face]] = {}

    @property
    def count(self) -> int:
        """Return the number of files, readable or not."""
        return len({path for folder in self._folders for path in folder})

    def random_crop(self, rng: np.random.Generator) -> PhotoCrop:
        """Return a crop: scaled by 1 to 1.35, perhaps flipped, relit and noised; sometimes a part of it is plain wall.

        Raises:
            TrainingDataError: no picture in the chosen folder can be decoded.
        """
        path, image = self._random_picture(rng)
        height, width = image.shape[:2]
        factor = self.side * rng.uniform(1.0, 1.35) / min(height, width)
        size = (max(self.side, round(width * factor)), max(self.side, round(height * factor)))
        image = cast(Image, cv2.resize(image, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR))
        top, left = (int(rng.integers(0, n - self.side + 1)) for n in image.shape[:2])
        face = self._random_face(path, rng, size[0] / width, size[1] / height)
        if face is not None:
            left, top = (
                int(np.clip(middle + rng.uniform(-0.7, -0.3) * self.side, 0, length - self.side))
                for middle, length in zip((face.x, face.y), size, strict=True)
            )
            face = face.within(left, top)
        crop = image[top : top + self.side, left : left + self.side, ::-1]
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
            face = FaceBox(self.side - face.x, face.y, face.side) if face is not None else None
        gain = rng.uniform(0.7, 1.2) if rng.random() < _BRIGHT_SHARE else rng.uniform(0.4, 0.7)
        lit = (crop.astype(np.float32) / 255 - 0.5) * np.float32(gain) + np.float32(0.5 + rng.uniform(-0.12, 0.12))
        if self._varied and rng.random() < _VARIED_SHARE:
            lit = augmentation.recolored_and_blurred(lit, rng)
        if rng.random() < _WALL_SHARE:
            augmentation.with_wall(lit, rng, None if face is None else (face.x, face.y))
        lit += rng.standard_normal(lit.shape, np.float32) * np.float32(rng.uniform(0, augmentation.NOISE))
        return PhotoCrop(np.ascontiguousarray(lit.clip(0, 1)), face)

    def _random_face(self, path: Path, rng: np.random.Generator, across: float, down: float) -> FaceBox | None:
        """Return one of the faces of a picture that is enlarged by these factors; mostly, if it has one."""
        if self._detector is None or rng.random() > _FACE_SHARE:
            return None
        if path not in self._faces:
            image = self._decoded(path)
            self._faces[path] = [] if image is None else self._detector.find(image)
        faces = self._faces[path]
        if not faces:
            return None
        face = faces[int(rng.integers(len(faces)))]
        x, y = across * (face.left + face.width / 2), down * (face.top + face.height / 2)
        return FaceBox(x, y, max(across * face.width, down * face.height))

    def _random_picture(self, rng: np.random.Generator) -> tuple[Path, Image]:
        folder = self._folders[int(rng.integers(len(self._folders)))]
        while not self.unreadable.issuperset(folder):
            # Draw from unreadable files too: the sequence must not depend on which of them have been met already.
            path = folder[int(rng.integers(len(folder)))]
            image = self._decoded(path)
            if image is not None:
                return path, image
        raise TrainingDataError(f"none of the {len(folder)} pictures in {folder[0].parent} can be read")

    def _decoded(self, path: Path) -> Image | None:
        if path in self._cache:
            return self._cache[path]
        if path in self.unreadable:
            return None
        try:
            image = read_picture(path, 2 * self.side)
        except TrainingDataError:
            image = None
        if image is None or min(image.shape[:2]) < 8:
            self.unreadable.add(path)
            return None
        factor = 2 * self.side / min(image.shape[:2])
        if factor < 1:  # a crop never needs more than twice its side
            image = cast(Image, cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))
        if image.nbytes <= self._free_bytes:
            self._free_bytes -= image.nbytes
            self._cache[path] = image
        return image


def sample_pictures(paths: Sequence[Path], photos: PhotoDataset, seed: int) -> list[Image]:
    """Return the pictures to show on sample sheets, H×W×3 uint8 BGR: those in `paths`, or else four random crops.

    The crops come from a generator of their own, so that they do not change what training draws.

    Raises:
        TrainingDataError: one of `paths` cannot be read.
    """
    try:
        samples = [read_picture(path) for path in paths]
    except TrainingDataError as error:
        raise TrainingDataError(f"--sample: {error}") from error
    rng = np.random.default_rng(seed)
    while not paths and len(samples) < 4:
        crop = (photos.random_crop(rng).picture * 255).round().astype(np.uint8)
        samples.append(cv2.cvtColor(crop, cv2.COLOR_RGB2BGR))
    return samples


def pictures_in(folder: Path, exclude: Sequence[Path] = ()) -> list[Path]:
    """Return all picture files of `folder` and its subfolders, sorted, without hidden files and those in `exclude`.

    Raises:
        TrainingDataError: the folder is missing or holds no pictures.
    """
    if not folder.is_dir():
        raise TrainingDataError(f"--photos {folder}: there is no such folder")
    names = {path.name for path in exclude}  # compared first, because resolving thousands of paths takes long
    found = [
        path
        for path in files_in(folder, READABLE_SUFFIXES)
        if not (path.name in names and path.resolve() in [other.resolve() for other in exclude])
    ]
    if not found:
        raise TrainingDataError(
            f"--photos {folder} holds no pictures that can be read, such as .jpg or .png (.heic cannot); give some "
            "hundreds of people, rooms and landscapes"
        )
    return found
