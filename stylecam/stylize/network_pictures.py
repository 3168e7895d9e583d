"""Keep what the networks made of the frames of a clip, without loss, until the clip is put together.

A file is a ZIP archive of PNG pictures. Each is called by the digest of the frame from which it was painted, so a frame
can only get its own pictures, wherever they were made and however the clip was cut; and a frame that comes twice is
painted once.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Sequence
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
    """Finds the pictures of frames in the files `paths`, which are read one after the other."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = list(paths)
        self._archive: zipfile.ZipFile | None = None
        self._names: frozenset[str] = frozenset()

    def find(self, frame: Image) -> tuple[Image, ...] | None:
        """Return the pictures of `frame`; None if it is neither in the present file nor in the next one.

        Raises:
            OSError: a file cannot be read.
        """
        name = f"{_digest(frame)}-0.png"
        if name not in self._names and not self._advance(name):
            return None
        assert self._archive is not None
        pictures = []
        while name in self._names:
            data = np.frombuffer(self._archive.read(name), np.uint8)
            pictures.append(cast(Image, cv2.imdecode(data, cv2.IMREAD_COLOR)))
            name = name.replace(f"-{len(pictures) - 1}.png", f"-{len(pictures)}.png")
        return tuple(pictures)

    def close(self) -> None:
        """Close the present file."""
        if self._archive is not None:
            self._archive.close()

    def _advance(self, name: str) -> bool:
        """Go on to the next file if it has `name`."""
        if not self._paths:
            return False
        following = zipfile.ZipFile(self._paths[0])
        names = frozenset(following.namelist())
        if name not in names:
            following.close()
            return False
        self.close()
        self._archive, self._names = following, names
        del self._paths[0]
        return True


def _digest(frame: Image) -> str:
    return hashlib.sha256(np.ascontiguousarray(frame).data).hexdigest()[:32] + f"-{frame.shape[1]}x{frame.shape[0]}"
