"""The parts of an ONNX graph, read from bytes and written to bytes: nodes, constants, inputs and outputs.

What a network's rewriting needs, and no more; the numbers are those of onnx.proto
(https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from stylecam.models.onnx import wire as protobuf

MODEL_GRAPH = 7
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT = 1, 5, 11, 12

_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_OP, _NODE_ATTRIBUTE = 1, 2, 3, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_INT, _ATTRIBUTE_TEXT, _ATTRIBUTE_TENSOR, _ATTRIBUTE_INTS, _ATTRIBUTE_KIND = (
    1,
    3,
    4,
    5,
    8,
    20,
)
_KIND_INT, _KIND_TEXT, _KIND_INTS = 2, 3, 7
_TENSOR_DIMS, _TENSOR_KIND, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 8, 9
_VALUE_NAME, _VALUE_TYPE, _TYPE_TENSOR, _TENSOR_ELEMENT, _TENSOR_SHAPE = 1, 2, 1, 1, 2
_SHAPE_DIM, _DIM_VALUE, _DIM_NAME = 1, 1, 2
FLOAT, UINT8 = 1, 2
_INT32, _INT64 = 6, 7
_RAW_TYPES = {FLOAT: "<f4", _INT32: "<i4", _INT64: "<i8"}
_FLOATS, _WHOLE = 4, {_INT32: 5, _INT64: 7}
"""Where a tensor's numbers stand that are not kept as bytes."""

Setting = int | str | tuple[int, ...]
Constant = npt.NDArray[np.float32]


def graph_parts(data: bytes) -> Iterator[protobuf.Field]:
    """The fields of the graph in an ONNX file's bytes, positions counted from the file's first."""
    for top in protobuf.fields(memoryview(data)):
        if top.number == MODEL_GRAPH:
            yield from protobuf.fields(top.data, top.end - len(top.data))


