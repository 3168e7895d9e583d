"""Check what a user names before a library opens it: names that are no UTF-8, picture sizes, playlists."""

from __future__ import annotations

import io
import re
import struct
import warnings
from pathlib import Path

from PIL import Image as Pillow
from PIL import UnidentifiedImageError
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from stylecam.errors import SourceUnreadableError, StylecamError
from stylecam.utils.message import Message

MAX_PIXELS = 178_956_970
"""The number of pixels from which Pillow, too, refuses a file as a decompression bomb."""
MAX_LIVE_PIXELS = 50_000_000
"""The most pixels of a picture or a video for the live camera, which shows it at a few megapixels."""
MAX_LIVE_JPEG_PIXELS = 110_000_000
"""The most pixels of a JPEG for the live camera; it is decoded at a half, a quarter or an eighth of its size."""
_PLAYLIST = re.compile(rb"\s*(#EXTM3U|ffconcat version|\[playlist\]|v=0\r?\n|<\?xml|<MPD|<smil)", re.IGNORECASE)
_HEAD_BYTES = 4096
_VIDEO_MAGIC = (b"\x1aE\xdf\xa3", b"\0\0\x01\xba", b"\0\0\x01\xb3")
"""How Matroska and WebM, MPEG-PS and MPEG video begin."""
_WIDTH, _HEIGHT = 256, 257
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PAM_SIDES = (b"WIDTH", b"HEIGHT")
_JPEG2000_START = b"\xff\x4f\xff\x51"


def utf8_name(path: Path | str, error: type[StylecamError]) -> str:
    """Return `path` as text, for a library that takes its name as UTF-8: OpenCV crashes on any other.

    Raises:
        StylecamError: of the class `error`: the name is not UTF-8.
    """
    name = str(path)
    try:
        name.encode()
    except UnicodeEncodeError as wrong:
        raise error(f"{name}: this name is not UTF-8, which video cannot have; rename it") from wrong
    return name


def check_video_file(path: Path) -> None:
    """Check that `path` is no playlist, which could name any other file or address, and no huge picture.

    Raises:
        SourceUnreadableError: it is, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            if _PLAYLIST.match(file.read(_HEAD_BYTES).removeprefix(b"\xef\xbb\xbf")):
                raise SourceUnreadableError(f"{path} is a playlist; name the video or the address that it lists")
            file.seek(0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                opened = Pillow.open(file)
            check_live_size(opened.width, opened.height, str(path))
    except Pillow.DecompressionBombError as error:
        raise too_large(str(path), MAX_LIVE_PIXELS) from error
    except SourceUnreadableError:
        raise
    except PermissionError as error:
        raise SourceUnreadableError(f"{path} cannot be read: {error.strerror}") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError):
        return  # no picture; FFmpeg says whether it is a video


def is_picture_or_video(path: Path) -> bool:
    """Return whether the beginning of the file `path` is that of a picture or a video; the rest may be damaged.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        if head[4:8] == b"ftyp" or head.startswith(_VIDEO_MAGIC) or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
            return True
        if head[:1] == head[188:189] == b"G":  # MPEG-TS, in packets of 188 bytes
            return True
        file.seek(0)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                Pillow.open(file)
        except Pillow.DecompressionBombError:
            return True  # it is refused with its reason when it is read
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError):
            return False
    return True


def check_live_size(width: int, height: int, name: str, limit: int = MAX_LIVE_PIXELS) -> None:
    """Check that a picture called `name`, of `width`×`height`, is small enough for the live camera.

    Raises:
        SourceUnreadableError: it has more than `limit` pixels.
    """
    if width * height > limit:
        raise too_large(name, limit)


def too_large(name: str, limit: int) -> SourceUnreadableError:
    """Return the error about a picture called `name` of more than `limit` pixels."""
    return SourceUnreadableError(
        Message("{name} has more than {limit} megapixels; make it smaller", name=name, limit=limit // 10**6)
    )


def size_without_pillow(data: bytes) -> tuple[int, int] | None:
    """Return width and height of a TIFF, JPEG 2000 or PAM file that Pillow cannot decode; None for anything else.

    Where a file names several sizes, the largest counts.
    """
    if data[:4] in _TIFF_MAGIC:
        return _tiff_size(data)
    if data[:2] == b"P7":
        sides = [[int(text) for text in re.findall(name + rb"\s+(\d{1,9})", data[:_HEAD_BYTES])] for name in _PAM_SIDES]
        return (max(sides[0]), max(sides[1])) if all(sides) else None
    sizes = []
    for found in re.finditer(re.escape(_JPEG2000_START), data):
        header = data[found.start() + 8 : found.start() + 24]
        right, bottom, left, top = (int.from_bytes(header[at : at + 4], "big") for at in (0, 4, 8, 12))
        sizes.append((max(0, right - left), max(0, bottom - top)))
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


def _tiff_size(data: bytes) -> tuple[int, int] | None:
    file = io.BytesIO(data)
    try:
        directory = ImageFileDirectory_v2(file.read(16 if data[2:4] in (b"+\0", b"\0+") else 8))
        file.seek(directory.next)
        directory.load(file)
        width, height = directory[_WIDTH], directory[_HEIGHT]
    except (OSError, ValueError, SyntaxError, KeyError, TypeError, IndexError, EOFError, struct.error):
        return None
    return (width, height) if isinstance(width, int) and isinstance(height, int) else None
