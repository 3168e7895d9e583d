"""Read and write the messages of an ONNX file: nodes, tensors, inputs and outputs, metadata.

Field numbers are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). Only what stylecam
needs to check and to rewrite networks is here.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import numpy.typing as npt

from stylecam.models.onnx import wire
from stylecam.models.onnx.wire import Field

MODEL_GRAPH, MODEL_METADATA = 7, 14
_MODEL_IR_VERSION, _MODEL_OPSET, _OPSET_VERSION = 1, 8, 2
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT = 1, 5, 11, 12
FLOAT, UINT8, INT64 = 1, 2, 7
"""Element types of a tensor."""

_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_OP_TYPE, _NODE_ATTRIBUTE = 1, 2, 3, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_INT, _ATTRIBUTE_STRING, _ATTRIBUTE_INTS, _ATTRIBUTE_TYPE = 1, 3, 4, 8, 20
_TYPE_INT, _TYPE_STRING, _TYPE_INTS = 2, 3, 7
_TENSOR_DIMS, _TENSOR_ELEMENT_TYPE, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 8, 9
_VALUE_NAME, _VALUE_TYPE, _TYPE_TENSOR, _TYPE_ELEMENT_TYPE, _TYPE_SHAPE = 1, 2, 1, 1, 2
_SHAPE_DIM, _DIM_VALUE, _DIM_NAME = 1, 1, 2
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_MAX_DIMS = 16
_TENSOR_EXTERNAL_DATA, _TENSOR_LOCATION = 13, 14
_MAX_NESTING = 40
_MAX_FIELDS = 500_000
"""Fields to look at for external data; the shipped networks have a few thousand."""

_Messages = dict[int, "_Messages"]
_TENSOR_MESSAGES: _Messages = {}
_SPARSE_MESSAGES: _Messages = {1: _TENSOR_MESSAGES, 2: _TENSOR_MESSAGES}
_GRAPH_MESSAGES: _Messages = {}
_ATTRIBUTE_MESSAGES: _Messages = {
    5: _TENSOR_MESSAGES, 6: _GRAPH_MESSAGES, 10: _TENSOR_MESSAGES, 11: _GRAPH_MESSAGES,
    22: _SPARSE_MESSAGES, 23: _SPARSE_MESSAGES,
}  # fmt: skip
_NODE_MESSAGES: _Messages = {_NODE_ATTRIBUTE: _ATTRIBUTE_MESSAGES}
_GRAPH_MESSAGES |= {GRAPH_NODE: _NODE_MESSAGES, GRAPH_INITIALIZER: _TENSOR_MESSAGES, 15: _SPARSE_MESSAGES}
_TRAINING_MESSAGES: _Messages = {1: _GRAPH_MESSAGES, 2: _GRAPH_MESSAGES}
_FUNCTION_MESSAGES: _Messages = {7: _NODE_MESSAGES, 11: _ATTRIBUTE_MESSAGES}
_MODEL_MESSAGES: _Messages = {MODEL_GRAPH: _GRAPH_MESSAGES, 20: _TRAINING_MESSAGES, 25: _FUNCTION_MESSAGES}
"""For each message that may hold tensors: its fields that may, and the kind of message in each."""

AttributeValue = int | str | tuple[int, ...]
FloatArray = npt.NDArray[np.float32]
Dims = tuple[int | None, ...]
"""A shape; None for a dimension without a fixed size."""


def graph_fields(data: bytes) -> Iterator[Field]:
    """Iterate over the fields of the graph in the ONNX file `data`; positions count from the start of the file."""
    for top in wire.fields(memoryview(data)):
        if top.number == MODEL_GRAPH:
            yield from top.fields()


def encode_model(fields: Sequence[bytes], ir_version: int, opset: int) -> bytes:
    """Return an ONNX file of the encoded graph fields `fields`, whose operators are those of version `opset`."""
    return (
        wire.encode_number(_MODEL_IR_VERSION, ir_version)
        + wire.encode(_MODEL_OPSET, wire.encode_number(_OPSET_VERSION, opset))
        + wire.encode(MODEL_GRAPH, b"".join(fields))
    )


def replace_graph_fields(data: bytes, added: Sequence[bytes], removed: Collection[int]) -> bytes:
    """Return the ONNX file `data` with the encoded fields `added` in place of the graph fields numbered `removed`."""
    view = memoryview(data)
    kept = [view[part.start : part.end] for part in graph_fields(data) if part.number not in removed]
    others = [view[top.start : top.end] for top in wire.fields(view) if top.number != MODEL_GRAPH]
    return b"".join([*others, wire.encode(MODEL_GRAPH, b"".join([*kept, *added]))])


def read_metadata(data: bytes) -> dict[str, str]:
    """Return the metadata properties of the ONNX file `data`."""
    metadata = {}
    for top in wire.fields(memoryview(data)):
        if top.number == MODEL_METADATA:
            entry = {part.number: part.text for part in top.fields()}
            metadata[entry.get(_ENTRY_KEY, "")] = entry.get(_ENTRY_VALUE, "")
    return metadata


def replace_metadata(data: bytes, metadata: Mapping[str, str]) -> bytes:
    """Return the ONNX file `data` with `metadata` in place of its own; all other bytes stay as they are."""
    view = memoryview(data)
    kept = [view[top.start : top.end] for top in wire.fields(view) if top.number != MODEL_METADATA]
    entries = (
        wire.encode(_ENTRY_KEY, key.encode()) + wire.encode(_ENTRY_VALUE, value.encode())
        for key, value in metadata.items()
    )
    return b"".join([*kept, *(wire.encode(MODEL_METADATA, entry) for entry in entries)])


@dataclass(frozen=True, slots=True)
class Node:
    """One operation of a graph.

    Attributes:
        op_type: the operator, such as `Conv`.
        inputs: the names of the input values.
        outputs: the names of the output values.
        attributes: the attributes that are integers, lists of integers or strings.
        data: the `NodeProto` it was parsed from, with everything; empty for a new node.
    """

    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    data: memoryview = field(default=memoryview(b""), repr=False)

    @classmethod
    def parse(cls, data: memoryview) -> Node:
        """Parse a `NodeProto`."""
        parts = list(wire.fields(data))
        inputs, outputs, op_type = (
            tuple(part.text for part in parts if part.number == number)
            for number in (_NODE_INPUT, _NODE_OUTPUT, _NODE_OP_TYPE)
        )
        attributes = dict(_read_attribute(part) for part in parts if part.number == _NODE_ATTRIBUTE)
        readable = {name: value for name, value in attributes.items() if value is not None}
        return cls("".join(op_type), inputs, outputs, readable, data)

    def encode(self) -> bytes:
        """Encode a `NodeProto` from the fields; the node is named after its first output."""
        parts = [wire.encode(_NODE_INPUT, name.encode()) for name in self.inputs]
        parts += [wire.encode(_NODE_OUTPUT, name.encode()) for name in self.outputs]
        parts.append(wire.encode(_NODE_NAME, f"{self.outputs[0]}.made".encode()))
        parts.append(wire.encode(_NODE_OP_TYPE, self.op_type.encode()))
        parts += [wire.encode(_NODE_ATTRIBUTE, _encode_attribute(*entry)) for entry in self.attributes.items()]
        return b"".join(parts)

    def encode_as(self, op_type: str, inputs: Sequence[str]) -> bytes:
        """Encode a parsed node as another operator with other inputs; all else stays byte for byte."""
        kept = b"".join(
            wire.encode(part.number, part.data)
            for part in wire.fields(self.data)
            if part.number in (_NODE_OUTPUT, _NODE_NAME, _NODE_ATTRIBUTE)
        )
        named = b"".join(wire.encode(_NODE_INPUT, name.encode()) for name in inputs)
        return named + kept + wire.encode(_NODE_OP_TYPE, op_type.encode())


def node_inputs(node: Field) -> list[str]:
    """Return the names of the input values of the graph node `node`, without parsing the rest of it."""
    return [part.text for part in node.fields() if part.number == _NODE_INPUT]


def _read_attribute(attribute: Field) -> tuple[str, AttributeValue | None]:
    name = ""
    value: int | str | None = None
    numbers: list[int] = []
    for part in attribute.fields():
        if part.number == _ATTRIBUTE_NAME:
            name = part.text
        elif part.number == _ATTRIBUTE_INT and isinstance(part.value, int):
            value = part.value
        elif part.number == _ATTRIBUTE_STRING:
            value = part.text
        elif part.number == _ATTRIBUTE_INTS:
            numbers += part.numbers
    return name, tuple(numbers) if numbers else value


def _encode_attribute(name: str, value: AttributeValue) -> bytes:
    encoded_name = wire.encode(_ATTRIBUTE_NAME, name.encode())
    if isinstance(value, int):
        content, kind = wire.encode_number(_ATTRIBUTE_INT, value), _TYPE_INT
    elif isinstance(value, str):
        content, kind = wire.encode(_ATTRIBUTE_STRING, value.encode()), _TYPE_STRING
    else:
        content, kind = b"".join(wire.encode_number(_ATTRIBUTE_INTS, number) for number in value), _TYPE_INTS
    return encoded_name + content + wire.encode_number(_ATTRIBUTE_TYPE, kind)


def find_external_data(data: bytes) -> str | None:
    """Return the name of a tensor in the ONNX file `data` whose values lie in another file; None if there is none.

    Raises:
        WireError: the messages are nested deeper, or are more, than in any real network.
    """
    waiting = [(_MODEL_MESSAGES, top, 1) for top in wire.fields(memoryview(data)) if top.number in _MODEL_MESSAGES]
    seen = 0
    while waiting:
        messages, message, depth = waiting.pop()
        kind = messages[message.number]
        if message.wire != wire.BYTES:
            continue
        for part in message.fields():
            seen += 1
            if depth > _MAX_NESTING or seen > _MAX_FIELDS:
                raise wire.WireError("far more in it than in a style network", part.start)
            if kind is _TENSOR_MESSAGES and (
                part.number == _TENSOR_EXTERNAL_DATA or (part.number == _TENSOR_LOCATION and part.value != 0)
            ):
                return read_tensor_header(message.data)[0] or "a nameless tensor"
            if part.number in kind:
                waiting.append((kind, part, depth + 1))
    return None


def read_tensor_header(data: memoryview, offset: int = 0) -> tuple[str, tuple[int, ...]]:
    """Return name and shape of the `TensorProto` `data`, which begins at byte `offset` of its file."""
    name = ""
    dims: list[int] = []
    for part in wire.fields(data, offset):
        if part.number == _TENSOR_NAME:
            name = part.text
        elif part.number == _TENSOR_DIMS:
            dims += part.numbers
    return name, tuple(dims)


def read_float_tensor(data: memoryview) -> FloatArray | None:
    """Return the values of a `TensorProto`, or None unless they are float32 stored as raw bytes."""
    _, dims = read_tensor_header(data)
    element_types = [part.value for part in wire.fields(data) if part.number == _TENSOR_ELEMENT_TYPE]
    raw = next((part.data for part in wire.fields(data) if part.number == _TENSOR_RAW), None)
    if element_types != [FLOAT] or raw is None or len(dims) > _MAX_DIMS or len(raw) != 4 * math.prod(dims):
        return None
    if not raw:  # one side is 0, and another may be beyond what an array can have
        return None
    return np.frombuffer(raw, "<f4").astype(np.float32).reshape(dims)


def encode_tensor(name: str, values: FloatArray) -> bytes:
    """Encode a float32 `TensorProto`."""
    return (
        b"".join(wire.encode_number(_TENSOR_DIMS, length) for length in values.shape)
        + wire.encode_number(_TENSOR_ELEMENT_TYPE, FLOAT)
        + wire.encode(_TENSOR_NAME, name.encode())
        + wire.encode(_TENSOR_RAW, values.astype("<f4").tobytes())
    )


def encode_int_tensor(name: str, values: Sequence[int]) -> bytes:
    """Encode an int64 `TensorProto` of one dimension."""
    return (
        wire.encode_number(_TENSOR_DIMS, len(values))
        + wire.encode_number(_TENSOR_ELEMENT_TYPE, INT64)
        + wire.encode(_TENSOR_NAME, name.encode())
        + wire.encode(_TENSOR_RAW, np.array(values, "<i8").tobytes())
    )


def encode_value_info(name: str, dims: Sequence[int | str], element_type: int = FLOAT) -> bytes:
    """Encode a `ValueInfoProto`, an input or output of a graph; a dimension of any size is given as a name."""
    shape = b"".join(wire.encode(_SHAPE_DIM, _encode_dim(size)) for size in dims)
    tensor = wire.encode_number(_TYPE_ELEMENT_TYPE, element_type) + wire.encode(_TYPE_SHAPE, shape)
    return wire.encode(_VALUE_NAME, name.encode()) + wire.encode(_VALUE_TYPE, wire.encode(_TYPE_TENSOR, tensor))


def _encode_dim(size: int | str) -> bytes:
    return wire.encode(_DIM_NAME, size.encode()) if isinstance(size, str) else wire.encode_number(_DIM_VALUE, size)


def value_info_name(value: Field) -> str:
    """Return the name of the graph input or output `value`."""
    return next((part.text for part in value.fields() if part.number == _VALUE_NAME), "")


def value_info_dims(value: Field) -> Dims:
    """Return the shape of the graph input or output `value`; dimensions after the 16th are left out."""
    dims: list[int | None] = []
    for dim in _descend(value, _VALUE_TYPE, _TYPE_TENSOR, _TYPE_SHAPE):
        sizes = [part.value for part in dim.fields() if part.number == _DIM_VALUE]
        dims.append(sizes[0] if sizes and isinstance(sizes[0], int) and sizes[0] > 0 else None)
    return tuple(dims)


def _descend(message: Field, *path: int) -> Iterator[Field]:
    """Iterate over the first fields of the messages that the field numbers `path` lead to."""
    if not path:
        yield from islice(message.fields(), _MAX_DIMS)
        return
    for part in message.fields():
        if part.number == path[0]:
            yield from _descend(part, *path[1:])
