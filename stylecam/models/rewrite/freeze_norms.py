"""Freeze instance normalization to statistics measured on one picture, so that tiles fit together.

An instance norm divides by the statistics of the whole input, so a network that has one paints a tile differently than
the same place of the whole picture, which shows as seams. `InstanceNorms.measuring_model` makes a network that returns
the mean and variance before every instance norm; `InstanceNorms.frozen_model` makes one that uses such statistics as
constants. A batch norm with the same scale, bias and epsilon does exactly that.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from stylecam.models.model import Model
from stylecam.models.onnx import proto as parts
from stylecam.models.onnx import wire as protobuf
from stylecam.models.onnx.proto import GRAPH_INITIALIZER, GRAPH_NODE, GRAPH_OUTPUT, Node

_NORM = "InstanceNormalization"
_WHOLE_PICTURE = frozenset((
    "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin",
    "LayerNormalization", "GroupNormalization", "MeanVarianceNormalization", "Softmax", "Loop", "If", "Scan",
))  # fmt: skip
"""Operations that (may) look at the whole picture in a way that is not frozen here."""

NormStatistics = npt.NDArray[np.float32]
"""All means before each instance norm in the network's order, then all variances; one number per channel."""


class InstanceNorms:
    """The instance norms of one network.

    Attributes:
        can_freeze: nothing else in the network looks at the whole picture, so frozen tiles fit together.
        count: how many instance norms there are; with none, tiles fit as they are.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._nodes: list[Node] = []
        lengths: dict[str, int] = {}
        for part in parts.graph_parts(model.data):
            if part.number == GRAPH_NODE:
                self._nodes.append(Node.read(part.data))
            elif part.number == GRAPH_INITIALIZER:
                name, dims = parts.tensor_head(part.data)
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
        """How many numbers `measuring_model` answers with: mean and variance of every channel."""
        return 2 * sum(self._channels)

    def measuring_model(self) -> Model:
        """A network with the same inputs whose output is 1×`values`×1×1: the `NormStatistics` of the picture given."""
        means, variances, added = [], [], []
        for number, norm in enumerate(node for node in self._nodes if node.op == _NORM):
            value, mean, rest, square, variance = norm.inputs[0], *(f"stylecam.{what}.{number}" for what in "mrsv")
            added += [
                Node("GlobalAveragePool", (value,), (mean,)).encoded(),
                Node("Sub", (value, mean), (rest,)).encoded(),
                Node("Mul", (rest, rest), (square,)).encoded(),
                Node("GlobalAveragePool", (square,), (variance,)).encoded(),
            ]
            means.append(mean)
            variances.append(variance)
        added.append(Node("Concat", (*means, *variances), ("styled",), {"axis": 1}).encoded())
        wanted = {norm.inputs[0] for norm in self._nodes if norm.op == _NORM}
        needed = []
        for node in reversed(self._nodes):  # what comes after the last norm is not worth running
            if wanted & set(node.outputs):
                wanted |= set(node.inputs)
                needed.append(protobuf.encode(GRAPH_NODE, node.data))
        nodes = [*reversed(needed), *(protobuf.encode(GRAPH_NODE, node) for node in added)]
        output = protobuf.encode(GRAPH_OUTPUT, parts.value("styled", (1, self.values, 1, 1)))
        made = self._rebuilt("measuring", [*nodes, output], (GRAPH_NODE, GRAPH_OUTPUT))
        return replace(made, statistics_count=self.values)

    def frozen_model(self, statistics: NormStatistics) -> Model:
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
            constants.append(parts.tensor(mean, statistics[start : start + count]))
            constants.append(parts.tensor(variance, statistics[total + start : total + start + count]))
            nodes.append(memoryview(node.rewired("BatchNormalization", (*node.inputs, mean, variance))))
            number += 1
        made = [protobuf.encode(GRAPH_NODE, node) for node in nodes]
        made += [protobuf.encode(GRAPH_INITIALIZER, constant) for constant in constants]
        return self._rebuilt("frozen", made, (GRAPH_NODE,))

    def _rebuilt(self, what: str, added: Sequence[bytes], replaced: Collection[int]) -> Model:
        data = parts.with_graph_parts(self._model.data, added, replaced)
        return replace(self._model, data=data, key=f"{self._model.key}.{what}")
