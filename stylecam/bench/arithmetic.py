"""How many multiply-adds a network's convolutions take, counted in its graph."""

from __future__ import annotations

import math

from stylecam.bench.numbers import Numbers
from stylecam.bench.shapes import CHANGES, JOINS, KEEPS, Shape
from stylecam.errors import ModelFormatError
from stylecam.frame import Size
from stylecam.styles import parts
from stylecam.styles.grain import CELL
from stylecam.styles.model import Model
from stylecam.styles.parts import GRAPH_INITIALIZER, GRAPH_NODE, Node


def gmac(model: Model, size: Size) -> float:
    """Billions of multiply-adds in the convolutions of `model` for a picture of `size`.

    Raises:
        ModelFormatError: its shapes cannot be followed: it has steps that style networks hardly have.
    """
    return _Walk(model, size).total() / 1e9


class _Walk:
    """Follows the shapes through a graph, from its first node to its last."""

    def __init__(self, model: Model, size: Size) -> None:
        self._path = model.path
        fields = list(parts.graph_parts(model.data))
        self._nodes = [Node.read(part.data) for part in fields if part.number == GRAPH_NODE]
        self._numbers = Numbers([part.data for part in fields if part.number == GRAPH_INITIALIZER])
        self._shapes: dict[str, Shape] = {
            "image": (1, 3, size.height, size.width),
            "grain": (1, model.grain, size.height // CELL, size.width // CELL),
        }

    def total(self) -> int:
        total = 0
        for node in self._nodes:
            if not self._numbers.take(node, self._shapes):
                shape = self._after(node)
                if shape is not None:
                    self._shapes.update(dict.fromkeys(node.outputs, shape))
            if node.op in ("Conv", "ConvTranspose"):
                # Each value of a convolution's output, or of a transposed one's input, meets all but one axis of the
                # kernel.
                pixels = self._of(node.outputs[0] if node.op == "Conv" else node.inputs[0])
                total += math.prod(pixels) * math.prod(self._numbers.shape(node.inputs[1])[1:])
        return total

    def _after(self, node: Node) -> Shape | None:
        """The shape of what `node` gives; None for what is no picture, such as a style's figures."""
        known = [self._shapes[name] for name in node.inputs if name in self._shapes]
        if not known:
            return None
        if node.op in KEEPS:
            return known[0]
        if node.op in JOINS:
            return max(known, key=math.prod)
        try:
            return CHANGES[node.op](node, [self._shapes.get(name, ()) for name in node.inputs], self._numbers)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:  # a damaged graph leads to any of them
            what = f"{node.op} at {node.outputs[0]!r}"
            raise ModelFormatError(f"{self._path}: its arithmetic cannot be counted ({what})") from error

    def _of(self, name: str) -> Shape:
        if name not in self._shapes:
            raise ModelFormatError(f"{self._path}: the shape of {name!r} cannot be told from its graph")
        return self._shapes[name]
