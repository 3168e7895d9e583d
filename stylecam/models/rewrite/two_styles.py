"""Rewrite a bank to paint two styles in one picture: one on the person, the other in the room.

A style of a bank is the scale γ and the shift β after each instance norm (Dumoulin et al. 2017). The rewritten network
has both pairs for each norm, and mixes them at each pixel by the mask m, which is 1 on the person: the norm's result is
y_room + m · (x · (γ_person − γ_room) + (β_person − β_room)), with y_room = x · γ_room + β_room. So a mask of zeros
gives the room's painting to the last bit, and a mask of ones the person's to rounding. The statistics of a norm are
still those of the whole picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from stylecam.errors import UsageError
from stylecam.models.grain import CELL_SIZE
from stylecam.models.model import Model
from stylecam.models.onnx import proto, wire
from stylecam.models.onnx.proto import GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_NODE, FloatArray, Node

_NORM = "InstanceNormalization"
_SAME_SIZE = frozenset(("Relu", "Mul", "Add", "Pad", "Slice", "Sigmoid", _NORM))
"""Operators of a bank whose result is as large as their input; a bank pads what it slices off."""


def two_styles(model: Model) -> Model:
    """Return the network that paints two styles of the bank `model` in one picture.

    Its input `style` is 1×2N: the rows of the person's style, then those of the room's. Its input `mask` is 1×1×H×W
    float32, 1 on the person and 0 in the room. Everything else is as in `model`, which is its `base`.

    Raises:
        UsageError: `model` is no bank of stylecam's own form.
    """
    graph = _Graph.read(model)
    strides = None if graph is None else graph.strides()
    norms = None if graph is None else graph.styled_norms()
    if graph is None or strides is None or norms is None or not all(norm.normalized in strides for norm in norms):
        raise UsageError(
            f"{model.path.name} cannot paint two styles in one picture; only a bank made by stylecam train can"
        )
    ends = {norm.shift.outputs[0]: norm for norm in norms}
    sizes = {strides[norm.normalized] for norm in norms} - {1}
    nodes = [_pool(size).encode() for size in sorted(sizes)]
    for node in graph.nodes:
        norm = ends.get(node.outputs[0])
        if norm is None:
            nodes.append(bytes(node.data))
        else:
            nodes += [added.encode() for added in norm.mixed(_mask_name(strides[norm.normalized]))]
    constants = {}
    for norm in norms:
        for part in (norm.scale_rows, norm.shift_rows):
            rows = graph.constants[part]
            constants[part] = np.concatenate([np.zeros_like(rows), rows])
            constants[_difference(part)] = np.concatenate([rows, -rows])
    return replace(model, data=graph.encode(nodes, constants), key=f"{model.key}.two", bank=model)


@dataclass(frozen=True, slots=True)
class _StyledNorm:
    """An instance norm whose scale and shift come from the style.

    Attributes:
        normalized: the name of the norm's result.
        scale: the multiplication by γ.
        shift: the addition of β.
        scale_rows: the name of the matrix of γ, rows × channels.
        shift_rows: the same of β.
        per_channel: the name of the shape 1×C×1×1.
    """

    normalized: str
    scale: Node
    shift: Node
    scale_rows: str
    shift_rows: str
    per_channel: str

    def mixed(self, mask: str) -> Iterator[Node]:
        """Yield the nodes in place of `shift`; the rows of the network are then those of the room."""
        end = self.shift.outputs[0]
        room, scaled, difference, masked = (f"{end}.{part}" for part in ("room", "scaled", "difference", "masked"))
        yield Node("Add", self.shift.inputs, (room,))
        for rows in (self.scale_rows, self.shift_rows):
            name = _difference(rows)
            yield Node("MatMul", ("style", name), (f"{name}.mixed",))
            yield Node("Reshape", (f"{name}.mixed", self.per_channel), (f"{name}.shaped",))
        yield Node("Mul", (self.normalized, f"{_difference(self.scale_rows)}.shaped"), (scaled,))
        yield Node("Add", (scaled, f"{_difference(self.shift_rows)}.shaped"), (difference,))
        yield Node("Mul", (difference, mask), (masked,))
        yield Node("Add", (room, masked), (end,))


@dataclass(frozen=True, slots=True)
class _Graph:
    """The graph of a bank.

    Attributes:
        nodes: its operations in order.
        constants: the weights that are raw float32, by name.
    """

    model: Model
    nodes: tuple[Node, ...]
    constants: dict[str, FloatArray]

    @classmethod
    def read(cls, model: Model) -> _Graph | None:
        """Return the graph of `model`; None where it is no bank of one style a picture."""
        if not model.has_style_input or model.takes_mask:
            return None
        nodes = []
        constants = {}
        for part in proto.graph_fields(model.data):
            if part.number == GRAPH_NODE:
                nodes.append(Node.parse(part.data))
            elif part.number == GRAPH_INITIALIZER:
                values = proto.read_float_tensor(part.data)
                if values is not None:
                    constants[proto.read_tensor_header(part.data)[0]] = values
        if not all(node.inputs and node.outputs for node in nodes):
            return None
        return cls(model, tuple(nodes), constants)

    def strides(self) -> dict[str, int] | None:
        """Return the side of the square of picture pixels that a pixel of each value covers; None where unknown."""
        strides = {"image": 1, "grain": CELL_SIZE}
        for node in self.nodes:
            before = next((strides[name] for name in node.inputs if name in strides), None)
            if before is None:  # computed from the style
                continue
            factor = self._shrinking(node)
            if factor is None:
                return None
            strides[node.outputs[0]] = int(before * factor)
        return strides

    def _shrinking(self, node: Node) -> float | None:
        """Return how many times larger the input of `node` is than its result, on each side; None where unknown."""
        if node.op_type in _SAME_SIZE:
            return 1
        if node.op_type == "Conv":
            stride = node.attributes.get("strides", (1, 1))
            return stride[0] if isinstance(stride, tuple) and len(set(stride)) == 1 else None
        if node.op_type == "DepthToSpace":
            block = node.attributes.get("blocksize")
            return 1 / block if isinstance(block, int) and block else None
        if node.op_type == "Resize" and len(node.inputs) == 3:
            scales = self.constants.get(node.inputs[2])
            return 1 / float(scales[2]) if scales is not None and scales.shape == (4,) and scales[2] > 0 else None
        return None

    def styled_norms(self) -> list[_StyledNorm] | None:
        """Return the norms that the style goes into; None where it goes into anything else."""
        users: dict[str, list[Node]] = {}
        for node in self.nodes:
            for name in node.inputs:
                users.setdefault(name, []).append(node)

        def only_user(value: str, op_type: str) -> Node | None:
            found = users.get(value, [])
            return found[0] if len(found) == 1 and found[0].op_type == op_type else None

        rows: dict[str, tuple[str, str]] = {}
        for mixing in users.get("style", []):
            if mixing.op_type != "MatMul" or len(mixing.inputs) != 2 or mixing.inputs[0] != "style":
                return None
            shaping, matrix = only_user(mixing.outputs[0], "Reshape"), self.constants.get(mixing.inputs[1])
            if shaping is None or matrix is None or matrix.ndim != 2 or len(matrix) != self.model.row_count:
                return None
            if len(users[mixing.inputs[1]]) != 1 or len(shaping.inputs) != 2:
                return None
            rows[shaping.outputs[0]] = mixing.inputs[1], shaping.inputs[1]
        norms = []
        for norm in self.nodes:
            if norm.op_type != _NORM:
                continue
            scale = only_user(norm.outputs[0], "Mul")
            shift = None if scale is None else only_user(scale.outputs[0], "Add")
            if scale is None or shift is None:
                return None
            factor, summand = _other(scale, norm.outputs[0]), _other(shift, scale.outputs[0])
            if factor not in rows or summand not in rows:
                return None
            (scale_rows, per_channel), (shift_rows, _) = rows[factor], rows[summand]
            norms.append(_StyledNorm(norm.outputs[0], scale, shift, scale_rows, shift_rows, per_channel))
        used = {name for norm in norms for name in (norm.scale_rows, norm.shift_rows)}
        return norms if norms and len(used) == len(rows) == 2 * len(norms) else None

    def encode(self, nodes: list[bytes], constants: Mapping[str, FloatArray]) -> bytes:
        """Return the bank's file with `nodes`, the changed `constants`, and the inputs of two styles."""
        kept = [
            part.data
            for part in proto.graph_fields(self.model.data)
            if part.number == GRAPH_INITIALIZER and proto.read_tensor_header(part.data)[0] not in constants
        ]
        inputs = [
            part.data
            for part in proto.graph_fields(self.model.data)
            if part.number == GRAPH_INPUT and proto.value_info_name(part) != "style"
        ]
        inputs.append(memoryview(proto.encode_value_info("style", (1, 2 * self.model.row_count))))
        inputs.append(memoryview(proto.encode_value_info("mask", (1, 1, "height", "width"))))
        fields = [
            *(wire.encode(GRAPH_NODE, node) for node in nodes),
            *(wire.encode(GRAPH_INITIALIZER, data) for data in kept),
            *(wire.encode(GRAPH_INITIALIZER, proto.encode_tensor(*entry)) for entry in constants.items()),
            *(wire.encode(GRAPH_INPUT, data) for data in inputs),
        ]
        return proto.replace_graph_fields(self.model.data, fields, (GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_INPUT))


def _pool(size: int) -> Node:
    """Return the node that shrinks the mask by `size`: each pixel is the mean of the square that it covers."""
    square: dict[str, proto.AttributeValue] = {"kernel_shape": (size, size), "strides": (size, size)}
    return Node("AveragePool", ("mask",), (_mask_name(size),), square)


def _mask_name(size: int) -> str:
    return "mask" if size == 1 else f"mask.{size}"


def _difference(rows: str) -> str:
    """Return the name of the rows that give the person's parameter minus the room's."""
    return f"{rows}.difference"


def _other(node: Node, value: str) -> str:
    """Return the input of the two-sided `node` that is not `value`."""
    return next((name for name in node.inputs if name != value), value)
