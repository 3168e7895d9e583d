"""Capture times written into pixels, so that latency can be proven from outside by any reader of the picture.

Forty-eight black or white blocks in two rows along the top edge, most significant first: 40 bits of tenths of
milliseconds on the monotonic clock (which all processes of a Linux machine share) and 8 check bits. Blocks survive
JPEG, H.264 and scaling.
"""

from __future__ import annotations

import cv2

from stylecam.frame import Image

_BITS, _CHECK, _ROWS = 40, 8, 2
_COLUMNS = (_BITS + _CHECK) // _ROWS
_TICKS_PER_S = 10_000


def draw_timestamp(image: Image, seconds: float) -> None:
    """Write `seconds` (monotonic) into the top rows of `image` (H×W×3 uint8), in place."""
    ticks = int(seconds * _TICKS_PER_S) % (1 << _BITS)
    word = ticks << _CHECK | _checksum(ticks)
    width, height = _block(image)
    for i in range(_BITS + _CHECK):
        row, column = divmod(i, _COLUMNS)
        level = 235 if word >> (_BITS + _CHECK - 1 - i) & 1 else 16
        left, top = column * width, row * height
        cv2.rectangle(image, (left, top), (left + width - 1, top + height - 1), (level, level, level), -1)


def read_timestamp(image: Image) -> float | None:
    """The seconds written into `image` by `draw_timestamp`, or None if there is no intact time stamp."""
    width, height = _block(image)
    word = 0
    for i in range(_BITS + _CHECK):
        row, column = divmod(i, _COLUMNS)
        top, left = row * height, column * width
        middle = image[top + height // 4 : top + height - height // 4, left + width // 4 : left + width - width // 4]
        level = float(middle.mean())
        if 95 < level < 155:
            return None
        word = word << 1 | (level >= 125)
    ticks, check = word >> _CHECK, word & ((1 << _CHECK) - 1)
    return ticks / _TICKS_PER_S if check == _checksum(ticks) else None


def _block(image: Image) -> tuple[int, int]:
    height, width = image.shape[:2]
    return width // _COLUMNS, max(4, height // 24)


def _checksum(ticks: int) -> int:
    return (sum(ticks >> shift & 0xFF for shift in range(0, _BITS, 8)) * 37 + 11) & 0xFF
