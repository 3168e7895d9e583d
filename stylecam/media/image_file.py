"""Pictures in files: their pixels, and what else must come through a repainting.

Pillow reads and writes them, for it knows EXIF, colour profiles, alpha, palettes and 16 bits in every usual format,
where OpenCV drops or refuses most of that; the few it does not know (16-bit colour TIFF, JPEG 2000 variants) OpenCV
reads.
"""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from stylecam.errors import SinkUnavailableError, SourceUnreadableError, UsageError
from stylecam.media.frame import Image
from stylecam.utils.files import atomic_file

READABLE_SUFFIXES = frozenset((
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".avif", ".bmp", ".dib", ".gif", ".tif",
    ".tiff", ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".tga",
))  # fmt: skip
"""Suffixes by which pictures in a folder are known; a file named outright may have any."""
MAX_PIXELS = 178_956_970
"""Pixels: where Pillow, too, takes a file for an attack."""
_MOST_EXIF = 65_527
"""One segment of a JPEG file holds no more."""
_LARGEST_FILE = 2 * 10**9
_STRIP = 512
_ORIENTATION = 0x0112
_KEPT_TAGS = frozenset((
    0x010E, 0x010F, 0x0110, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x013B, 0x8298, 0x8769, 0x8825,
))  # fmt: skip
"""EXIF that is about the photograph, not about how the file stored it: camera, time, author, resolution, place."""
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
_DAMAGES = (OSError, ValueError, SyntaxError, struct.error, EOFError)
"""What Pillow raises on damaged files."""


@dataclass
class ImageFile:
    """A picture and what belongs to it, turned the right way up.

    Attributes:
        image: H×W×3 uint8 BGR. Grey, CMYK and 16-bit files are brought to this form.
        alpha: H×W uint8, or None where the file has no transparency.
        exif: EXIF bytes without orientation (it is applied) and thumbnail (it would show the unpainted picture).
        profile: the ICC profile of these colours, or None.
        notes: what of the file is not in here, to be read after its name.
    """

    image: Image
    alpha: npt.NDArray[np.uint8] | None = None
    exif: bytes | None = None
    profile: bytes | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def read(cls, source: Path | bytes, enough: int | None = None) -> ImageFile:
        """Read a file, or one's bytes.

        Args:
            source: it.
            enough: pixels a side of which no more is needed: a JPEG is then decoded at a half, a quarter or an eighth
                of its size, where neither side becomes shorter than that. Of a large photograph that takes a quarter
                of the time.

        Raises:
            SourceUnreadableError: missing, damaged, too large or no picture; names the file.
        """
        name = str(source) if isinstance(source, Path) else "the picture on standard input"
        try:
            # A file object, for what Pillow maps into memory by its name (grey TIFF files) it turns the wrong way.
            with (
                _patient(),
                source.open("rb") if isinstance(source, Path) else io.BytesIO(source) as file,
                Pillow.open(file) as opened,
            ):
                return _from_pillow(opened, source, name, enough)
        except Pillow.DecompressionBombError as error:
            raise SourceUnreadableError(
                f"{name} has more than {MAX_PIXELS // 10**6} megapixels; make it smaller"
            ) from error
        except _DAMAGES as error:
            if isinstance(error, FileNotFoundError):
                raise SourceUnreadableError(f"there is no file {name}; check the path") from error
            if isinstance(error, IsADirectoryError | PermissionError):
                raise SourceUnreadableError(f"{name} cannot be read: {error.strerror}") from error
            if isinstance(error, UnidentifiedImageError):
                image, alpha = _by_opencv(source, name)
                return ImageFile(image, alpha, notes=("was read without EXIF data and colour profile, if it has any",))
            raise SourceUnreadableError(f"{name} is a damaged picture: {error}") from error

    def flattened_on_white(self) -> Image:
        """`image` as it would look on white paper; itself where nothing is transparent."""
        return self.image if self.alpha is None else _on_white(self.image, self.alpha)

    def write(self, target: Path) -> None:
        """Write to `target`, in the format its suffix names, whole or not at all.

        JPEG and BMP know no transparency: there the picture lies on white.

        Raises:
            UsageError: no format is written for that suffix.
            OSError: it cannot be written there.
        """
        check_suffix(target)
        with atomic_file(target) as file:
            self.encode(file, target.suffix)

    def save(self, target: Path) -> None:
        """Like `write`, for one result that was asked for by name.

        Raises:
            SinkUnavailableError: it cannot be written there.
        """
        try:
            self.write(target)
        except OSError as error:
            raise SinkUnavailableError(f"{target} cannot be written: {error.strerror or error}") from error

    def encode(self, file: IO[bytes], suffix: str = ".png") -> None:
        """Write to an open file, which must be able to seek, in the format of `suffix`."""
        kind, options = _FORMATS[suffix.lower()]
        extra = {"exif": self.exif, "icc_profile": self.profile}
        options = {**options, **{name: value for name, value in extra.items() if value}}
        alpha = None if self.alpha is None or kind in _WITHOUT_ALPHA else self.alpha
        image = self.image if alpha is not None else self.flattened_on_white()
        height, width = image.shape[:2]
        # Pillow's raw decoder swaps the channels on the way, so no second array is needed.
        made = Pillow.frombytes("RGB", (width, height), cast(bytes, np.ascontiguousarray(image).data), "raw", "BGR")
        if alpha is not None:
            made.putalpha(Pillow.frombytes("L", (width, height), np.ascontiguousarray(alpha).tobytes()))
        if kind == "JPEG" and len(options.get("exif") or b"") > _MOST_EXIF:
            del options["exif"]
        try:
            made.save(file, kind, **options)
        except ValueError as error:  # larger than the format takes
            raise SinkUnavailableError(f"{width}×{height} cannot be written as {kind}: {error}; name a .png") from error


