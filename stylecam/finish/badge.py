"""Words on the picture, for those who watch: a badge when the camera is lost, cards where no camera is shown."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from stylecam.frame import Image, Size

_FONT = cv2.FONT_HERSHEY_DUPLEX


def badged(image: Image, text: str) -> Image:
    """A copy of `image` (H×W×3 uint8 BGR) with `text` on a dark plate in the lower left corner."""
    result: Image = image.copy()
    height, room = result.shape[:2]
    scale = min(height, room * 9 / 16) / 720 * 0.8
    (width, tall), _ = cv2.getTextSize(text, _FONT, scale, 1)
    pad = max(1, round(tall * 0.8))
    left, bottom = pad * 2, height - pad * 2
    right, top = left + width + pad * 4, bottom - tall - pad * 2
    plate = result[max(0, top) : bottom, left:right]
    plate[:] = (plate * 0.25 + 13.5).astype(np.uint8)
    dot = (left + pad + pad // 2, (top + bottom) // 2)
    cv2.circle(result, dot, max(2, pad // 2), (70, 90, 235), -1, cv2.LINE_AA)
    origin = (left + pad * 3, bottom - pad)
    cv2.putText(result, text, origin, _FONT, scale, (240, 240, 240), 1, cv2.LINE_AA)
    return result


def waiting_card(size: Size, text: str = "stylecam is starting") -> Image:
    """A calm dark picture of `size`, published until the first frame is there."""
    return badged(_dark(size), text)


def panic_card(size: Size, text: str = "Back in a moment") -> Image:
    """A calm dark picture of `size` with `text` in its middle, for when nobody should see anything."""
    drawn = Pillow.fromarray(_dark(size))
    font = ImageFont.load_default(max(7, min(size.height, size.width * 9 / 16) / 12))
    middle = (size.width / 2, size.height / 2)
    ImageDraw.Draw(drawn).text(middle, text, (222, 226, 230), font, "mm")
    return np.ascontiguousarray(drawn)


def _dark(size: Size) -> Image:
    ramp = np.linspace(46, 20, size.height, dtype=np.float32)[:, None]
    plain = np.repeat(ramp, size.width, axis=1).astype(np.uint8)
    return np.ascontiguousarray(np.dstack([plain, plain - 4, plain - 8]))
