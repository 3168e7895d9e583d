"""How many multiply-adds a network's convolutions take, counted in its graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from stylecam.errors import ModelFormatError
from stylecam.frame import Size
from stylecam.styles import parts
from stylecam.styles.grain import CELL
from stylecam.styles.model import Model
from stylecam.styles.parts import GRAPH_INITIALIZER, GRAPH_NODE, Constant, Node

Shape = tuple[int, int, int]
"""Channels, height, width."""

_KEEPS = frozenset(
    {
        *("Relu", "LeakyRelu", "PRelu", "Elu", "Sigmoid", "Tanh", "Clip", "Identity", "Dropout", "Cast"),
        *("InstanceNormalization", "BatchNormalization"),
    }
)
_JOINS = frozenset(["Add", "Sub", "Mul", "Div", "Max", "Min"])


def gmac(model: Model, size: Size) -> float:
    """Billions of multiply-adds in the convolutions of `model` for a picture of `size`.

    Raises:
        ModelFormatError: its shapes cannot be followed: it has steps that style networks of ours do not have.
    """
    return _Walk(model, size).total() / 1e9


class _Walk:
    """Follows the shapes through a graph, from its first node to its last."""

    def __init__(self, model: Model, size: Size) -> None:
        self._path = model.path
        fields = list(parts.graph_parts(model.data))
        self._nodes = [Node.read(part.data) for part in fields if part.number == GRAPH_NODE]
        self._constants = {
            parts.tensor_head(part.data)[0]: part.data for part in fields if part.number == GRAPH_INITIALIZER
        }
        self._shapes: dict[str, Shape] = {
            "image": (3, size.height, size.width),
            "grain": (model.grain, size.height // CELL, size.width // CELL),
        }

    def total(self) -> int:
        total = 0
        for node in self._nodes:
            shape = self._after(node)
            if shape is not None:
                self._shapes[node.outputs[0]] = shape
            if node.op in ("Conv", "ConvTranspose"):
                # Each value of a convolution's output, or of a transposed one's input, meets all but one axis of the
                # kernel.
                pixels = self._of(node.outputs[0] if node.op == "Conv" else node.inputs[0])
                total += math.prod(pixels) * math.prod(self._kernel(node)[1:])
        return total

    def _after(self, node: Node) -> Shape | None:
        """The shape of what `node` gives; None for what is no stack of planes, such as a style's figures."""
        known = [self._shapes[name] for name in node.inputs if name in self._shapes]
        if not known:
            return None
        if node.op in _KEEPS:
            return known[0]
        if node.op in _JOINS:
            return max(known, key=math.prod)
        change = _CHANGES.get(node.op)
        if change is None:
            raise ModelFormatError(f"{self._path}: its arithmetic cannot be counted ({node.op} at {node.outputs[0]!r})")
        return change(self, node)

    def _convolved(self, node: Node) -> Shape:
        _, height, width = self._of(node.inputs[0])
        outs, _, *kernel = self._kernel(node)
        pads = _ints(node, "pads", 4, 0)
        tall, wide = (
            (side + pads[axis] + pads[axis + 2] - spread * (length - 1) - 1) // step + 1
            for axis, side, length, step, spread in zip(
                (0, 1), (height, width), kernel, _ints(node, "strides", 2, 1), _ints(node, "dilations", 2, 1),
                strict=True,
            )
        )  # fmt: skip
        return outs, tall, wide

    def _transposed(self, node: Node) -> Shape:
        _, height, width = self._of(node.inputs[0])
        _, outs, *kernel = self._kernel(node)
        pads, more = _ints(node, "pads", 4, 0), _ints(node, "output_padding", 2, 0)
        tall, wide = (
            (side - 1) * step - pads[axis] - pads[axis + 2] + length + more[axis]
            for axis, side, length, step in zip(
                (0, 1), (height, width), kernel, _ints(node, "strides", 2, 1), strict=True
            )
        )
        group = node.settings.get("group", 1)
        return outs * (group if isinstance(group, int) else 1), tall, wide

    def _resized(self, node: Node) -> Shape:
        channels, height, width = self._of(node.inputs[0])
        scales = self._numbers(node.inputs[2] if len(node.inputs) > 2 else node.inputs[-1])
        return channels, math.floor(height * float(scales[2])), math.floor(width * float(scales[3]))

    def _shuffled(self, node: Node) -> Shape:
        channels, height, width = self._of(node.inputs[0])
        (side,) = _ints(node, "blocksize", 1, 1)
        if node.op == "SpaceToDepth":
            return channels * side**2, height // side, width // side
        return channels // side**2, height * side, width * side

    def _joined(self, node: Node) -> Shape:
        shapes = [self._of(name) for name in node.inputs]
        return sum(shape[0] for shape in shapes), *shapes[0][1:]

    def _padded(self, node: Node) -> Shape:
        channels, height, width = self._of(node.inputs[0])
        pads = _ints(node, "pads", 8, -1)
        if min(pads) < 0:
            raise ModelFormatError(f"{self._path}: its arithmetic cannot be counted (Pad at {node.outputs[0]!r})")
        return channels, height + pads[2] + pads[6], width + pads[3] + pads[7]

    def _of(self, name: str) -> Shape:
        if name not in self._shapes:
            raise ModelFormatError(f"{self._path}: the shape of {name!r} cannot be told from its graph")
        return self._shapes[name]

    def _kernel(self, node: Node) -> tuple[int, ...]:
        data = self._constants.get(node.inputs[1])
        dims = () if data is None else parts.tensor_head(data)[1]
        if len(dims) != 4:
            raise ModelFormatError(f"{self._path}: the kernel of {node.outputs[0]!r} cannot be told from its graph")
        return dims

    def _numbers(self, name: str) -> Constant:
        data = self._constants.get(name)
        values = None if data is None else parts.tensor_values(data)
        if values is None or values.size != 4:
            raise ModelFormatError(f"{self._path}: how far {name!r} enlarges cannot be told from its graph")
        return values


_CHANGES: dict[str, Callable[[_Walk, Node], Shape]] = {
    "Conv": _Walk._convolved,
    "ConvTranspose": _Walk._transposed,
    "Resize": _Walk._resized,
    "Upsample": _Walk._resized,
    "DepthToSpace": _Walk._shuffled,
    "SpaceToDepth": _Walk._shuffled,
    "Concat": _Walk._joined,
    "Pad": _Walk._padded,
}


def _ints(node: Node, name: str, count: int, default: int) -> Sequence[int]:
    """A setting that is a list of `count` whole numbers, or one of them."""
    value = node.settings.get(name, (default,) * count)
    if isinstance(value, int):
        value = (value,)
    return value if isinstance(value, tuple) and len(value) == count else (default,) * count
