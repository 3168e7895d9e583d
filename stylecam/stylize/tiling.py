"""Where to cut a large picture into tiles that overlap; pure arithmetic."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple


class Span(NamedTuple):
    """One tile along one axis: the network sees `start`..`end`, and `first`..`last` of what it paints is kept."""

    start: int
    end: int
    first: int
    last: int


def spans(length: int, tile: int, margin: int) -> tuple[Span, ...]:
    """Tiles along an axis of `length`, a multiple of 8 as `tile` and `margin` are.

    All are `tile` long (or one is as long as the axis), start at multiples of 8, as strided networks want it, and what
    is kept of each lies at least `margin` from its ends, those of the axis excepted. What is kept covers the axis once.
    """
    if length <= tile:
        return (Span(0, length, 0, length),)
    starts = [*range(0, length - tile, tile - 2 * margin), length - tile]
    cuts = [0, *((before + tile + after) // 2 for before, after in pairwise(starts)), length]
    return tuple(Span(start, start + tile, *cuts[i : i + 2]) for i, start in enumerate(starts))
