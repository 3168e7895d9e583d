"""ONNX networks in other people's conventions: an identity convolution with configurable first and last layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

Dims = Sequence[int | str | None]


class Foreign:
    """A chain of nodes from `picture` to `painting`.

    What it computes is the picture in the network's own way of counting, through a 1×1 convolution that changes
    nothing, so that a right import gives the photo back.
    """

    def __init__(self, opset: int = 13) -> None:
        self.opset = opset
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.last = "picture"

    def constant(self, value: Any, kind: Any = np.float32) -> str:
        name = f"constant{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def then(self, kind: str, *others: str, first: str | None = None, **attributes: Any) -> Foreign:
        """One more node; `others` are its further inputs, `first` an input before the chain's own."""
        made = f"value{len(self.nodes)}"
        inputs = [first, self.last] if first else [self.last]
        self.nodes.append(helper.make_node(kind, [*inputs, *others], [made], name=f"{kind}{made}", **attributes))
        self.last = made
        return self

    def number(self, kind: str, value: Any) -> Foreign:
        """Mul, Add, Sub or Div by a constant."""
        return self.then(kind, self.constant(value))

    def core(self, gain: float = 1.0, shift: float = 0.0) -> Foreign:
        """A convolution 1×1 that scales by `gain` and adds `shift`."""
        weight = np.eye(3, dtype=np.float32)[:, :, None, None] * np.float32(gain)
        return self.then("Conv", self.constant(weight), self.constant([shift] * 3), kernel_shape=[1, 1])

    def turned(self, *permutation: int) -> Foreign:
        return self.then("Transpose", perm=list(permutation))

    def saved(
        self,
        given: Dims = (1, 3, 240, 320),
        made: Dims | None = None,
        names: tuple[str, str] = ("picture", "painting"),
        more: Sequence[tuple[str, Dims]] = (),
        kind: int = TensorProto.FLOAT,
    ) -> bytes:
        graph = helper.make_graph(
            [*self.nodes, helper.make_node("Identity", [self.last], [names[1]])],
            "foreign",
            [helper.make_tensor_value_info(name, kind, list(dims)) for name, dims in ((names[0], given), *more)],
            [helper.make_tensor_value_info(names[1], TensorProto.FLOAT, list(given if made is None else made))],
            self.weights,
        )
        for node in graph.node:
            node.input[:] = [names[0] if name == "picture" else name for name in node.input]
        model: Any = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)
        return bytes(model.SerializeToString())


def zoo() -> Foreign:
    """The model zoo's fast-neural-style: 0..255 in and out, nothing that says so."""
    return Foreign().core()


def unit() -> Foreign:
    """0..1 in and, through a sigmoid, out."""
    return Foreign().core(gain=4, shift=-2).then("Sigmoid")


def cartoon() -> Foreign:
    """NHWC and -1..1, through a tanh that is nearly straight: gain there and back."""
    net = Foreign().turned(0, 3, 1, 2).core(gain=0.2).then("Tanh").core(gain=5).then("Tanh")
    return net.turned(0, 2, 3, 1)
