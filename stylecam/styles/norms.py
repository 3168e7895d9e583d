"""Instance normalisation, measured on one picture and frozen for its tiles.

An instance norm divides by the statistics of the whole picture, so a network that has one paints a tile differently
than the same place of the whole: seams. Here a network is rewritten twice. `measuring` gives one that answers with the
mean and variance before every instance norm; `frozen` gives one whose norms use such numbers as constants (a batch norm
is just that, with the same scale, shift and epsilon), so that a tile comes out as if the rest were there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from stylecam.styles import protobuf
from stylecam.styles.model import Model

# Field numbers of onnx.proto
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_OUTPUT = 1, 5, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_OP, _NODE_ATTRIBUTE = 1, 2, 3, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_INT, _ATTRIBUTE_KIND, _KIND_INT = 1, 3, 20, 2
_TENSOR_DIMS, _TENSOR_KIND, _TENSOR_NAME, _TENSOR_RAW, _FLOAT = 1, 2, 8, 9, 1
_VALUE_NAME, _VALUE_TYPE, _TYPE_TENSOR, _KIND_OF_VALUE, _SHAPE = 1, 2, 1, 1, 2

_NORM = "InstanceNormalization"
_WHOLE_PICTURE = frozenset((
    "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin",
    "LayerNormalization", "GroupNormalization", "MeanVarianceNormalization", "Softmax", "Loop", "If", "Scan",
))  # fmt: skip
"""Operations that (may) look at the whole picture in a way that is not frozen here."""

Statistics = npt.NDArray[np.float32]
"""All means before each instance norm in the network's order, then all variances; one number per channel."""


@dataclass(frozen=True, slots=True)
class _Node:
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    data: memoryview


class Norms:
    """The instance norms of one network.

    Attributes:
        can_freeze: nothing else in the network looks at the whole picture, so frozen tiles fit together.
        count: how many instance norms there are; with none, tiles fit as they are.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._nodes: list[_Node] = []
        lengths: dict[str, int] = {}
        for part in _graph(model):
            if part.number == _GRAPH_NODE:
                self._nodes.append(_node(part.data))
            elif part.number == _GRAPH_INITIALIZER:
                name, dims = _tensor_shape(part.data)
                lengths[name] = dims[0] if len(dims) == 1 else 0
        for node in self._nodes:  # exporters share one weight among norms by way of Identity
            if node.op == "Identity" and node.inputs[0] in lengths:
                lengths[node.outputs[0]] = lengths[node.inputs[0]]
        norms = [node for node in self._nodes if node.op == _NORM]
        self.count = len(norms)
        self._channels = [lengths.get(node.inputs[1], 0) if len(node.inputs) == 3 else 0 for node in norms]
        self.can_freeze = all(self._channels) and not any(node.op in _WHOLE_PICTURE for node in self._nodes)

    @property
    def values(self) -> int:
        """How many numbers `measuring` answers with: mean and variance of every channel."""
        return 2 * sum(self._channels)

    def measuring(self) -> Model:
        """A network with the same inputs whose output is 1×`values`×1×1: the `Statistics` of the picture given."""
        means, variances, added = [], [], []
        for number, norm in enumerate(node for node in self._nodes if node.op == _NORM):
            value, mean, rest, square, variance = norm.inputs[0], *(f"stylecam.{what}.{number}" for what in "mrsv")
            added += [
                _encoded("GlobalAveragePool", [value], [mean]),
                _encoded("Sub", [value, mean], [rest]),
                _encoded("Mul", [rest, rest], [square]),
                _encoded("GlobalAveragePool", [square], [variance]),
            ]
            means.append(mean)
            variances.append(variance)
        added.append(_encoded("Concat", [*means, *variances], ["styled"], axis=1))
        wanted = {norm.inputs[0] for norm in self._nodes if norm.op == _NORM}
        needed = []
        for node in reversed(self._nodes):  # what comes after the last norm is not worth running
            if wanted & set(node.outputs):
                wanted |= set(node.inputs)
                needed.append(protobuf.encode(_GRAPH_NODE, node.data))
        nodes = [*reversed(needed), *(protobuf.encode(_GRAPH_NODE, node) for node in added)]
        output = protobuf.encode(_GRAPH_OUTPUT, _output("styled", (1, self.values, 1, 1)))
        made = self._rebuilt("measuring", [*nodes, output], (_GRAPH_NODE, _GRAPH_OUTPUT))
        return replace(made, figures=self.values)

    def frozen(self, statistics: Statistics) -> Model:
        """The network with the norms fixed to `statistics` (`values` numbers); it paints any part of that picture."""
        total = sum(self._channels)
        at = accumulate(self._channels, initial=0)
        nodes, constants = [], []
        number = 0
        for node in self._nodes:
            if node.op != _NORM:
                nodes.append(node.data)
                continue
            start, count = next(at), self._channels[number]
            mean, variance = f"stylecam.mean.{number}", f"stylecam.variance.{number}"
            constants.append(_tensor(mean, statistics[start : start + count]))
            constants.append(_tensor(variance, statistics[total + start : total + start + count]))
            nodes.append(memoryview(_as_batch_norm(node, mean, variance)))
            number += 1
        parts = [protobuf.encode(_GRAPH_NODE, node) for node in nodes]
        parts += [protobuf.encode(_GRAPH_INITIALIZER, constant) for constant in constants]
        return self._rebuilt("frozen", parts, (_GRAPH_NODE,))

    def _rebuilt(self, what: str, parts: Sequence[bytes], replaced: Iterable[int]) -> Model:
        """The model with `parts` in place of all fields of the graph numbered in `replaced`."""
        kept = [_raw(self._model, part) for part in _graph(self._model) if part.number not in replaced]
        graph = protobuf.encode(_MODEL_GRAPH, b"".join([*kept, *parts]))
        view = memoryview(self._model.data)
        others = [view[top.start : top.end] for top in protobuf.fields(view) if top.number != _MODEL_GRAPH]
        return replace(self._model, data=b"".join([*others, graph]), key=f"{self._model.key}.{what}")


def _graph(model: Model) -> Iterable[protobuf.Field]:
    """The fields of the graph, positions counted from the file's first byte."""
    for top in protobuf.fields(memoryview(model.data)):
        if top.number == _MODEL_GRAPH:
            yield from protobuf.fields(top.data, top.end - len(top.data))


