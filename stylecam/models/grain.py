"""The grain: a fixed, smooth random map that tells a network where on the picture it paints.

A network that is translation-invariant and suppresses camera noise paints a plain wall with a pattern that repeats at
the network's stride, like wallpaper. The grain is a second input that differs from place to place, so each stroke can
differ; it never changes over time, so nothing flickers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import numpy as np
import numpy.typing as npt

CELL_SIZE = 8
"""Side of the square of picture pixels that one value of the map covers."""
KERNEL_RADIUS = 3
"""Values of raw noise needed on each side of a map to smooth its border."""
_PERIOD = 256
_DEVIATION = 0.7
_SEED = 20261123

Grain = npt.NDArray[np.float32]


def grain_map(channels: int, rows: int, columns: int, top: int = 0, left: int = 0) -> Grain:
    """Return the grain of a picture, or of a tile of a larger one.

    Args:
        channels: the number of channels.
        rows: the height in cells of `CELL_SIZE` pixels.
        columns: the width in cells.
        top: the tile's first row in the larger picture, in cells.
        left: the tile's first column in the larger picture, in cells.

    Returns:
        1×`channels`×`rows`×`columns` float32 with mean 0 and standard deviation 1.
    """
    y, x = (
        np.arange(start - KERNEL_RADIUS, start + count + KERNEL_RADIUS) % _PERIOD
        for start, count in ((top, rows), (left, columns))
    )
    return smooth_noise(_noise(channels)[None][:, :, y[:, None], x], rows, columns)


def smooth_noise(noise: Grain, rows: int, columns: int, down: float = 0.0, right: float = 0.0) -> Grain:
    """Smooth white noise with a Gaussian and keep its standard deviation.

    Args:
        noise: …×R×C float32 of standard deviation 1, at least `KERNEL_RADIUS` values larger than the map on each side.
        rows: the height of the result.
        columns: the width of the result.
        down: how far down in the noise the result begins, in cells; may be a fraction.
        right: how far to the right it begins, in cells; may be a fraction.

    Returns:
        …×`rows`×`columns` float32 of standard deviation 1.
    """
    smooth = _kernel(rows, noise.shape[-2], down) @ noise @ _kernel(columns, noise.shape[-1], right).T
    return cast(Grain, smooth)


def _kernel(cells: int, values: int, offset: float) -> Grain:
    """Return `cells`×`values` weights of each noise value in each cell: Gaussians whose squares sum to 1."""
    distance = np.arange(cells)[:, None] + KERNEL_RADIUS + offset - np.arange(values)
    weights = np.exp(-(distance**2) / (2 * _DEVIATION**2))
    return cast(Grain, (weights / np.sqrt((weights**2).sum(1, keepdims=True))).astype(np.float32))


@lru_cache(4)
def _noise(channels: int) -> Grain:
    # NumPy guarantees that RandomState's stream never changes; its newer generators give no such guarantee.
    return np.random.RandomState(_SEED).standard_normal((channels, _PERIOD, _PERIOD)).astype(np.float32)
