"""The grain: a fixed, smooth random map that tells a network where on the picture it paints.

A network that is translation-invariant and suppresses camera noise paints a plain wall with a pattern that repeats at
the network's stride, like wallpaper. The grain is a second input that differs from place to place, so each stroke can
differ; it never changes over time, so nothing flickers. Its channels may have octaves: some change from cell to cell,
others slowly, for strokes and forms of every size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import cast

import numpy as np
import numpy.typing as npt

CELL_SIZE = 8
"""Side of the square of picture pixels that one value of the map covers."""
DEVIATION = 0.7
"""Deviation of the Gaussian that smooths a channel, in cells, where a network does not say otherwise."""
OCTAVES = (0.7, 0.7, 1.4, 1.4, 2.8, 2.8, 5.6, 5.6)
"""Deviations of a grain of eight channels in four octaves."""
MAX_DEVIATION = 16.0
_PERIOD = 256
_SEED = 20261123

Grain = npt.NDArray[np.float32]


def kernel_radius(deviations: Sequence[float] = ()) -> int:
    """Return how many values of raw noise are needed on each side of a map to smooth its border."""
    return math.ceil(4 * max(deviations, default=DEVIATION))


def grain_map(
    channels: int, rows: int, columns: int, top: int = 0, left: int = 0, deviations: Sequence[float] = ()
) -> Grain:
    """Return the grain of a picture, or of a tile of a larger one.

    Args:
        channels: the number of channels.
        rows: the height in cells of `CELL_SIZE` pixels.
        columns: the width in cells.
        top: the tile's first row in the larger picture, in cells.
        left: the tile's first column in the larger picture, in cells.
        deviations: of each channel, in cells; without any, `DEVIATION` for all.

    Returns:
        1×`channels`×`rows`×`columns` float32 with mean 0 and standard deviation 1.
    """
    radius = kernel_radius(deviations)
    y, x = (
        np.arange(start - radius, start + count + radius) % _PERIOD for start, count in ((top, rows), (left, columns))
    )
    return smooth_noise(_noise(channels)[None][:, :, y[:, None], x], rows, columns, deviations=deviations)


def smooth_noise(
    noise: Grain, rows: int, columns: int, down: float = 0.0, right: float = 0.0, deviations: Sequence[float] = ()
) -> Grain:
    """Smooth white noise with a Gaussian and keep its standard deviation.

    Args:
        noise: …×channels×R×C float32 of standard deviation 1, at least `kernel_radius` values larger than the map on
            each side.
        rows: the height of the result.
        columns: the width of the result.
        down: how far down in the noise the result begins, in cells; may be a fraction.
        right: how far to the right it begins, in cells; may be a fraction.
        deviations: as in `grain_map`.

    Returns:
        …×channels×`rows`×`columns` float32 of standard deviation 1.
    """
    radius, (height, width) = kernel_radius(deviations), noise.shape[-2:]
    kernels = {
        deviation: (_kernel(rows, height, radius + down, deviation), _kernel(columns, width, radius + right, deviation))
        for deviation in set(deviations or (DEVIATION,))
    }
    if not deviations:
        above, beside = kernels[DEVIATION]
        return cast(Grain, above @ noise @ beside.T)
    channels = [
        kernels[deviation][0] @ noise[..., channel, :, :] @ kernels[deviation][1].T
        for channel, deviation in enumerate(deviations)
    ]
    return cast(Grain, np.stack(channels, axis=-3))


def _kernel(cells: int, values: int, offset: float, deviation: float) -> Grain:
    """Return `cells`×`values` weights of each noise value in each cell: Gaussians whose squares sum to 1."""
    distance = np.arange(cells)[:, None] + offset - np.arange(values)
    weights = np.exp(-(distance**2) / (2 * deviation**2))
    return cast(Grain, (weights / np.sqrt((weights**2).sum(1, keepdims=True))).astype(np.float32))


@lru_cache(4)
def _noise(channels: int) -> Grain:
    # NumPy guarantees that RandomState's stream never changes; its newer generators give no such guarantee.
    return np.random.RandomState(_SEED).standard_normal((channels, _PERIOD, _PERIOD)).astype(np.float32)
