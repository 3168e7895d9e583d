"""ONNX networks in other people's conventions: an identity convolution with configurable first and last layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

Dims = Sequence[int | str | None]


class ForeignNetwork:
    """A chain of nodes from `picture` to `painting`.

    It returns its input through a 1×1 identity convolution, so that a correct import gives the photo back.
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

    def add_node(self, kind: str, *others: str, first: str | None = None, **attributes: Any) -> ForeignNetwork:
        """Append a node; `others` are its further inputs, `first` an input before the chain's own."""
        output = f"value{len(self.nodes)}"
        inputs = [first, self.last] if first else [self.last]
        self.nodes.append(helper.make_node(kind, [*inputs, *others], [output], name=f"{kind}{output}", **attributes))
        self.last = output
        return self

    def add_arithmetic(self, kind: str, value: Any) -> ForeignNetwork:
        """Append Mul, Add, Sub or Div by a constant."""
        return self.add_node(kind, self.constant(value))

    def add_convolution(self, gain: float = 1.0, shift: float = 0.0) -> ForeignNetwork:
        """Append a 1×1 convolution that scales by `gain` and adds `shift`."""
        weight = np.eye(3, dtype=np.float32)[:, :, None, None] * np.float32(gain)
        return self.add_node("Conv", self.constant(weight), self.constant([shift] * 3), kernel_shape=[1, 1])

    def add_transpose(self, *permutation: int) -> ForeignNetwork:
        return self.add_node("Transpose", perm=list(permutation))

    def encode(
        self,
        input_shape: Dims = (1, 3, 240, 320),
        output_shape: Dims | None = None,
        names: tuple[str, str] = ("picture", "painting"),
        extra_inputs: Sequence[tuple[str, Dims]] = (),
        kind: int = TensorProto.FLOAT,
    ) -> bytes:
        graph = helper.make_graph(
            [*self.nodes, helper.make_node("Identity", [self.last], [names[1]])],
            "foreign",
            [
                helper.make_tensor_value_info(name, kind, list(dims))
                for name, dims in ((names[0], input_shape), *extra_inputs)
            ],
            [
                helper.make_tensor_value_info(
                    names[1], TensorProto.FLOAT, list(input_shape if output_shape is None else output_shape)
                )
            ],
            self.weights,
        )
        for node in graph.node:
            node.input[:] = [names[0] if name == "picture" else name for name in node.input]
        model: Any = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)
        return bytes(model.SerializeToString())


def model_zoo_network() -> ForeignNetwork:
    """Return a network like the ONNX model zoo's: 0..255 in and out, without anything that tells the range."""
    return ForeignNetwork().add_convolution()


def sigmoid_network() -> ForeignNetwork:
    """Return a network with 0..1 in and out, the latter through a sigmoid."""
    return ForeignNetwork().add_convolution(gain=4, shift=-2).add_node("Sigmoid")


def nhwc_tanh_network() -> ForeignNetwork:
    """Return a network with NHWC layout and -1..1 in and out, through a nearly linear tanh."""
    net = (
        ForeignNetwork()
        .add_transpose(0, 3, 1, 2)
        .add_convolution(gain=0.2)
        .add_node("Tanh")
        .add_convolution(gain=5)
        .add_node("Tanh")
    )
    return net.add_transpose(0, 2, 3, 1)
