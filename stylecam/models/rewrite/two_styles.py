"""Rewrite a bank to paint two styles in one picture: one on the person, the other in the room.

A style of a bank is the scale γ and the shift β after each instance norm (Dumoulin et al. 2017). The rewritten network
has both pairs for each norm, and mixes them at each pixel by the mask m, which is 1 on the person: the norm's result is
y_room + m · (x · (γ_person − γ_room) + (β_person − β_room)), with y_room = x · γ_room + β_room. So a mask of zeros
gives the room's painting to the last bit, and a mask of ones the person's to rounding. The statistics of a norm are
still those of the whole picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from stylecam.errors import UsageError
from stylecam.models.grain import CELL_SIZE
from stylecam.models.model import Model
from stylecam.models.onnx import proto, wire
from stylecam.models.onnx.proto import GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_NODE, FloatArray, Node
from stylecam.models.onnx.wire import WireError
from stylecam.models.rewrite.row_input import LENGTHS, split
from stylecam.models.rewrite.style_rows import STYLE

_NORM = "InstanceNormalization"
_SAME_SIZE = frozenset(("Relu", "Mul", "Add", "Pad", "Slice", "Sigmoid", _NORM))
"""Operators of a bank whose result is as large as their input; a bank pads what it slices off."""


def two_styles(model: Model) -> Model:
    """Return the network that paints two styles of the bank `model`, which is in row form, in one picture.

    Its input `style` is 1×2R: the rows of the room's style, then by how much those of the person's are larger. Its
    input `mask` is 1×1×H×W float32, 1 on the person and 0 in the room. Everything else is as in `model`, which is its
    `base`.

    Raises:
        UsageError: `model` is no bank of stylecam's own form.
    """
    try:
        graph = _Graph.read(model)
        norms = graph.styled_norms()
    except (_OtherFormError, WireError) as error:
        raise UsageError(
            f"{model.path.name} cannot paint two styles in one picture; only a bank made by stylecam train can"
        ) from error
    parts = graph.handing_out.outputs
    ends = {norm.shift.outputs[0]: norm for norm in norms}
    nodes = [split([*parts, *map(_difference, parts)])]
    nodes += [_pool(stride).encode() for stride in sorted({norm.stride for norm in norms} - {1})]
    for node in graph.nodes:
        norm = ends.get(node.outputs[0])
        if norm is not None:
            nodes += [added.encode() for added in norm.mixed()]
        elif node is not graph.handing_out:
            nodes.append(bytes(node.data))
    return replace(model, data=graph.encode(nodes), key=f"{model.key}.two", bank=model)


class _OtherFormError(ValueError):
    """The network is not of the form of our banks."""


@dataclass(frozen=True, slots=True)
class _StyledNorm:
    """An instance norm whose scale and shift come from the style.

    Attributes:
        normalized: the name of the norm's result.
        stride: the side, in pixels of the picture, of the square that a pixel of the result stands for.
        scale: the multiplication by γ.
        shift: the addition of β.
        scale_rows: the name of γ as `style` has it.
        shift_rows: the same of β.
        per_channel: the name of the shape 1×C×1×1.
    """

    normalized: str
    stride: int
    scale: Node
    shift: Node
    scale_rows: str
    shift_rows: str
    per_channel: str

    def mixed(self) -> Iterator[Node]:
        """Yield the nodes in place of `shift`, which then gives the room's painting."""
        end = self.shift.outputs[0]
        room, scaled, difference, masked = (f"{end}.{part}" for part in ("room", "scaled", "difference", "masked"))
        yield Node("Add", self.shift.inputs, (room,))
        for rows in (self.scale_rows, self.shift_rows):
            name = _difference(rows)
            yield Node("Reshape", (name, self.per_channel), (f"{name}.shaped",))
        yield Node("Mul", (self.normalized, f"{_difference(self.scale_rows)}.shaped"), (scaled,))
        yield Node("Add", (scaled, f"{_difference(self.shift_rows)}.shaped"), (difference,))
        yield Node("Mul", (difference, _mask_name(self.stride)), (masked,))
        yield Node("Add", (room, masked), (end,))


