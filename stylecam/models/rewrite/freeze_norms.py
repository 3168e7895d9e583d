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
from stylecam.models.onnx import proto, wire
from stylecam.models.onnx.proto import GRAPH_INITIALIZER, GRAPH_NODE, GRAPH_OUTPUT, Node

_NORM = "InstanceNormalization"
_GLOBAL_OPERATORS = frozenset((
    "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin",
    "LayerNormalization", "GroupNormalization", "MeanVarianceNormalization", "Softmax", "Loop", "If", "Scan",
))  # fmt: skip
"""Operators that look at the whole picture, or may, in a way that this module does not freeze."""

NormStatistics = npt.NDArray[np.float32]
"""The means before each instance norm in the network's order, then the variances; one value per channel."""


class InstanceNorms:
    """The instance norms of one network.

    Attributes:
        count: the number of instance norms; without any, tiles fit together as they are.
        can_freeze: whether nothing else in the network looks at the whole picture, so that frozen tiles fit together.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._nodes: list[Node] = []
        lengths: dict[str, int] = {}
        for part in proto.graph_fields(model.data):
            if part.number == GRAPH_NODE:
                self._nodes.append(Node.parse(part.data))
            elif part.number == GRAPH_INITIALIZER:
                name, dims = proto.read_tensor_header(part.data)
                lengths[name] = dims[0] if len(dims) == 1 else 0
        for node in self._nodes:  # exporters share one weight between norms by Identity nodes
            if node.op_type == "Identity" and len(node.inputs) == len(node.outputs) == 1 and node.inputs[0] in lengths:
                lengths[node.outputs[0]] = lengths[node.inputs[0]]
        self._norms = [node for node in self._nodes if node.op_type == _NORM]
        self._channels = [lengths.get(norm.inputs[1], 0) if len(norm.inputs) == 3 else 0 for norm in self._norms]
        self.count = len(self._norms)
        self.can_freeze = all(self._channels) and not any(node.op_type in _GLOBAL_OPERATORS for node in self._nodes)

    @property
    def statistics_count(self) -> int:
        """The number of statistics: a mean and a variance for every channel of every norm."""
        return 2 * sum(self._channels)

    def measuring_model(self) -> Model:
        """Return a network with the same inputs that measures the picture instead of painting it.

        Its output is 1×`statistics_count`×1×1, the `NormStatistics` of the picture.
        """
        means, variances, added = [], [], []
        for number, norm in enumerate(self._norms):
            value, mean, rest, square, variance = norm.inputs[0], *(f"stylecam.{kind}.{number}" for kind in "mrsv")
            added += [
                Node("GlobalAveragePool", (value,), (mean,)).encode(),
                Node("Sub", (value, mean), (rest,)).encode(),
                Node("Mul", (rest, rest), (square,)).encode(),
                Node("GlobalAveragePool", (square,), (variance,)).encode(),
            ]
            means.append(mean)
            variances.append(variance)
        added.append(Node("Concat", (*means, *variances), ("styled",), {"axis": 1}).encode())
        needed_values = {norm.inputs[0] for norm in self._norms}
        needed = []
        for node in reversed(self._nodes):  # leave out the nodes after the last norm
            if needed_values & set(node.outputs):
                needed_values |= set(node.inputs)
                needed.append(node.data)
        nodes = [wire.encode(GRAPH_NODE, node) for node in reversed(needed)]
        nodes += [wire.encode(GRAPH_NODE, node) for node in added]
        output = proto.encode_value_info("styled", (1, self.statistics_count, 1, 1))
        model = self._rebuild("measuring", [*nodes, wire.encode(GRAPH_OUTPUT, output)], (GRAPH_NODE, GRAPH_OUTPUT))
        return replace(model, measures=(1, self.statistics_count, 1, 1))

    def frozen_model(self, statistics: NormStatistics) -> Model:
        """Return the network with its norms fixed to `statistics`, so that it paints any part of that picture alike.

        Args:
            statistics: `statistics_count` values, as the measuring model returns them.
        """
        total = sum(self._channels)
        starts = accumulate(self._channels, initial=0)
        nodes, constants = [], []
        number = 0
        for node in self._nodes:
            if node.op_type != _NORM:
                nodes.append(node.data)
                continue
            start, count = next(starts), self._channels[number]
            mean, variance = f"stylecam.mean.{number}", f"stylecam.variance.{number}"
            constants.append(proto.encode_tensor(mean, statistics[start : start + count]))
            constants.append(proto.encode_tensor(variance, statistics[total + start : total + start + count]))
            nodes.append(memoryview(node.encode_as("BatchNormalization", (*node.inputs, mean, variance))))
            number += 1
        fields = [wire.encode(GRAPH_NODE, node) for node in nodes]
        fields += [wire.encode(GRAPH_INITIALIZER, constant) for constant in constants]
        return self._rebuild("frozen", fields, (GRAPH_NODE,))

    def _rebuild(self, purpose: str, added: Sequence[bytes], removed: Collection[int]) -> Model:
        data = proto.replace_graph_fields(self._model.data, added, removed)
        return replace(self._model, data=data, key=f"{self._model.key}.{purpose}")
