"""Covers, which take the place of the picture, and the badge that is drawn over it."""

from __future__ import annotations

import textwrap
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from stylecam.errors import SourceUnreadableError, UsageError
from stylecam.media.frame import Image, Size
from stylecam.media.image_file import ImageFile
from stylecam.media.transforms import resize

_BACKGROUND = (24, 20, 16)
"""The colour around a picture of another shape, and behind a transparent one: BGR."""
_FONT = cv2.FONT_HERSHEY_DUPLEX


def starting_cover(size: Size, text: str = "stylecam is starting") -> Image:
    """Return a dark card with a badge, to be published until the first frame arrives (H×W×3 uint8 BGR)."""
    return with_badge(_dark_gradient(size), text)


def panic_cover(size: Size, text: str = "Back in a moment") -> Image:
    """Return a dark card with `text` in its middle, which hides the person in front of the camera (H×W×3 uint8 BGR)."""
    card = Pillow.fromarray(_dark_gradient(size))
    font = ImageFont.load_default(max(7, min(size.height, size.width * 9 / 16) / 12))
    middle = (size.width / 2, size.height / 2)
    ImageDraw.Draw(card).text(middle, text, (222, 226, 230), font, "mm")
    return np.ascontiguousarray(card)


def message_cover(size: Size, text: str) -> Image:
    """Return a dark card with `text` in its middle, broken into at most four lines (H×W×3 uint8 BGR)."""
    card = Pillow.fromarray(_dark_gradient(size))
    font = ImageFont.load_default(max(7, min(size.height, size.width * 9 / 16) / 20))
    lines = textwrap.wrap(text, 44, max_lines=4, placeholder=" …")
    middle = (size.width / 2, size.height / 2)
    ImageDraw.Draw(card).multiline_text(middle, "\n".join(lines), (222, 226, 230), font, "mm", align="center")
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


def with_badge(image: Image, text: str) -> Image:
    """Return a copy of `image` (H×W×3 uint8 BGR) with `text` on a dark plate in the lower left corner."""
    result: Image = image.copy()
    height, available = result.shape[:2]
    scale = min(height, available * 9 / 16) / 720 * 0.8
    (text_width, text_height), _ = cv2.getTextSize(text, _FONT, scale, 1)
    pad = max(1, round(text_height * 0.8))
    left, bottom = pad * 2, height - pad * 2
    right, top = left + text_width + pad * 4, bottom - text_height - pad * 2
    plate = result[max(0, top) : bottom, left:right]
    plate[:] = (plate * 0.25 + 13.5).astype(np.uint8)
    dot = (left + pad + pad // 2, (top + bottom) // 2)
    cv2.circle(result, dot, max(2, pad // 2), (70, 90, 235), -1, cv2.LINE_AA)
    origin = (left + pad * 3, bottom - pad)
    cv2.putText(result, text, origin, _FONT, scale, (240, 240, 240), 1, cv2.LINE_AA)
    return result


def _dark_gradient(size: Size) -> Image:
    ramp = np.linspace(46, 20, size.height, dtype=np.float32)[:, None]
    plain = np.repeat(ramp, size.width, axis=1).astype(np.uint8)
    return np.ascontiguousarray(np.dstack([plain, plain - 4, plain - 8]))
