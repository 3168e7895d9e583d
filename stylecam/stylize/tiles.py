"""Cut large pictures into tiles, and pad pictures for networks: sizes and views, without any network."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product
from typing import NamedTuple, cast

import cv2
import numpy as np

from stylecam.media.frame import Image, Size
from stylecam.media.transforms import resize

PADDING = 64
"""The least reflected picture around a network's input, in pixels, a multiple of 8.

Networks leave a visible frame at their border, which is cropped away with the padding. It is wider than the padding of
live frames, because a still picture is looked at for longer.
"""
WHOLE_PADDING = 32
"""The same for a picture that a network takes whole, which has no tiles that must agree with each other.

With `PADDING` no eye sees a difference, and a picture of 640×360 takes a quarter more time.
"""
MAX_UNTILED_PIXELS = 2_600_000
"""About how many pixels a network is given at once: a full-HD picture with its padding. Larger ones go in tiles."""
TILE_SIDE = 1280
"""The side of a tile in pixels."""
TILE_MARGIN = 128
"""Pixels of a tile's edge that are only there for its neighbour: more than style networks see around a pixel."""
SAMPLE_GRID = 3
"""The statistics of a large picture are measured on collages of this many by this many windows."""


class Span(NamedTuple):
    """One tile along one axis: the network sees `start`..`end`, and `first`..`last` of its result is kept."""

    start: int
    end: int
    first: int
    last: int


def scaled(size: Size, scale: float) -> Size:
    """Return `size` with its sides multiplied by `scale` 0..1, at least 1."""
    return Size(*(max(1, round(side * scale)) for side in size))


def reduced(image: Image, scale: float) -> Image:
    """Return `image` with its sides multiplied by `scale` 0..1; itself for 1."""
    return resize(image, scaled(Size(image.shape[1], image.shape[0]), scale))


def share_taken_whole(size: Size) -> float:
    """Return the share to which the sides of a picture of `size` shrink for a network to take it whole; at most 1."""
    share = 1.0
    while (size.width * share + 2 * PADDING) * (size.height * share + 2 * PADDING) > MAX_UNTILED_PIXELS:
        share *= 0.98
    return share


def samples(image: Image) -> Iterator[Image]:
    """Yield collages of windows of `image`, each of the size a network takes whole, from four places of each ninth.

    Not reduced copies: their finer detail has larger variances, by which a large picture would come out calmer than a
    small one. Only where windows would be slivers there is nothing better.
    """
    size = Size(image.shape[1], image.shape[0])
    share = share_taken_whole(size)
    width, height = (int(side * share) // SAMPLE_GRID for side in size)
    if min(width, height) < PADDING:
        yield reduced(image, share)
        return
    for y, x in product((0, 1), repeat=2):
        rows = [
            np.hstack([image[top : top + height, left : left + width] for left in _places(size.width, width, x)])
            for top in _places(size.height, height, y)
        ]
        yield np.vstack(rows)


def _places(length: int, window: int, end: int) -> list[int]:
    """Return where windows start: at the beginning (`end` 0) or the end (1) of each equal part of `length`."""
    part = length / SAMPLE_GRID
    return [int(number * part + end * (part - window)) for number in range(SAMPLE_GRID)]


def everything(size: Size) -> tuple[Span, Span]:
    """Return the rows and columns of a single tile as large as the padded picture `size`."""
    return Span(0, size.height, 0, size.height), Span(0, size.width, 0, size.width)


def whole(size: Size, cell: int) -> tuple[Span, Span]:
    """Return the rows and columns that a network sees of a picture of `size` at once: multiples of `cell`."""
    start = PADDING - WHOLE_PADDING
    heights_and_widths = ((-(-(side + 2 * WHOLE_PADDING) // cell) * cell, side) for side in (size.height, size.width))
    row, column = (Span(start, start + length, PADDING, PADDING + side) for length, side in heights_and_widths)
    return row, column


def window(image: Image, row: Span, column: Span) -> Image:
    """Return the picture in a window, counted from the corner of the padding; what lies outside is reflected."""
    height, width = image.shape[:2]
    top, bottom = row.start - PADDING, row.end - PADDING
    left, right = column.start - PADDING, column.end - PADDING
    inside = image[max(0, top) : min(height, bottom), max(0, left) : min(width, right)]
    edges = (max(0, -top), max(0, bottom - height), max(0, -left), max(0, right - width))
    return cast(Image, cv2.copyMakeBorder(inside, *edges, cv2.BORDER_REFLECT_101))


def spans(length: int, tile: int, margin: int) -> tuple[Span, ...]:
    """Cut an axis of `length` into tiles that overlap.

    `length`, `tile` and `margin` are multiples of the network's alignment. All tiles are `tile` long (or a single one
    is as long as the axis) and start at such multiples, as strided networks need it. What is kept of each lies at least
    `margin` from its ends, except at the ends of the axis, and covers the axis exactly once.
    """
    if length <= tile:
        return (Span(0, length, 0, length),)
    starts = [*range(0, length - tile, tile - 2 * margin), length - tile]
    cuts = [0, *((before + tile + after) // 2 for before, after in pairwise(starts)), length]
    return tuple(Span(start, start + tile, *cuts[i : i + 2]) for i, start in enumerate(starts))
