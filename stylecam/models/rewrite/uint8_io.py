"""Our banks without their conversions: uint8 BGR pictures nearly as they lie in memory, in and out.

A bank ends in a pixel shuffle and begins with a convolution of as large a stride. The shuffle, the exchange of colours
and the division by 255 are none of a network's business: a quarter of the time of OpenCV's CPU path goes into them, and
for uint8 they cost next to nothing (see `stylecam.media.transforms`). So the shuffle is left out, with the last
convolution's channels put in the order in which the pixels of a cell lie in memory, and the first convolution takes
0..255 BGR:

- as `picture`: 1×3×H×W, or
- as `cells`: 1×3c²×H/c×W/c, the pixels of each cell of c×c as channels, so that the strided convolution becomes a plain
  3×3 one, for which engines have their fastest code (Winograd's).

Either way `styled` comes as cells, float32 0..1. Engines that handle uint8 well need not even be fed floats:

- as `pixels`: `image` is 1×H×W×3 uint8 BGR, as a picture lies in memory, and `styled` is uint8 too, rounded: as cells
  1×3c²×H/c×W/c, or put in order as 1×H×W×3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from stylecam.models.model import Model
from stylecam.models.onnx import proto as parts
from stylecam.models.onnx import wire as protobuf
from stylecam.models.onnx.proto import (
    FLOAT,
    GRAPH_INITIALIZER,
    GRAPH_INPUT,
    GRAPH_NODE,
    GRAPH_OUTPUT,
    UINT8,
    Constant,
    Node,
)

_BGR = (2, 1, 0)
_SCALE, _HALF = "pixels.scale", "pixels.half"


@dataclass(frozen=True)
class Folded:
    """A bank that can be had without its conversions.

    Attributes:
        model: the bank.
        cell: c, the side of a cell in pixels.
    """

    model: Model
    cell: int
    _nodes: tuple[bytes, ...] = field(repr=False)
    _head: Node = field(repr=False)
    _constants: dict[str, Constant] = field(repr=False)

    def picture(self, width: int, height: int) -> bytes:
        """The network for `image` 1×3×`height`×`width` float32 BGR 0..255."""
        image = parts.value("image", (1, 3, height, width))
        return self._at(
            width, height, [self._head.data, *self._nodes], self._by_pixels, image, self._cells_of(width, height)
        )

    def cells(self, width: int, height: int) -> bytes:
        """The network for `image` 1×3c²×`height`/c×`width`/c float32 0..255: channels by row, column, colour (BGR)."""
        plain = Node(
            "Conv", self._head.inputs, self._head.outputs, {"kernel_shape": (3, 3), "pads": (1,) * 4, "strides": (1, 1)}
        )
        name = self._head.inputs[1]
        constants = self._constants | {name: _by_cells(self._constants[name], self.cell) / np.float32(255)}
        image = parts.value("image", (1, 3 * self.cell**2, height // self.cell, width // self.cell))
        return self._at(width, height, [plain.encoded(), *self._nodes], constants, image, self._cells_of(width, height))

    def pixels(self, width: int, height: int, *, in_order: bool) -> bytes:
        """The network for `image` 1×`height`×`width`×3 uint8 BGR; `styled` is uint8 as well.

        In order: 1×`height`×`width`×3; else as cells, which some libraries give sooner and OpenCV puts in order.
        Numbers that are none (NaN) come as whatever the library makes of them.
        """
        *nodes, ending = self._nodes
        steps = [
            Node("Transpose", ("image",), ("pixels.planes",), {"perm": (0, 3, 1, 2)}),
            Node("Cast", ("pixels.planes",), ("pixels.floats",), {"to": FLOAT}),
        ]
        last = [Node("Sigmoid", Node.read(memoryview(ending)).inputs, ("pixels.cells",))]
        if in_order:
            settings: dict[str, parts.Setting] = {"blocksize": self.cell, "mode": "DCR"}
            last.append(Node("DepthToSpace", ("pixels.cells",), ("pixels.picture",), settings))
        last += [
            Node("Mul", (last[-1].outputs[0], _SCALE), ("pixels.scaled",)),
            Node("Add", ("pixels.scaled", _HALF), ("pixels.levels",)),  # Cast cuts off: this rounds
            Node("Cast", ("pixels.levels",), ("pixels.bytes" if in_order else "styled",), {"to": UINT8}),
        ]
        if in_order:
            last.append(Node("Transpose", ("pixels.bytes",), ("styled",), {"perm": (0, 2, 3, 1)}))
        head = self._head.rewired("Conv", ("pixels.floats", *self._head.inputs[1:]))
        scaling = {_SCALE: np.array(255, np.float32), _HALF: np.array(0.5, np.float32)}
        image = parts.value("image", (1, height, width, 3), UINT8)
        styled = (
            parts.value("styled", (1, height, width, 3), UINT8) if in_order else self._cells_of(width, height, UINT8)
        )
        every = [*(step.encoded() for step in steps), head, *nodes, *(step.encoded() for step in last)]
        return self._at(width, height, every, self._by_pixels | scaling, image, styled)

    @property
    def _by_pixels(self) -> dict[str, Constant]:
        """The constants, for colours BGR 0..255."""
        name = self._head.inputs[1]
        return self._constants | {name: self._constants[name][:, _BGR] / np.float32(255)}

    def _cells_of(self, width: int, height: int, element: int = FLOAT) -> bytes:
        return parts.value("styled", (1, 3 * self.cell**2, height // self.cell, width // self.cell), element)

    def _at(
        self,
        width: int,
        height: int,
        nodes: Sequence[bytes | memoryview],
        constants: dict[str, Constant],
        image: bytes,
        styled: bytes,
    ) -> bytes:
        fixed = self.model.at(width, height)
        inputs = [
            part.data if parts.value_name(part.data) != "image" else image
            for part in parts.graph_parts(fixed)
            if part.number == GRAPH_INPUT
        ]
        kept = [
            part.data
            for part in parts.graph_parts(fixed)
            if part.number == GRAPH_INITIALIZER and parts.tensor_head(part.data)[0] not in constants
        ]
        made = [
            *(protobuf.encode(GRAPH_NODE, node) for node in nodes),
            *(protobuf.encode(GRAPH_INITIALIZER, data) for data in kept),
            *(protobuf.encode(GRAPH_INITIALIZER, parts.tensor(*entry)) for entry in constants.items()),
            *(protobuf.encode(GRAPH_INPUT, data) for data in inputs),
            protobuf.encode(GRAPH_OUTPUT, styled),
        ]
        return parts.with_graph_parts(fixed, made, (GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT))


def fold(model: Model) -> Folded | None:
    """`model` without its conversions, or None for a network of another form."""
    nodes = [Node.read(part.data) for part in parts.graph_parts(model.data) if part.number == GRAPH_NODE]
    makers = {name: node for node in nodes for name in node.outputs}
    sigmoid = makers.get("styled")
    if sigmoid is None or sigmoid.op != "Sigmoid":
        return None
    shuffle = makers.get(sigmoid.inputs[0])
    if shuffle is None or shuffle.op != "DepthToSpace" or shuffle.settings.get("mode") != "CRD":
        return None
    last, heads = makers.get(shuffle.inputs[0]), _users("image", nodes)
    if last is None or len(heads) != 1:
        return None
    head, cell = heads[0], shuffle.settings.get("blocksize")
    if not isinstance(cell, int) or not _strides_by(head, cell) or last.op != "Conv" or _grouped(last):
        return None
    constants = _constants(model, {head.inputs[1], *last.inputs[1:]})
    if constants is None or len(constants[last.inputs[1]]) != 3 * cell**2:
        return None
    if any(len(_users(name, nodes)) > 1 for name in (*constants, *shuffle.inputs, *sigmoid.inputs)):
        return None
    order = [color * cell**2 + place for place in range(cell**2) for color in _BGR]
    for name in last.inputs[1:]:
        constants[name] = constants[name][order]
    kept = [node.data for node in nodes if node not in (head, shuffle, sigmoid)]
    ending = Node("Sigmoid", shuffle.inputs, ("styled",)).encoded()
    return Folded(model, cell, (*map(bytes, kept), ending), head, constants)


def _strides_by(head: Node, cell: int) -> bool:
    """Whether `head` is a convolution that steps from cell to cell and sees no further than the neighbouring ones."""
    if head.op != "Conv" or _grouped(head) or head.settings.get("dilations", (1, 1)) != (1, 1):
        return False
    kernel, pads = head.settings.get("kernel_shape"), head.settings.get("pads")
    if not isinstance(kernel, tuple) or not isinstance(pads, tuple) or len(set(kernel)) != 1 or len(set(pads)) != 1:
        return False
    return head.settings.get("strides") == (cell, cell) and kernel[0] == cell + 2 * pads[0] and pads[0] <= cell


def _grouped(node: Node) -> bool:
    return node.settings.get("group", 1) != 1


def _users(name: str, nodes: Sequence[Node]) -> list[Node]:
    return [node for node in nodes if name in node.inputs]


def _constants(model: Model, names: set[str]) -> dict[str, Constant] | None:
    """The constants of these names; None unless all are there, as plain float32."""
    found: dict[str, Constant] = {}
    for part in parts.graph_parts(model.data):
        if part.number == GRAPH_INITIALIZER and parts.tensor_head(part.data)[0] in names:
            values = parts.tensor_values(part.data)
            if values is not None:
                found[parts.tensor_head(part.data)[0]] = values
    return found if found.keys() == names else None


def _by_cells(kernel: Constant, cell: int) -> Constant:
    """A strided kernel (outs×3×k×k, RGB) as one of 3×3 cells: outs×3c²×3×3, channels by row, column, colour (BGR)."""
    outs, _, side, _ = kernel.shape
    before = cell - (side - cell) // 2  # pixels of the 3×3 cells' square that lie before the kernel
    wide = np.zeros((outs, 3, 3 * cell, 3 * cell), np.float32)
    wide[:, :, before : before + side, before : before + side] = kernel[:, _BGR]
    split = wide.reshape(outs, 3, 3, cell, 3, cell)  # outs, colour, cell row, row, cell column, column
    return np.ascontiguousarray(split.transpose(0, 3, 5, 1, 2, 4)).reshape(outs, 3 * cell**2, 3, 3)
