"""Read the picture that a style is to be learned from, whatever file it comes in."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageCms

from stylecam.errors import SourceUnreadableError, UsageError
from stylecam.media.frame import Box, Image, Size
from stylecam.media.image_file import ANIMATED, ImageFile
from stylecam.media.transforms import resize
from stylecam.models.own_style import PICTURE_SIDE
from stylecam.utils import sandbox
from stylecam.utils.message import Message, packed, unpacked

MIN_SIDE = 64
"""The least pixels of the short side."""
LONGEST = 3
"""Of a picture that is longer than this many times its short side, the middle is used."""
LIMITS = sandbox.SandboxLimits(seconds=60.0, memory=2**30)
"""What reading the largest allowed picture takes, with a margin."""
_LEAST_DEVIATION = 1.0
"""Of the levels of a channel; below it a picture is of one color."""
_LEAST_FREE = 8 * 2**20
"""Bytes on the disk of temporary files; the reduced picture has one or two million at most."""
_QUALITY = 88
_REQUEST, _SOURCE, _ANSWER, _PICTURE = "request.json", "source", "answer.json", "picture.jpg"


@dataclass(frozen=True)
class StylePicture:
    """What is kept of a picture, and learned from.

    Attributes:
        jpeg: the picture in sRGB, its short side at most `PICTURE_SIDE` pixels.
        image: the same, decoded: H×W×3 uint8 BGR.
        notes: what of the file was left out or changed, as phrases that follow the file's name.
    """

    jpeg: bytes = field(repr=False)
    image: Image = field(repr=False)
    notes: tuple[str, ...] = ()

    @classmethod
    def read(cls, source: Path | bytes, crop: Sequence[float] | None = None, name: str = "the file") -> StylePicture:
        """Read a picture file in a process of its own, so that a malicious file harms nothing else.

        Args:
            source: the file's path, or its bytes.
            crop: left, top, width and height of the part to use, as shares of the upright picture.
            name: what messages call it where there is no path.

        Raises:
            UsageError: the crop lies outside of the picture.
            SourceUnreadableError: it is missing, damaged, no picture, too large or too small, or of one color.
        """
        name = str(source) if isinstance(source, Path) else name
        request = {"name": name, "crop": check_crop(crop)}
        if isinstance(source, Path):
            if source.exists() and not source.is_file():
                raise SourceUnreadableError(f"{name} is a folder or a device, and no picture; name a picture file")
            request["path"] = str(source.absolute())
        try:
            with tempfile.TemporaryDirectory(prefix="stylecam-", ignore_cleanup_errors=True) as folder:
                if shutil.disk_usage(folder).free < _LEAST_FREE:  # the child could not even say so
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                if isinstance(source, bytes):
                    Path(folder, _SOURCE).write_bytes(source)
                Path(folder, _REQUEST).write_text(json.dumps(request))
                ended = sandbox.run("stylecam.stylize.style_picture:run_in_child", folder, LIMITS)
                if ended is not None:
                    raise SourceUnreadableError(
                        Message("{name} is refused: reading it {ended}; try another copy", name=name, ended=ended)
                    )
                answer = json.loads(Path(folder, _ANSWER).read_text())
                if "error" in answer:
                    raise SourceUnreadableError(unpacked(answer["error"]))
                jpeg = Path(folder, _PICTURE).read_bytes()
        except SourceUnreadableError:
            raise
        except OSError as error:
            raise SourceUnreadableError(
                Message(
                    "{name} cannot be read: there is no place for temporary files ({reason}); free some space",
                    name=name, reason=error.strerror or error,
                )
            ) from error  # fmt: skip
        return cls(jpeg, ImageFile.read(jpeg, live=True, name=name).image, tuple(map(unpacked, answer["notes"])))


def check_crop(crop: Sequence[float] | None) -> Box | None:
    """Return `crop`, which is left, top, width and height as shares of a picture, as a box within it.

    Raises:
        UsageError: it lies outside of the picture, or is empty.
    """
    if crop is None:
        return None
    box = Box(*crop) if len(crop) == 4 else Box(0, 0, 0, 0)
    if not (0 <= box.left < box.right <= 1.001 and 0 <= box.top < box.bottom <= 1.001):  # 1 as the sum of two shares
        raise UsageError(
            f"the crop {','.join(f'{share:g}' for share in crop)} must be left, top, width and height within the "
            "picture, as shares of it; write for example 0.1,0.1,0.8,0.8"
        )
    return box


def run_in_child(name: str) -> None:
    """Do the work of the child process: read the request in the folder `name`, write picture and answer there."""
    folder = Path(name)
    request = json.loads((folder / _REQUEST).read_text())
    source = Path(request["path"]) if "path" in request else (folder / _SOURCE).read_bytes()
    try:
        jpeg, notes = reduced(source, request["name"], request["crop"] and Box(*request["crop"]))
    except SourceUnreadableError as error:
        (folder / _ANSWER).write_text(json.dumps({"error": packed(str(error))}))
        return
    (folder / _PICTURE).write_bytes(jpeg)
    (folder / _ANSWER).write_text(json.dumps({"notes": list(map(packed, notes))}))


def reduced(source: Path | bytes, name: str, crop: Box | None) -> tuple[bytes, list[str]]:
    """Return the part `crop` of a picture file as `StylePicture` has it, and the notes.

    Raises:
        SourceUnreadableError: as `StylePicture.read` does.
    """
    needed = PICTURE_SIDE if crop is None else round(PICTURE_SIDE / min(crop.width, crop.height))
    file = ImageFile.read(source, needed, live=True, name=name)
    notes = [ANIMATED if note.startswith(ANIMATED) else note for note in file.notes]
    if file.alpha is not None and file.alpha.min() < 255:
        notes.append(Message("is transparent in places, which are white here"))
    image = file.flattened_on_white()
    if crop is not None:
        height, width = image.shape[:2]
        image = image[
            round(crop.top * height) : round(crop.bottom * height), round(crop.left * width) : round(crop.right * width)
        ]
    height, width = image.shape[:2]
    shorter = min(height, width)
    if shorter < MIN_SIDE:
        raise SourceUnreadableError(
            Message(
                "{name} is {width}×{height}; a style is learned from at least {least} pixels on the short side, and "
                "better from some hundreds: find a larger copy",
                name=name, width=width, height=height, least=MIN_SIDE,
            )
        )  # fmt: skip
    if max(height, width) > LONGEST * shorter:
        image = _middle(image, LONGEST * shorter)
        notes.append(Message("is a long strip, of which the middle is used"))
    share = min(1.0, PICTURE_SIDE / shorter)
    height, width = image.shape[:2]
    image = resize(image, Size(round(width * share), round(height * share)))
    if (image.std(axis=(0, 1)) < _LEAST_DEVIATION).all():
        raise SourceUnreadableError(
            Message("{name} is of one color, so there is nothing to learn; choose another picture", name=name)
        )
    return _jpeg(image, file.profile), notes


def _middle(image: Image, longest: int) -> Image:
    height, width = image.shape[:2]
    top, left = max(0, height - longest) // 2, max(0, width - longest) // 2
    return image[top : top + min(height, longest), left : left + min(width, longest)]


def _jpeg(image: Image, profile: bytes | None) -> bytes:
    """Encode `image`, whose colours are those of the ICC `profile`, in sRGB."""
    picture = Pillow.fromarray(image[:, :, ::-1].copy())
    if profile is not None:
        try:
            found = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, found, ImageCms.createProfile("sRGB"))
        except (ImageCms.PyCMSError, OSError):  # damaged: what most viewers show is sRGB
            converted = None
        picture = converted or picture
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=_QUALITY)
    return encoded.getvalue()