def _raw(model: Model, part: protobuf.Field) -> memoryview:
    return memoryview(model.data)[part.start : part.end]


def _node(data: memoryview) -> _Node:
    parts = list(protobuf.fields(data))
    texts = {
        kind: tuple(part.text for part in parts if part.number == kind)
        for kind in (_NODE_INPUT, _NODE_OUTPUT, _NODE_OP)
    }
    return _Node("".join(texts[_NODE_OP]), texts[_NODE_INPUT], texts[_NODE_OUTPUT], data)


def _as_batch_norm(node: _Node, mean: str, variance: str) -> bytes:
    """`node`, an instance norm, with constants for the statistics; name, epsilon, scale and shift stay."""
    kept = b"".join(
        protobuf.encode(part.number, part.data)
        for part in protobuf.fields(node.data)
        if part.number in (_NODE_OUTPUT, _NODE_NAME, _NODE_ATTRIBUTE)
    )
    inputs = b"".join(protobuf.encode(_NODE_INPUT, name.encode()) for name in (*node.inputs, mean, variance))
    return inputs + kept + protobuf.encode(_NODE_OP, b"BatchNormalization")


def _encoded(op: str, inputs: Sequence[str], outputs: Sequence[str], axis: int | None = None) -> bytes:
    node = b"".join(protobuf.encode(_NODE_INPUT, name.encode()) for name in inputs)
    node += b"".join(protobuf.encode(_NODE_OUTPUT, name.encode()) for name in outputs)
    node += protobuf.encode(_NODE_NAME, f"{outputs[0]}.made".encode()) + protobuf.encode(_NODE_OP, op.encode())
    if axis is None:
        return node
    attribute = protobuf.encode(_ATTRIBUTE_NAME, b"axis") + protobuf.encode_number(_ATTRIBUTE_INT, axis)
    return node + protobuf.encode(_NODE_ATTRIBUTE, attribute + protobuf.encode_number(_ATTRIBUTE_KIND, _KIND_INT))


def _tensor(name: str, values: Statistics) -> bytes:
    return (
        protobuf.encode_number(_TENSOR_DIMS, len(values))
        + protobuf.encode_number(_TENSOR_KIND, _FLOAT)
        + protobuf.encode(_TENSOR_NAME, name.encode())
        + protobuf.encode(_TENSOR_RAW, struct.pack(f"<{len(values)}f", *values))
    )


def _tensor_shape(data: memoryview) -> tuple[str, list[int]]:
    name, dims = "", []
    for part in protobuf.fields(data):
        if part.number == _TENSOR_NAME:
            name = part.text
        elif part.number == _TENSOR_DIMS:
            dims += [part.value] if isinstance(part.value, int) else protobuf.varints(part.data)
    return name, dims


def _output(name: str, dims: Sequence[int]) -> bytes:
    shape = b"".join(protobuf.encode(1, protobuf.encode_number(1, size)) for size in dims)
    tensor = protobuf.encode_number(_KIND_OF_VALUE, _FLOAT) + protobuf.encode(_SHAPE, shape)
    return protobuf.encode(_VALUE_NAME, name.encode()) + protobuf.encode(
        _VALUE_TYPE, protobuf.encode(_TYPE_TENSOR, tensor)
    )