def check_suffix(path: Path) -> None:
    """See that pictures can be written as `path` is called.

    Raises:
        UsageError: another suffix; names the ones there are.
    """
    if path.suffix.lower() not in _FORMATS:
        raise UsageError(f"{path}: pictures are written as {', '.join(_FORMATS)}; write {path.stem or 'picture'}.png")


@contextlib.contextmanager
def _patient() -> Iterator[None]:
    """Large pictures are wanted, and odd EXIF is nobody's concern here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _from_pillow(opened: Pillow.Image, source: Path | bytes, name: str, enough: int | None) -> ImageFile:
    notes = _further_pictures(opened)
    if enough is not None:
        opened.draft("RGB", (enough, enough))
    opened.load()
    exif = opened.getexif()
    orientation = exif.get(_ORIENTATION, 1)
    profile = opened.info.get("icc_profile")
    if opened.mode in ("CMYK", "L", "LA", "I", "F", "I;16", "I;16B") or not _is_rgb(profile):
        profile = None  # it describes inks or greys, and the painting has neither
    kept = _kept(exif)
    if opened.mode == "F" or (opened.mode == "I" and opened.format != "PPM"):  # as deep as Pillow cannot convert
        image, alpha = _by_opencv(source, name)
    else:
        transparent = opened.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in opened.info
        image, alpha = _pixels(opened, transparent)
    return ImageFile(
        _turned(image, orientation),
        None if alpha is None else _turned(alpha, orientation),
        kept,
        profile,
        notes,
    )


def _further_pictures(opened: Pillow.Image) -> tuple[str, ...]:
    """A note where a file holds more than the picture that is read; a photograph's own previews are none."""
    if opened.format == "MPO":
        return ()
    try:
        more = getattr(opened, "is_animated", False)
    except _DAMAGES:  # behind the first picture, which may be fine
        return ()
    if not more:
        return ()
    if opened.format == "TIFF":
        return ("has several pages, and only the first was painted",)
    advice = "; stylecam video paints all" if opened.format in ("GIF", "PNG") else ""  # FFmpeg reads these as clips
    return (f"is animated, and only its first picture was painted{advice}",)


def _pixels(opened: Pillow.Image, transparent: bool) -> tuple[Image, npt.NDArray[np.uint8] | None]:
    """Copied a strip at a time: Pillow would take three times the room for it at once."""
    width, height = opened.size
    image: Image = np.empty((height, width, 3), np.uint8)
    alpha = np.empty((height, width), np.uint8) if transparent else None
    for top in range(0, height, _STRIP):
        strip = opened.crop((0, top, width, min(height, top + _STRIP)))
        rows = slice(top, top + _STRIP)
        if strip.mode.startswith("I"):  # 0..65535; of a PGM file Pillow makes that, whatever its own maximum
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


def _by_opencv(source: Path | bytes, name: str) -> tuple[Image, npt.NDArray[np.uint8] | None]:
    """Colours and alpha as they lie in the file, of which OpenCV tells nothing else."""
    if isinstance(source, Path) and (not source.is_file() or source.stat().st_size > _LARGEST_FILE):
        raise SourceUnreadableError(f"{name} is no picture that can be read; open it in a viewer to check")
    data = np.frombuffer(source.read_bytes() if isinstance(source, Path) else source, np.uint8)
    try:
        found = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    except cv2.error:  # larger than OpenCV takes, or claims to be
        found = None
    if found is None:
        raise SourceUnreadableError(f"{name} is no picture that can be read; open it in a viewer to check")
    if found.dtype == np.uint16:
        found = np.round(found / np.float32(257)).astype(np.uint8)
    if found.dtype != np.uint8:
        raise SourceUnreadableError(f"{name} holds {found.dtype} numbers; save it with 8 or 16 bits a channel")
    if found.ndim == 2:
        return cast(Image, cv2.cvtColor(found, cv2.COLOR_GRAY2BGR)), None
    alpha = np.ascontiguousarray(found[:, :, 3]) if found.shape[2] == 4 else None
    return cast(Image, np.ascontiguousarray(found[:, :, :3])), alpha


def _is_rgb(profile: bytes | None) -> bool:
    """Whether the ICC header names RGB as the profile's colour space (ICC.1:2022, 7.2.6)."""
    return profile is not None and profile[16:20] == b"RGB "


def _kept(exif: Pillow.Exif) -> bytes | None:
    for tag in [tag for tag in exif if tag not in _KEPT_TAGS]:
        del exif[tag]
    try:
        return exif.tobytes() if len(exif) else None
    except (ValueError, TypeError, struct.error, KeyError):  # damaged; the picture itself may be fine
        return None


def _turned(pixels: npt.NDArray[np.uint8], orientation: int) -> npt.NDArray[np.uint8]:
    """`pixels` as EXIF `orientation` 1..8 wants them shown."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _on_white(image: Image, alpha: npt.NDArray[np.uint8]) -> Image:
    result = np.empty_like(image)
    for top in range(0, image.shape[0], _STRIP):
        rows = slice(top, top + _STRIP)
        share = alpha[rows, :, None].astype(np.float32) / 255
        result[rows] = np.round(image[rows] * share + 255 * (1 - share)).astype(np.uint8)
    return result