@dataclass(frozen=True, slots=True)
class _Graph:
    """The graph of a bank.

    Attributes:
        nodes: its operations in order.
        handing_out: the one that cuts `style` into the rows of each norm.
        constants: the weights that are raw float32, by name.
    """

    model: Model
    nodes: tuple[Node, ...]
    handing_out: Node
    constants: dict[str, FloatArray]

    @classmethod
    def read(cls, model: Model) -> _Graph:
        """Return the graph of the bank `model`."""
        if model.row_data is None or model.takes_mask:
            raise _OtherFormError("no bank in row form of one style a picture")
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
            raise _OtherFormError("a node without input or output")
        handing_out = next(node for node in nodes if STYLE in node.inputs)  # the only one, see `row_form`
        return cls(model, tuple(nodes), handing_out, constants)

    def styled_norms(self) -> list[_StyledNorm]:
        """Return the norms, into each of which the style goes, and into nothing else."""
        rows, strides = self._shaped_rows(), self._strides()
        norms = []
        for norm in self.nodes:
            if norm.op_type == _NORM:
                scale = self._only_user(norm.outputs[0], "Mul")
                shift = self._only_user(scale.outputs[0], "Add")
                factor, summand = _other(scale, norm.outputs[0]), _other(shift, scale.outputs[0])
                stride = strides.get(norm.outputs[0], 0)
                if factor not in rows or summand not in rows or stride < 1:
                    raise _OtherFormError("a norm without a style, or of another picture")
                (scale_rows, per_channel), (shift_rows, _) = rows[factor], rows[summand]
                norms.append(_StyledNorm(norm.outputs[0], stride, scale, shift, scale_rows, shift_rows, per_channel))
        used = {name for norm in norms for name in (norm.scale_rows, norm.shift_rows)}
        if not norms or not len(used) == len(rows) == 2 * len(norms):
            raise _OtherFormError("a style without a norm")
        return norms

    def encode(self, nodes: list[bytes]) -> bytes:
        """Return the bank's file with `nodes` and the inputs of two styles."""
        parts = list(proto.graph_fields(self.model.data))
        kept = [
            part.data
            for part in parts
            if part.number == GRAPH_INITIALIZER and proto.read_tensor_header(part.data)[0] != LENGTHS
        ]
        inputs = [part.data for part in parts if part.number == GRAPH_INPUT and proto.value_info_name(part) != STYLE]
        inputs.append(memoryview(proto.encode_value_info(STYLE, (1, 2 * sum(self.model.row_lengths)))))
        inputs.append(memoryview(proto.encode_value_info("mask", (1, 1, "height", "width"))))
        fields = [
            *(wire.encode(GRAPH_NODE, node) for node in nodes),
            *(wire.encode(GRAPH_INITIALIZER, data) for data in kept),
            wire.encode(GRAPH_INITIALIZER, proto.encode_int_tensor(LENGTHS, self.model.row_lengths * 2)),
            *(wire.encode(GRAPH_INPUT, data) for data in inputs),
        ]
        return proto.replace_graph_fields(self.model.data, fields, (GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_INPUT))

    def _strides(self) -> dict[str, int]:
        """Return the stride of each value that is computed from the picture, see `_StyledNorm`."""
        strides = {"image": 1, "grain": CELL_SIZE}
        for node in self.nodes:
            before = next((strides[name] for name in node.inputs if name in strides), None)
            if before is not None:  # otherwise it is computed from the style
                strides[node.outputs[0]] = round(before * self._shrinking(node))
        return strides

    def _shrinking(self, node: Node) -> float:
        """Return how many times larger the input of `node` is than its result, on each side."""
        if node.op_type in _SAME_SIZE:
            return 1
        if node.op_type == "Conv":
            stride = node.attributes.get("strides", (1, 1))
            if isinstance(stride, tuple) and len(set(stride)) == 1:
                return stride[0]
        if node.op_type == "DepthToSpace":
            block = node.attributes.get("blocksize")
            if isinstance(block, int) and block > 0:
                return 1 / block
        if node.op_type == "Resize" and len(node.inputs) == 3:
            scales = self.constants.get(node.inputs[2])
            if scales is not None and scales.shape == (4,) and scales[2] == scales[3] > 0:
                return 1 / float(scales[2])
        raise _OtherFormError(f"the size of the result of {node.op_type} is not known")

    def _shaped_rows(self) -> dict[str, tuple[str, str]]:
        """Return, by the name of each value 1×C×1×1 made from the style, the names of its rows and of that shape."""
        rows = {}
        for name in self.handing_out.outputs:
            shaping = self._only_user(name, "Reshape")
            if len(shaping.inputs) != 2:
                raise _OtherFormError("rows of another form")
            rows[shaping.outputs[0]] = name, shaping.inputs[1]
        return rows

    def _users(self, value: str) -> list[Node]:
        return [node for node in self.nodes if value in node.inputs]

    def _only_user(self, value: str, op_type: str) -> Node:
        users = self._users(value)
        if len(users) != 1 or users[0].op_type != op_type:
            raise _OtherFormError(f"no {op_type} alone uses {value}")
        return users[0]


def _pool(stride: int) -> Node:
    """Return the node that shrinks the mask by `stride`: each pixel is the mean of the square that it stands for."""
    square: dict[str, proto.AttributeValue] = {"kernel_shape": (stride, stride), "strides": (stride, stride)}
    return Node("AveragePool", ("mask",), (_mask_name(stride),), square)


def _mask_name(stride: int) -> str:
    return "mask" if stride == 1 else f"mask.{stride}"


def _difference(rows: str) -> str:
    """Return the name of the part of `style` with the person's parameter minus the room's."""
    return f"{rows}.difference"


def _other(node: Node, value: str) -> str:
    """Return the input of the two-sided `node` that is not `value`."""
    return next((name for name in node.inputs if name != value), value)