def with_graph_parts(data: bytes, added: Sequence[bytes], replaced: Collection[int]) -> bytes:
    """An ONNX file with the encoded fields `added` in place of all fields of its graph numbered in `replaced`."""
    view = memoryview(data)
    kept = [view[part.start : part.end] for part in graph_parts(data) if part.number not in replaced]
    others = [view[top.start : top.end] for top in protobuf.fields(view) if top.number != MODEL_GRAPH]
    return b"".join([*others, protobuf.encode(MODEL_GRAPH, b"".join([*kept, *added]))])


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: its kind, the names of what goes in and comes out, and its settings.

    `settings` holds the whole numbers, lists of them and texts; `data` the bytes it was read from, with everything.
    """

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    settings: Mapping[str, Setting] = field(default_factory=dict)
    data: memoryview = field(default=memoryview(b""), repr=False)

    @classmethod
    def read(cls, data: memoryview) -> Node:
        """The node in the bytes of a `NodeProto`."""
        parts = list(protobuf.fields(data))
        inputs, outputs, op = (
            tuple(part.text for part in parts if part.number == kind) for kind in (_NODE_INPUT, _NODE_OUTPUT, _NODE_OP)
        )
        settings = dict(_setting(part.data) for part in parts if part.number == _NODE_ATTRIBUTE)
        known = {name: value for name, value in settings.items() if value is not None}
        return cls("".join(op), inputs, outputs, known, data)

    def tensor(self, name: str) -> memoryview | None:
        """The bytes of the `TensorProto` that the setting `name` is; None where there is none."""
        for part in protobuf.fields(self.data):
            if part.number == _NODE_ATTRIBUTE:
                inside = list(protobuf.fields(part.data))
                if any(one.number == _ATTRIBUTE_NAME and one.text == name for one in inside):
                    return next((one.data for one in inside if one.number == _ATTRIBUTE_TENSOR), None)
        return None

    def encoded(self) -> bytes:
        """A `NodeProto` of the kind, names and settings; it is called after its first result."""
        parts = [protobuf.encode(_NODE_INPUT, name.encode()) for name in self.inputs]
        parts += [protobuf.encode(_NODE_OUTPUT, name.encode()) for name in self.outputs]
        parts.append(protobuf.encode(_NODE_NAME, f"{self.outputs[0]}.made".encode()))
        parts.append(protobuf.encode(_NODE_OP, self.op.encode()))
        parts += [protobuf.encode(_NODE_ATTRIBUTE, _attribute(*entry)) for entry in self.settings.items()]
        return b"".join(parts)

    def rewired(self, op: str, inputs: Sequence[str]) -> bytes:
        """A `NodeProto` of another kind with other inputs; results, name and all settings are kept to the byte."""
        kept = b"".join(
            protobuf.encode(part.number, part.data)
            for part in protobuf.fields(self.data)
            if part.number in (_NODE_OUTPUT, _NODE_NAME, _NODE_ATTRIBUTE)
        )
        named = b"".join(protobuf.encode(_NODE_INPUT, name.encode()) for name in inputs)
        return named + kept + protobuf.encode(_NODE_OP, op.encode())


def _setting(data: memoryview) -> tuple[str, Setting | None]:
    name = ""
    found: int | str | None = None
    numbers: list[int] = []
    for part in protobuf.fields(data):
        if part.number == _ATTRIBUTE_NAME:
            name = part.text
        elif part.number == _ATTRIBUTE_INT and isinstance(part.value, int):
            found = part.value
        elif part.number == _ATTRIBUTE_TEXT:
            found = part.text
        elif part.number == _ATTRIBUTE_INTS:
            numbers += [part.value] if isinstance(part.value, int) else protobuf.varints(part.data)
    return name, tuple(numbers) if numbers else found


def _attribute(name: str, value: Setting) -> bytes:
    called = protobuf.encode(_ATTRIBUTE_NAME, name.encode())
    if isinstance(value, int):
        return (
            called + protobuf.encode_number(_ATTRIBUTE_INT, value) + protobuf.encode_number(_ATTRIBUTE_KIND, _KIND_INT)
        )
    if isinstance(value, str):
        text = protobuf.encode(_ATTRIBUTE_TEXT, value.encode())
        return called + text + protobuf.encode_number(_ATTRIBUTE_KIND, _KIND_TEXT)
    numbers = b"".join(protobuf.encode_number(_ATTRIBUTE_INTS, number) for number in value)
    return called + numbers + protobuf.encode_number(_ATTRIBUTE_KIND, _KIND_INTS)


def tensor_head(data: memoryview) -> tuple[str, tuple[int, ...]]:
    """Name and shape of the constant in the bytes of a `TensorProto`."""
    name = ""
    dims: list[int] = []
    for part in protobuf.fields(data):
        if part.number == _TENSOR_NAME:
            name = part.text
        elif part.number == _TENSOR_DIMS:
            dims += [part.value] if isinstance(part.value, int) else protobuf.varints(part.data)
    return name, tuple(dims)


def tensor_values(data: memoryview) -> Constant | None:
    """The numbers of a `TensorProto`, in its shape; None where they are no float32 or are kept in another way."""
    _, dims = tensor_head(data)
    kinds = [part.value for part in protobuf.fields(data) if part.number == _TENSOR_KIND]
    raw = next((part.data for part in protobuf.fields(data) if part.number == _TENSOR_RAW), None)
    if kinds != [FLOAT] or raw is None or len(raw) != 4 * int(np.prod(dims)):
        return None
    return np.frombuffer(raw, "<f4").astype(np.float32).reshape(dims)


def tensor_numbers(data: memoryview) -> npt.NDArray[np.float32] | npt.NDArray[np.int64] | None:
    """The numbers of a `TensorProto` of float32, int32 or int64, in its shape; None where it holds others."""
    _, dims = tensor_head(data)
    fields = list(protobuf.fields(data))
    kind = next((part.value for part in fields if part.number == _TENSOR_KIND), None)
    raw = next((part.data for part in fields if part.number == _TENSOR_RAW), None)
    if not isinstance(kind, int) or kind not in _RAW_TYPES:
        return None
    if raw is not None:
        found = np.frombuffer(raw, _RAW_TYPES[kind])
    elif kind == FLOAT:
        found = np.frombuffer(b"".join(part.data for part in fields if part.number == _FLOATS), "<f4")
    else:
        numbers: list[int] = []
        for part in fields:
            if part.number == _WHOLE[kind]:
                numbers += [part.value] if isinstance(part.value, int) else protobuf.varints(part.data)
        found = np.asarray(numbers, np.uint64).astype(np.int64)  # a negative one is written as if it had no sign
    if found.size != int(np.prod(dims)):
        return None
    shaped = found.reshape(dims)
    return shaped.astype(np.float32) if kind == FLOAT else shaped.astype(np.int64)


def tensor(name: str, values: Constant) -> bytes:
    """A `TensorProto` of float32."""
    return (
        b"".join(protobuf.encode_number(_TENSOR_DIMS, length) for length in values.shape)
        + protobuf.encode_number(_TENSOR_KIND, FLOAT)
        + protobuf.encode(_TENSOR_NAME, name.encode())
        + protobuf.encode(_TENSOR_RAW, values.astype("<f4").tobytes())
    )


def value(name: str, dims: Sequence[int | str], element: int = FLOAT) -> bytes:
    """A `ValueInfoProto`: an input or output of the graph with its shape and kind of numbers.

    A length that is not fixed has a name instead.
    """
    shape = b"".join(protobuf.encode(_SHAPE_DIM, _length(size)) for size in dims)
    held = protobuf.encode_number(_TENSOR_ELEMENT, element) + protobuf.encode(_TENSOR_SHAPE, shape)
    return protobuf.encode(_VALUE_NAME, name.encode()) + protobuf.encode(
        _VALUE_TYPE, protobuf.encode(_TYPE_TENSOR, held)
    )


def _length(size: int | str) -> bytes:
    if isinstance(size, str):
        return protobuf.encode(_DIM_NAME, size.encode())
    return protobuf.encode_number(_DIM_VALUE, size)


def value_name(data: memoryview) -> str:
    """The name in a `ValueInfoProto`."""
    return next((part.text for part in protobuf.fields(data) if part.number == _VALUE_NAME), "")
