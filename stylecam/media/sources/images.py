"""Show one image file, or those of a folder in turn."""

from __future__ import annotations

from pathlib import Path

from stylecam.errors import SourceUnreadableError
from stylecam.media.frame import Image, Size
from stylecam.media.image_file import ImageFile
from stylecam.media.sources.base import PacedSource
from stylecam.media.transforms import fit
from stylecam.utils.clock import Clock
from stylecam.utils.message import Message

SUFFIXES = frozenset((
    ".png", ".jpg", ".jpeg", ".webp", ".heic", ".heif", ".hif", ".avif", ".bmp", ".tif", ".tiff", ".jp2",
    ".ppm", ".pgm",
))  # fmt: skip
SECONDS_PER_IMAGE = 5.0


class ImageSource(PacedSource):
    """Shows each picture of `path` for `SECONDS_PER_IMAGE`, in an endless loop, at the requested rate.

    Files that cannot be read are passed over.
    """

    kind = "picture"

    def __init__(self, path: Path, clock: Clock) -> None:
        super().__init__(clock)
        self.name = path.name or str(path)
        self._path = path
        self._files: list[Path] = []
        self._current = 0
        self._picture: Image | None = None
        self._next_change_at = 0.0

    def close(self) -> None:
        """See `Source.close`."""
        self._picture = None

    def _open(self, size: Size, fps: float) -> None:
        super()._open(size, fps)
        if self._path.is_dir():
            try:
                self._files = sorted(p for p in self._path.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
            except OSError as error:
                raise SourceUnreadableError(
                    Message("the folder {path} cannot be read: {reason}", path=self._path, reason=error.strerror)
                ) from error
            if not self._files:
                raise SourceUnreadableError(
                    Message(
                        "the folder {path} holds no pictures ({suffixes})",
                        path=self._path,
                        suffixes=", ".join(sorted(SUFFIXES)),
                    )
                )
        elif self._path.is_file():
            self._files = [self._path]
        elif self._path.exists():
            raise SourceUnreadableError(
                Message("{path} is a device or a pipe, and no picture; name a file", path=self._path)
            )
        else:
            raise SourceUnreadableError(Message("there is no file {path}; check the path", path=self._path))
        self._current = -1
        self._show_next()

    def _draw(self, now: float) -> Image:
        if now >= self._next_change_at and len(self._files) > 1:
            self._show_next()
        assert self._picture is not None
        return self._picture

    def _show_next(self) -> None:
        """Read the next picture that can be read, and fit it to the requested size."""
        problem: SourceUnreadableError | None = None
        for _ in range(len(self._files)):
            self._current = (self._current + 1) % len(self._files)
            try:
                read = ImageFile.read(self._files[self._current], max(self._size), live=True)
            except SourceUnreadableError as error:
                problem = error
                continue
            self._picture = fit(read.flattened_on_white(), self._size)
            self._next_change_at = self._clock.now() + SECONDS_PER_IMAGE
            return
        raise problem or SourceUnreadableError(Message("{path} holds no pictures", path=self._path))
