"""Rewrite a bank to take and give uint8 BGR pictures almost as they lie in memory.

A bank begins with a strided convolution and ends with a pixel shuffle. The shuffle, the exchange of color channels and
the division by 255 take a quarter of the time on OpenCV's CPU path, and cost next to nothing when they are done on
uint8 (see `stylecam.media.transforms`). So the rewritten network has no shuffle: the channels of its last convolution
are ordered as the pixels of a c×c cell lie in memory, and its first convolutions take BGR 0..255. A bank of the rich
tier has two of them: the second one looks at the picture with a reflected rim, for the finest detail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from stylecam.models.model import Model
from stylecam.models.onnx import proto, wire
from stylecam.models.onnx.proto import (
    FLOAT,
    GRAPH_INITIALIZER,
    GRAPH_INPUT,
    GRAPH_NODE,
    GRAPH_OUTPUT,
    UINT8,
    FloatArray,
    Node,
)

_BGR = (2, 1, 0)
_MAX_CELL_SIZE = 16
_SCALE, _HALF = "pixels.scale", "pixels.half"


@dataclass(frozen=True)
class FoldedBank:
    """A bank of stylecam's own form, to be had without its conversions.

    Attributes:
        model: the bank.
        head_cell: the stride of the first convolution: the side of a cell of the input, in pixels. None if there is
            more than one, so that no single kind of cell suits the input.
        cell_size: c, the stride of the shuffle: the side of a cell of the output, in pixels.
    """

    model: Model
    head_cell: int | None
    cell_size: int
    _nodes: tuple[bytes, ...] = field(repr=False)
    _readers: tuple[Node, ...] = field(repr=False)
    _kernels: tuple[str, ...] = field(repr=False)
    _constants: dict[str, FloatArray] = field(repr=False)

    def with_cell_input(self, width: int, height: int) -> bytes:
        """Return the ONNX file for `image` of `input_shape`, float32 0..255.

        The channels are ordered by row, column and color (BGR) within the cell; `styled`, 0..1, has the same order. The
        strided convolution becomes a 3×3 one of stride 1, for which engines have their fastest code (Winograd's). Only
        for a bank with a `head_cell`.
        """
        assert self.head_cell is not None
        (reader,), (name,) = self._readers, self._kernels
        stride_one: dict[str, proto.AttributeValue] = {"kernel_shape": (3, 3), "pads": (1,) * 4, "strides": (1, 1)}
        head = Node("Conv", reader.inputs, reader.outputs, stride_one)
        constants = self._constants | {name: _kernel_for_cells(self._constants[name], self.head_cell) / np.float32(255)}
        image = proto.encode_value_info("image", self.input_shape(width, height))
        styled = proto.encode_value_info("styled", self.output_shape(width, height))
        return self._encode(width, height, [head.encode(), *self._nodes], constants, image, styled)

    def with_uint8_input(self, width: int, height: int, *, unpack: bool) -> bytes:
        """Return the ONNX file for `image` 1×`height`×`width`×3 uint8 BGR; `styled` is uint8, rounded.

        A NaN in the network becomes whatever uint8 the engine makes of it.

        Args:
            width: of the picture, in pixels.
            height: of the picture, in pixels.
            unpack: let the network put the pixels in order, 1×`height`×`width`×3, instead of leaving them as cells,
                1×3c²×`height`/c×`width`/c. Which is faster depends on the engine.
        """
        *nodes, ending = self._nodes
        first = [
            Node("Transpose", ("image",), ("pixels.planes",), {"perm": (0, 3, 1, 2)}),
            Node("Cast", ("pixels.planes",), ("pixels.floats",), {"to": FLOAT}),
        ]
        last = [Node("Sigmoid", Node.parse(memoryview(ending)).inputs, ("pixels.cells",))]
        if unpack:
            shuffle: dict[str, proto.AttributeValue] = {"blocksize": self.cell_size, "mode": "DCR"}
            last.append(Node("DepthToSpace", ("pixels.cells",), ("pixels.picture",), shuffle))
        last += [
            Node("Mul", (last[-1].outputs[0], _SCALE), ("pixels.scaled",)),
            Node("Add", ("pixels.scaled", _HALF), ("pixels.levels",)),  # Cast truncates, so this rounds
            Node("Cast", ("pixels.levels",), ("pixels.bytes" if unpack else "styled",), {"to": UINT8}),
        ]
        if unpack:
            last.append(Node("Transpose", ("pixels.bytes",), ("styled",), {"perm": (0, 2, 3, 1)}))
        readers = [each.encode_as(each.op_type, ("pixels.floats", *each.inputs[1:])) for each in self._readers]
        constants = self._constants | {
            **{name: self._constants[name][:, _BGR] / np.float32(255) for name in self._kernels},
            _SCALE: np.array(255, np.float32),
            _HALF: np.array(0.5, np.float32),
        }
        picture = (1, height, width, 3)
        image = proto.encode_value_info("image", picture, UINT8)
        styled = proto.encode_value_info("styled", picture if unpack else self.output_shape(width, height), UINT8)
        all_nodes = [*(node.encode() for node in first), *readers, *nodes, *(node.encode() for node in last)]
        return self._encode(width, height, all_nodes, constants, image, styled)

    def input_shape(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return the shape of `image` of `with_cell_input`."""
        assert self.head_cell is not None
        return _packed_shape(self.head_cell, width, height)

    def output_shape(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return the shape of `styled` where it is not unpacked: 1×3c²×`height`/c×`width`/c."""
        return _packed_shape(self.cell_size, width, height)

    def _encode(
        self,
        width: int,
        height: int,
        nodes: Sequence[bytes | memoryview],
        constants: dict[str, FloatArray],
        image: bytes,
        styled: bytes,
    ) -> bytes:
        """Return the bank's file with these nodes, constants, input `image` and output `styled`."""
        sized = self.model.with_input_size(width, height)
        inputs = [
            part.data if proto.value_info_name(part) != "image" else image
            for part in proto.graph_fields(sized)
            if part.number == GRAPH_INPUT
        ]
        kept = [
            part.data
            for part in proto.graph_fields(sized)
            if part.number == GRAPH_INITIALIZER and proto.read_tensor_header(part.data)[0] not in constants
        ]
        fields = [
            *(wire.encode(GRAPH_NODE, node) for node in nodes),
            *(wire.encode(GRAPH_INITIALIZER, data) for data in kept),
            *(wire.encode(GRAPH_INITIALIZER, proto.encode_tensor(*entry)) for entry in constants.items()),
            *(wire.encode(GRAPH_INPUT, data) for data in inputs),
            wire.encode(GRAPH_OUTPUT, styled),
        ]
        return proto.replace_graph_fields(sized, fields, (GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT))


def fold_conversions(model: Model) -> FoldedBank | None:
    """Return `model` without its conversions, or None for a network of another form."""
    nodes = [Node.parse(part.data) for part in proto.graph_fields(model.data) if part.number == GRAPH_NODE]
    producers = {name: node for node in nodes for name in node.outputs}
    sigmoid = producers.get("styled")
    if sigmoid is None or sigmoid.op_type != "Sigmoid" or len(sigmoid.inputs) != 1:
        return None
    shuffle = producers.get(sigmoid.inputs[0])
    if shuffle is None or shuffle.op_type != "DepthToSpace" or shuffle.attributes.get("mode") != "CRD":
        return None
    if len(shuffle.inputs) != 1:
        return None
    last, cell_size = producers.get(shuffle.inputs[0]), shuffle.attributes.get("blocksize")
    if last is None or not isinstance(cell_size, int) or not _is_plain_convolution(last):
        return None
    readers = _consumers("image", nodes)
    heads = [head for reader in readers if (head := _head_behind(reader, nodes)) is not None]
    if not heads or len(heads) != len(readers) or not 1 <= cell_size <= _MAX_CELL_SIZE:
        return None
    kernels = tuple(head.inputs[1] for head in heads)
    constants = _read_constants(model, {*kernels, *last.inputs[1:]})
    if constants is None or any(len(constants[name]) != 3 * cell_size**2 for name in last.inputs[1:]):
        return None
    for head in heads:
        side = head.attributes.get("kernel_shape")
        if constants[head.inputs[1]].shape[1:] != (3, *(side if isinstance(side, tuple) else ())):
            return None
    if any(len(_consumers(name, nodes)) > 1 for name in (*constants, *shuffle.inputs, *sigmoid.inputs)):
        return None
    order = [color * cell_size**2 + pixel for pixel in range(cell_size**2) for color in _BGR]
    for name in last.inputs[1:]:
        constants[name] = constants[name][order]
    kept = [node.data for node in nodes if node not in (*readers, shuffle, sigmoid)]
    ending = Node("Sigmoid", shuffle.inputs, ("styled",)).encode()
    head_cell = _stride_by_cell(readers[0]) if len(readers) == 1 else None
    return FoldedBank(model, head_cell, cell_size, (*map(bytes, kept), ending), tuple(readers), kernels, constants)


def _head_behind(reader: Node, nodes: Sequence[Node]) -> Node | None:
    """Return the convolution through which `reader`, a node that reads the picture, does so; None for another form.

    It sees one cell and at most its neighbors, or the picture with a reflected rim.
    """
    if reader.op_type == "Pad" and reader.attributes.get("mode") == "reflect":
        convolutions = _consumers(reader.outputs[0], nodes)
        return convolutions[0] if len(convolutions) == 1 and _is_plain_convolution(convolutions[0]) else None
    cell = _stride_by_cell(reader)
    return reader if cell is not None and 1 <= cell <= _MAX_CELL_SIZE else None


def _packed_shape(cell: int, width: int, height: int) -> tuple[int, int, int, int]:
    return 1, 3 * cell**2, height // cell, width // cell


def _stride_by_cell(head: Node) -> int | None:
    """Return the stride of `head` if it is a convolution that sees one cell and at most its neighbors, else None."""
    if not _is_plain_convolution(head) or head.attributes.get("dilations", (1, 1)) != (1, 1):
        return None
    values = [head.attributes.get(name) for name in ("kernel_shape", "pads", "strides")]
    if not all(isinstance(value, tuple) and len(set(value)) == 1 for value in values):
        return None
    kernel, pads, strides = (cast("tuple[int, ...]", value) for value in values)
    if (len(kernel), len(pads), len(strides)) != (2, 4, 2):
        return None
    return strides[0] if kernel[0] == strides[0] + 2 * pads[0] and 0 <= pads[0] <= strides[0] else None


def _is_plain_convolution(node: Node) -> bool:
    return node.op_type == "Conv" and node.attributes.get("group", 1) == 1 and len(node.inputs) in (2, 3)


def _consumers(name: str, nodes: Sequence[Node]) -> list[Node]:
    return [node for node in nodes if name in node.inputs]


def _read_constants(model: Model, names: set[str]) -> dict[str, FloatArray] | None:
    """Return the constants `names`, or None unless all of them exist as raw float32."""
    constants: dict[str, FloatArray] = {}
    for part in proto.graph_fields(model.data):
        if part.number == GRAPH_INITIALIZER:
            name, _ = proto.read_tensor_header(part.data)
            values = proto.read_float_tensor(part.data) if name in names else None
            if values is not None and values.ndim:
                constants[name] = values
    return constants if constants.keys() == names else None


def _kernel_for_cells(kernel: FloatArray, cell_size: int) -> FloatArray:
    """Turn a strided kernel (outputs×3×k×k, RGB) into a 3×3 kernel over cells (outputs×3c²×3×3, BGR)."""
    outputs, _, side, _ = kernel.shape
    before = cell_size - (side - cell_size) // 2  # pixels of the 3×3 cells that lie before the kernel
    padded = np.zeros((outputs, 3, 3 * cell_size, 3 * cell_size), np.float32)
    padded[:, :, before : before + side, before : before + side] = kernel[:, _BGR]
    split = padded.reshape(outputs, 3, 3, cell_size, 3, cell_size)  # outputs, color, cell row, row, cell column, column
    return np.ascontiguousarray(split.transpose(0, 3, 5, 1, 2, 4)).reshape(outputs, 3 * cell_size**2, 3, 3)
