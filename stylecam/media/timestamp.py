"""Write the capture time into a picture's pixels and read it back, so that any program can measure the latency.

The time is drawn as 48 black or white blocks in two rows along the top edge, most significant bit first: 40 bits of
tenths of milliseconds on the monotonic clock, which all processes of a Linux machine share, and 8 check bits. The
blocks survive JPEG, H.264 and scaling.
"""

from __future__ import annotations

from stylecam.media.frame import Image

_BITS, _CHECK, _ROWS = 40, 8, 2
_COLUMNS = (_BITS + _CHECK) // _ROWS
_TICKS_PER_S = 10_000


def draw_timestamp(image: Image, seconds: float) -> None:
    """Draw the monotonic time `seconds` into the top rows of `image` (H×W×3 uint8), in place."""
    ticks = int(seconds * _TICKS_PER_S) % (1 << _BITS)
    word = ticks << _CHECK | _checksum(ticks)
    for i in range(_BITS + _CHECK):
        left, top, right, bottom = _block(image, i)
        image[top:bottom, left:right] = 235 if word >> (_BITS + _CHECK - 1 - i) & 1 else 16


def read_timestamp(image: Image) -> float | None:
    """Return the seconds that `draw_timestamp` drew into `image`, or None if there is no intact time stamp."""
    word = 0
    for i in range(_BITS + _CHECK):
        left, top, right, bottom = _block(image, i)
        margin_x, margin_y = (right - left) // 4, (bottom - top) // 4
        level = float(image[top + margin_y : bottom - margin_y, left + margin_x : right - margin_x].mean())
        if 95 < level < 155:
            return None
        word = word << 1 | (level >= 125)
    ticks, check = word >> _CHECK, word & ((1 << _CHECK) - 1)
    return ticks / _TICKS_PER_S if check == _checksum(ticks) else None


def _block(image: Image, number: int) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of a block. They are proportional to the picture, so it may be scaled."""
    height, width = image.shape[:2]
    row, column = divmod(number, _COLUMNS)
    block_height = max(4.0, height / 24)
    edges = (column * width / _COLUMNS, row * block_height, (column + 1) * width / _COLUMNS, (row + 1) * block_height)
    left, top, right, bottom = (round(edge) for edge in edges)
    return left, top, right, bottom


def _checksum(ticks: int) -> int:
    return (sum(ticks >> shift & 0xFF for shift in range(0, _BITS, 8)) * 37 + 11) & 0xFF
