"""The grain: a fixed, smooth random map that tells a network where on the picture it paints.

On a plain wall a network that is the same everywhere, and lets no camera noise through, can only paint a pattern that
repeats with its stride: wallpaper. Given such a map as a second picture it can set each stroke differently, and as the
map never changes, nothing flickers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import numpy as np
import numpy.typing as npt

CELL = 8
"""Pixels of the picture to one number of the map."""
REACH = 3
"""Numbers of raw noise around a map that its border is smoothed with."""
_PERIOD = 256
_DEVIATION = 0.7
_SEED = 20261123

Grain = npt.NDArray[np.float32]


def grain_map(channels: int, rows: int, columns: int, top: int = 0, left: int = 0) -> Grain:
    """The map of a picture of `rows`×`columns` cells: 1×`channels`×`rows`×`columns` float32, of mean 0 and deviation 1.

    With `top` and `left`, in cells, the part of a larger picture's map that begins there.
    """
    y, x = (
        np.arange(start - REACH, start + count + REACH) % _PERIOD for start, count in ((top, rows), (left, columns))
    )
    return smoothed(_noise(channels)[None][:, :, y[:, None], x], rows, columns)


def smoothed(noise: Grain, rows: int, columns: int, down: float = 0.0, right: float = 0.0) -> Grain:
    """`noise` (…×R×C, white, of deviation 1) as `rows`×`columns` cells of a smooth map of the same deviation.

    The noise has at least `REACH` more numbers than the map on each side; the map lies `down` and `right` cells, also
    parts of one, further into it.
    """
    found = _kernel(rows, noise.shape[-2], down) @ noise @ _kernel(columns, noise.shape[-1], right).T
    return cast(Grain, found)


def _kernel(cells: int, numbers: int, offset: float) -> Grain:
    """`cells`×`numbers`: what each number adds to each cell; a Gaussian whose squares sum to one."""
    distance = np.arange(cells)[:, None] + REACH + offset - np.arange(numbers)
    weights = np.exp(-(distance**2) / (2 * _DEVIATION**2))
    return cast(Grain, (weights / np.sqrt((weights**2).sum(1, keepdims=True))).astype(np.float32))


@lru_cache(4)
def _noise(channels: int) -> Grain:
    # numpy promises that this generator gives the same numbers for ever, which its newer ones do not
    return np.random.RandomState(_SEED).standard_normal((channels, _PERIOD, _PERIOD)).astype(np.float32)
