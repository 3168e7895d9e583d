"""Read and write image files: the pixels, and the metadata that a stylized copy keeps.

Pillow reads and writes them, because it handles EXIF, colour profiles, alpha, palettes and 16 bits in all usual
formats, most of which OpenCV drops or refuses. OpenCV reads what Pillow does not: 16-bit colour TIFF and variants of
JPEG 2000.
"""

from __future__ import annotations

import io
import os
import struct
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from stylecam.errors import SinkUnavailableError, SourceUnreadableError, UsageError
from stylecam.media import heif
from stylecam.media.file_check import (
    MAX_LIVE_JPEG_PIXELS,
    MAX_LIVE_PIXELS,
    MAX_PIXELS,
    check_live_size,
    size_without_pillow,
    too_large,
)
from stylecam.media.frame import Image
from stylecam.utils.files import atomic_file
from stylecam.utils.message import Message

READABLE_SUFFIXES = frozenset((
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".avif", ".heic", ".heif", ".hif", ".bmp",
    ".dib", ".gif", ".tif", ".tiff", ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".tga",
))  # fmt: skip
"""Suffixes of the files that count as pictures in a folder. A file that is named by the user may have any suffix."""
ANIMATED = Message("is animated, and only its first picture was read")
"""A note; where the whole can be painted as a clip, advice follows it."""
_PHOTO_SUFFIXES = frozenset((".heic", ".heif", ".hif", ".avif"))
"""Photographs in formats that are read here and not written."""
_MAX_EXIF_BYTES = 65_527
"""The size of one segment of a JPEG file."""
_MAX_OPENCV_BYTES = 2 * 10**9
_STRIP_ROWS = 512
_ORIENTATION = 0x0112
_KEPT_TAGS = frozenset((
    0x010E, 0x010F, 0x0110, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x013B, 0x8298, 0x8769, 0x8825,
))  # fmt: skip
"""EXIF tags about the photograph rather than its file: camera, time, author, resolution, place."""
_FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {"compress_level": 4}),
    ".jpg": ("JPEG", {"quality": 93, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 93, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": 93}),
    ".tif": ("TIFF", {"compression": "tiff_lzw"}),
    ".tiff": ("TIFF", {"compression": "tiff_lzw"}),
    ".bmp": ("BMP", {}),
}
_WITHOUT_ALPHA = {"JPEG", "BMP"}
_DAMAGE_ERRORS = (OSError, ValueError, SyntaxError, struct.error, EOFError, IndexError, KeyError, OverflowError)
"""What Pillow raises for damaged files."""


@dataclass
class ImageFile:
    """The content of an image file, turned the right way up.

    Attributes:
        image: H×W×3 uint8 BGR. Grey, CMYK and 16-bit files are converted to this form.
        alpha: H×W uint8, or None if the file has no transparency.
        exif: EXIF bytes without the orientation, which has been applied, and the thumbnail, which would show the
            unstylized picture. None if there is none.
        profile: the ICC profile of these colours, or None.
        notes: what of the file was left out, as phrases that follow the file's name.
    """

    image: Image
    alpha: npt.NDArray[np.uint8] | None = None
    exif: bytes | None = None
    profile: bytes | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def read(
        cls, source: Path | bytes, min_side: int | None = None, live: bool = False, name: str | None = None
    ) -> ImageFile:
        """Read an image file.

        Args:
            source: the file's path, or its bytes.
            min_side: if given, a JPEG may be decoded at a half, a quarter or an eighth of its size, as long as both
                sides keep this many pixels. For a large photograph that takes a quarter of the time.
            live: for the live camera: larger files are refused, see `stylecam.media.file_check.MAX_LIVE_PIXELS`.
            name: what messages call it; by default its path, or standard input.

        Raises:
            SourceUnreadableError: it is missing, damaged, too large or no picture; names the file.
        """
        name = name or (str(source) if isinstance(source, Path) else "the picture on standard input")
        try:
            # A file object, for what Pillow maps into memory by its name (grey TIFF files) it turns the wrong way.
            with (
                warnings.catch_warnings(),
                source.open("rb") if isinstance(source, Path) else io.BytesIO(source) as file,
            ):
                warnings.simplefilter("ignore")  # about large pictures and odd EXIF
                heif.prepare(file.read(heif.HEAD_BYTES), name)
                file.seek(0)
                opened = Pillow.open(file)
                if live:
                    _check_live_size(opened, name)
                return _from_pillow(opened, source, name, min_side)
        except SourceUnreadableError:
            raise
        except Pillow.DecompressionBombError as error:
            raise too_large(name, MAX_LIVE_PIXELS if live else MAX_PIXELS) from error
        except _DAMAGE_ERRORS as error:
            if isinstance(error, FileNotFoundError):
                raise SourceUnreadableError(f"there is no file {name}; check the path") from error
            if isinstance(error, IsADirectoryError | PermissionError):
                raise SourceUnreadableError(f"{name} cannot be read: {error.strerror}") from error
            if isinstance(error, UnidentifiedImageError):
                image, alpha = _by_opencv(source, name, MAX_LIVE_PIXELS if live else MAX_PIXELS)
                return ImageFile(image, alpha, notes=("was read without EXIF data and colour profile, if it has any",))
            raise SourceUnreadableError(
                Message("{name} is a damaged picture: {error}", name=name, error=error)
            ) from error

    def flattened_on_white(self) -> Image:
        """Return `image` on a white background, or unchanged if nothing is transparent."""
        if self.alpha is None:
            return self.image
        result = np.empty_like(self.image)
        for top in range(0, result.shape[0], _STRIP_ROWS):
            rows = slice(top, top + _STRIP_ROWS)
            share = self.alpha[rows, :, None].astype(np.float32) / 255
            result[rows] = np.round(self.image[rows] * share + 255 * (1 - share)).astype(np.uint8)
        return result

    def write(self, target: Path) -> None:
        """Write to `target` in the format of its suffix, whole or not at all.

        JPEG and BMP have no transparency, so there the picture gets a white background.

        Raises:
            UsageError: there is no format for that suffix.
            OSError: the file cannot be written.
        """
        check_suffix(target)
        with atomic_file(target) as file:
            self.encode(file, target.suffix)

    def save(self, target: Path) -> None:
        """Write to `target` as `write` does, with an error for the command line.

        Raises:
            UsageError: there is no format for that suffix.
            SinkUnavailableError: the file cannot be written.
        """
        try:
            self.write(target)
        except OSError as error:
            raise SinkUnavailableError(f"{target} cannot be written: {error.strerror or error}") from error

    def encode(self, file: IO[bytes], suffix: str = ".png") -> None:
        """Write to the open, seekable `file` in the format of `suffix`."""
        kind, options = _FORMATS[suffix.lower()]
        extra = {"exif": self.exif, "icc_profile": self.profile}
        options = {**options, **{name: value for name, value in extra.items() if value}}
        alpha = None if self.alpha is None or kind in _WITHOUT_ALPHA else self.alpha
        image = self.image if alpha is not None else self.flattened_on_white()
        height, width = image.shape[:2]
        # Pillow's raw decoder swaps the channels on the way, so no second array is needed.
        encoded = Pillow.frombytes("RGB", (width, height), cast(bytes, np.ascontiguousarray(image).data), "raw", "BGR")
        if alpha is not None:
            encoded.putalpha(Pillow.frombytes("L", (width, height), np.ascontiguousarray(alpha).tobytes()))
        if kind == "JPEG" and len(options.get("exif") or b"") > _MAX_EXIF_BYTES:
            del options["exif"]
        try:
            encoded.save(file, kind, **options)
        except ValueError as error:  # larger than the format takes
            raise SinkUnavailableError(f"{width}×{height} cannot be written as {kind}: {error}; name a .png") from error


def check_suffix(path: Path) -> None:
    """Check that there is a format for the suffix of `path`.

    Raises:
        UsageError: there is none; the message lists the suffixes.
    """
    if path.suffix.lower() not in _FORMATS:
        raise UsageError(f"{path}: pictures are written as {', '.join(_FORMATS)}; write {path.stem or 'picture'}.png")


def result_suffix(path: Path) -> str:
    """Return the suffix of a copy of `path`: its own where that can be written, .jpg for HEIC and AVIF, else .png."""
    suffix = path.suffix.lower()
    return path.suffix if suffix in _FORMATS else ".jpg" if suffix in _PHOTO_SUFFIXES else ".png"


def files_in(folder: Path, suffixes: Collection[str]) -> Iterator[Path]:
    """Yield the files in `folder` with one of `suffixes`, at any depth, in the order of their names.

    Hidden ones, such as thumbnails, and what this user may not look into are left out.
    """
    found: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (Path(place, name) for name in names if not name.startswith("."))
        # `Path.is_file` raises where this user may not look
        found += (path for path in paths if path.suffix.lower() in suffixes and os.path.isfile(path))  # noqa: PTH113
    yield from sorted(found)


def _from_pillow(opened: Pillow.Image, source: Path | bytes, name: str, min_side: int | None) -> ImageFile:
    notes = _further_pictures(opened)
    if min_side is not None:
        opened.draft("RGB", (min_side, min_side))
    opened.load()
    exif = opened.getexif()
    orientation = exif.get(_ORIENTATION, 1)
    profile = opened.info.get("icc_profile")
    if opened.mode in ("CMYK", "L", "LA", "I", "F", "I;16", "I;16B") or not _is_rgb(profile):
        profile = None  # it describes inks or greys, which the result has not
    exif_bytes = _kept_exif(exif)
    if opened.mode == "F" or (opened.mode == "I" and opened.format != "PPM"):  # deeper than Pillow can convert
        image, alpha = _by_opencv(source, name)
    else:
        transparent = opened.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in opened.info
        image, alpha = _pixels(opened, transparent)
    return ImageFile(
        _oriented(image, orientation),
        None if alpha is None else _oriented(alpha, orientation),
        exif_bytes,
        profile,
        notes,
    )


def _check_live_size(opened: Pillow.Image, name: str) -> None:
    limit = MAX_LIVE_JPEG_PIXELS if opened.format in ("JPEG", "MPO") else MAX_LIVE_PIXELS
    check_live_size(*opened.size, name, limit)


def _further_pictures(opened: Pillow.Image) -> tuple[str, ...]:
    """Return a note if the file holds more than the picture that is read. Previews in a photograph do not count."""
    if opened.format in ("MPO", "HEIF"):
        return ()
    try:
        animated = getattr(opened, "is_animated", False)
    except _DAMAGE_ERRORS:  # after the first picture, which may be intact
        return ()
    if not animated:
        return ()
    if opened.format == "TIFF":
        return (Message("has several pages, and only the first was read"),)
    advice = "; stylecam video paints all" if opened.format in ("GIF", "PNG") else ""  # FFmpeg reads these as clips
    return (f"{ANIMATED}{advice}" if advice else ANIMATED,)


def _pixels(opened: Pillow.Image, transparent: bool) -> tuple[Image, npt.NDArray[np.uint8] | None]:
    """Copy the pixels strip by strip, because Pillow needs three times the memory to convert a whole picture."""
    width, height = opened.size
    image: Image = np.empty((height, width, 3), np.uint8)
    alpha = np.empty((height, width), np.uint8) if transparent else None
    for top in range(0, height, _STRIP_ROWS):
        strip = opened.crop((0, top, width, min(height, top + _STRIP_ROWS)))
        rows = slice(top, top + _STRIP_ROWS)
        if strip.mode.startswith("I"):  # 0..65535; Pillow scales PGM files to that, whatever their own maximum
            values = np.asarray(strip)
            image[rows] = np.round(values.astype(np.float32) / 257).astype(np.uint8)[:, :, None]
            if alpha is not None:
                alpha[rows] = np.where(values == opened.info.get("transparency"), 0, 255)
        elif alpha is not None:
            pixels = np.asarray(strip.convert("RGBA"))
            image[rows], alpha[rows] = pixels[:, :, 2::-1], pixels[:, :, 3]
        else:
            image[rows] = np.asarray(strip.convert("RGB"))[:, :, ::-1]
    return image, alpha


def _by_opencv(source: Path | bytes, name: str, limit: int = MAX_PIXELS) -> tuple[Image, npt.NDArray[np.uint8] | None]:
    """Read colours and alpha with OpenCV, which reads no metadata."""
    if isinstance(source, Path) and (not source.is_file() or source.stat().st_size > _MAX_OPENCV_BYTES):
        raise _no_picture(name)
    encoded = source.read_bytes() if isinstance(source, Path) else source
    size = size_without_pillow(encoded)  # OpenCV decodes a gigapixel
    if size is not None and size[0] * size[1] > limit:
        raise too_large(name, limit)
    try:
        decoded = None if size is None else cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # larger than OpenCV takes, or claims to be
        decoded = None
    if decoded is None:
        raise _no_picture(name)
    if decoded.dtype == np.uint16:
        decoded = cv2.convertScaleAbs(decoded, alpha=1 / 257)
    if decoded.dtype != np.uint8:
        raise SourceUnreadableError(f"{name} holds {decoded.dtype} numbers; save it with 8 or 16 bits a channel")
    if decoded.ndim == 2:
        return cast(Image, cv2.cvtColor(decoded, cv2.COLOR_GRAY2BGR)), None
    pixels = cast(Image, decoded)
    alpha = np.ascontiguousarray(pixels[:, :, 3]) if pixels.shape[2] == 4 else None
    return cast(Image, np.ascontiguousarray(pixels[:, :, :3])), alpha


def _no_picture(name: str) -> SourceUnreadableError:
    return SourceUnreadableError(
        Message("{name} is no picture that can be read; open it in a viewer to check", name=name)
    )


def _is_rgb(profile: bytes | None) -> bool:
    """Return whether the ICC header names RGB as the profile's colour space (ICC.1:2022, 7.2.6)."""
    return profile is not None and profile[16:20] == b"RGB "


def _kept_exif(exif: Pillow.Exif) -> bytes | None:
    for tag in [tag for tag in exif if tag not in _KEPT_TAGS]:
        del exif[tag]
    try:
        return exif.tobytes() if len(exif) else None
    except (ValueError, TypeError, struct.error, KeyError):  # damaged; the picture itself may be intact
        return None


def _oriented(pixels: npt.NDArray[np.uint8], orientation: int) -> npt.NDArray[np.uint8]:
    """Turn and mirror `pixels` as the EXIF `orientation` 1..8 demands."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
