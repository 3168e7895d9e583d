"""Capture times written into pixels, so that latency can be proven from outside by any reader of the picture.

Forty-eight black or white blocks in two rows along the top edge, most significant first: 40 bits of tenths of
milliseconds on the monotonic clock (which all processes of a Linux machine share) and 8 check bits. Blocks survive
JPEG, H.264 and scaling.
"""

from __future__ import annotations

from stylecam.media.frame import Image

_BITS, _CHECK, _ROWS = 40, 8, 2
_COLUMNS = (_BITS + _CHECK) // _ROWS
_TICKS_PER_S = 10_000


def draw_timestamp(image: Image, seconds: float) -> None:
    """Write `seconds` (monotonic) into the top rows of `image` (H×W×3 uint8), in place."""
    ticks = int(seconds * _TICKS_PER_S) % (1 << _BITS)
    word = ticks << _CHECK | _checksum(ticks)
    for i in range(_BITS + _CHECK):
        left, top, right, bottom = _block(image, i)
        image[top:bottom, left:right] = 235 if word >> (_BITS + _CHECK - 1 - i) & 1 else 16


def read_timestamp(image: Image) -> float | None:
    """The seconds written into `image` by `draw_timestamp`, or None if there is no intact time stamp."""
    word = 0
    for i in range(_BITS + _CHECK):
        left, top, right, bottom = _block(image, i)
        aside, down = (right - left) // 4, (bottom - top) // 4
        level = float(image[top + down : bottom - down, left + aside : right - aside].mean())
        if 95 < level < 155:
            return None
        word = word << 1 | (level >= 125)
    ticks, check = word >> _CHECK, word & ((1 << _CHECK) - 1)
    return ticks / _TICKS_PER_S if check == _checksum(ticks) else None


def _block(image: Image, number: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a block, in proportion to the picture, so that scaled ones are found too."""
    height, width = image.shape[:2]
    row, column = divmod(number, _COLUMNS)
    tall = max(4.0, height / 24)
    edges = (column * width / _COLUMNS, row * tall, (column + 1) * width / _COLUMNS, (row + 1) * tall)
    left, top, right, bottom = (round(edge) for edge in edges)
    return left, top, right, bottom


def _checksum(ticks: int) -> int:
    return (sum(ticks >> shift & 0xFF for shift in range(0, _BITS, 8)) * 37 + 11) & 0xFF
