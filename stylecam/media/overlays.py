"""Covers, which take the place of the picture, and the badge that is drawn over it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from stylecam.errors import SourceUnreadableError, UsageError
from stylecam.media.frame import Image, Size
from stylecam.media.image_file import ImageFile
from stylecam.media.lettering import lettered
from stylecam.media.transforms import resize
from stylecam.utils.languages import ENGLISH, Language
from stylecam.utils.message import Message

STARTING = Message("stylecam is starting")
OFF = Message("the camera is off")
STOPPED = Message("the painting has stopped")
PANIC = Message("Back in a moment")
"""What cards say to those who watch: plain words, no reasons."""

_BACKGROUND = (24, 20, 16)
"""The colour around a picture of another shape, and behind a transparent one: BGR."""


def starting_cover(size: Size, text: str = STARTING, language: Language = ENGLISH) -> Image:
    """Return a dark card with a badge, to be published until the first frame arrives (H×W×3 uint8 BGR)."""
    return with_badge(_dark_gradient(size), text, language)


def panic_cover(size: Size, text: str = PANIC, language: Language = ENGLISH) -> Image:
    """Return a dark card with `text` in its middle, which hides the person in front of the camera (H×W×3 uint8 BGR)."""
    card = Pillow.fromarray(_dark_gradient(size))
    words, font = lettered(text, language, max(7, min(size.height, size.width * 9 / 16) / 12))
    middle = (size.width / 2, size.height / 2)
    ImageDraw.Draw(card).text(middle, words, (222, 226, 230), font, "mm")
    return np.ascontiguousarray(card)


def panic_cover_from_file(path: Path, size: Size) -> Image:
    """Read the picture `path` and fit all of it into one of `size`, with margins (H×W×3 uint8 BGR).

    Raises:
        UsageError: it cannot be read.
    """
    try:
        picture = ImageFile.read(path.expanduser())
    except SourceUnreadableError as error:
        raise UsageError(f"--panic-picture: {error}") from error
    image = picture.image
    if picture.alpha is not None:
        share = picture.alpha[:, :, None] / 255
        image = (image * share + np.array(_BACKGROUND) * (1 - share)).round().astype(np.uint8)
    height, width = image.shape[:2]
    scale = min(size.width / width, size.height / height)
    fitted = resize(image, Size(max(1, round(width * scale)), max(1, round(height * scale))))
    cover = np.empty((size.height, size.width, 3), np.uint8)
    cover[:] = _BACKGROUND
    top, left = (size.height - fitted.shape[0]) // 2, (size.width - fitted.shape[1]) // 2
    cover[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted
    return cover


def with_badge(image: Image, text: str, language: Language = ENGLISH) -> Image:
    """Return a copy of `image` (H×W×3 uint8 BGR) with `text` on a dark plate in the lower left corner."""
    result: Image = image.copy()
    height, available = result.shape[:2]
    letters = max(7, min(height, available * 9 / 16) / 28)
    words, font = lettered(text, language, letters)
    pad = max(1, round(letters * 0.6))
    left, bottom = pad * 2, height - pad * 2
    right, top = left + round(font.getlength(words)) + pad * 4, max(0, bottom - round(letters * 0.72) - pad * 2)
    plate = result[top:bottom, left:right]
    plate[:] = (plate * 0.25 + 13.5).astype(np.uint8)
    dot = (left + pad + pad // 2, (top + bottom) // 2)
    cv2.circle(result, dot, max(2, pad // 2), (70, 90, 235), -1, cv2.LINE_AA)
    lettering = Pillow.fromarray(np.ascontiguousarray(plate))
    ImageDraw.Draw(lettering).text((pad * 3, (bottom - top) / 2), words, (240, 240, 240), font, "lm")
    plate[:] = np.asarray(lettering)
    return result


def _dark_gradient(size: Size) -> Image:
    ramp = np.linspace(46, 20, size.height, dtype=np.float32)[:, None]
    plain = np.repeat(ramp, size.width, axis=1).astype(np.uint8)
    return np.ascontiguousarray(np.dstack([plain, plain - 4, plain - 8]))
