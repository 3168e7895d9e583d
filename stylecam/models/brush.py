"""How large the strokes of a painting are on the screen.

A network paints strokes of a fixed size in pixels of the picture it is given, whatever the size of that picture. So a
finer rung would mean smaller strokes on the screen. Banks that know two sizes of strokes have two rows of norm
parameters for each style: one learned from a small copy of the painting (fine strokes) and one from a large copy (broad
strokes). Their mix paints the sizes between (Jing 2018, https://arxiv.org/abs/1802.07101; Babaeizadeh and Ghiasi 2018,
https://arxiv.org/abs/1811.08560), and is chosen for each size of picture so that the strokes keep theirs on the screen.
What the mix cannot reach is reached by the size of the picture: the larger the brush, the smaller the largest rung.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

SMALLEST, LARGEST = 0.5, 2.0
"""The range of the brush, a factor of the usual size of strokes."""
LARGEST_SIDE = 460.0
"""Short side, in pixels, of the largest picture that is painted with strokes of brush 1.

In a larger one the broad row alone does not make up for the smaller pixels: measured over the shipped styles, its marks
are a tenth longer than those of the fine row.
"""
_PAINTING_SIDE = 1.5
"""Short side of the copy that strokes of brush 1 are learned from, as a share of the short side of the picture."""


class StrokeScales(NamedTuple):
    """The short sides, in pixels, of the copies of a painting that the two rows of each style were learned from."""

    fine: float
    broad: float

    def broad_share(self, short_side: int, brush: float = 1.0) -> float:
        """Return how much of the mix is the broad row, 0..1, in a picture with a short side of `short_side` pixels."""
        wanted = _PAINTING_SIDE * brush * short_side
        return min(1.0, max(0.0, math.log(wanted / self.fine) / math.log(self.broad / self.fine)))


def rows_of(weights: Sequence[float], broad_share: float) -> tuple[float, ...]:
    """Return the weights of the rows, fine and broad in turn, for those of the styles."""
    return tuple(weight * share for weight in weights for share in (1 - broad_share, broad_share))
