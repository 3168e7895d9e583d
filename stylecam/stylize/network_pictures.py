"""Keep what the networks made of the frames of a clip, without loss, until the clip is put together.

A file is a ZIP archive of PNG pictures. Each is called by the digest of the frame from which it was painted, so a frame
can only get its own pictures, wherever they were made and however the clip was cut; and a frame that comes twice is
painted once.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable
from itertools import count, takewhile
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from stylecam.media.frame import Image
from stylecam.stylize.image import Stylist
from stylecam.utils.files import atomic_file


def write_network_pictures(path: Path, frames: Iterable[Image], stylist: Stylist) -> None:
    """Paint `frames` (H×W×3 uint8 BGR) as far as each can be painted alone, and write the file `path`, whole or not.

    Raises:
        EngineError: a network cannot be loaded or failed.
        OSError: the folder cannot be written, or the disk is full.
    """
    with atomic_file(path) as file, zipfile.ZipFile(file, "w") as archive:
        written = set()
        for frame in frames:
            name = _digest(frame)
            if name in written:
                continue
            written.add(name)
            for number, picture in enumerate(stylist.network_pictures(frame)):
                archive.writestr(f"{name}-{number}.png", cv2.imencode(".png", picture)[1].tobytes())


class NetworkPictures:
    """Finds the pictures of frames in the files `paths`, of which one is open at a time.

    Raises:
        OSError, zipfile.BadZipFile: a file cannot be read, or is damaged.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths: dict[str, Path] = {}
        for path in paths:
            with zipfile.ZipFile(path) as archive:
                self._paths |= dict.fromkeys(archive.namelist(), path)
        self._present: Path | None = None
        self._archive: zipfile.ZipFile | None = None

    def find(self, frame: Image) -> tuple[Image, ...] | None:
        """Return the pictures of `frame`; None if none of the files has them. Raises as the constructor does."""
        digest = _digest(frame)
        names = takewhile(self._paths.__contains__, (f"{digest}-{number}.png" for number in count()))
        return tuple(map(self._read, names)) or None

    def close(self) -> None:
        """Close the file that is open."""
        if self._archive is not None:
            self._archive.close()

    def _read(self, name: str) -> Image:
        path = self._paths[name]
        if self._archive is None or path != self._present:
            self.close()
            self._archive, self._present = zipfile.ZipFile(path), path
        return cast(Image, cv2.imdecode(np.frombuffer(self._archive.read(name), np.uint8), cv2.IMREAD_COLOR))


def _digest(frame: Image) -> str:
    return hashlib.sha256(np.ascontiguousarray(frame).data).hexdigest()[:32] + f"-{frame.shape[1]}x{frame.shape[0]}"
