"""Makes Johnson's network, the usual reference for speed, with random weights: for its cost, not its pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stylecam.models.model import Model
from stylecam.models.onnx import proto, wire
from stylecam.models.onnx.proto import GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_NODE, GRAPH_OUTPUT, FloatArray, Node

_MODEL_IR, _MODEL_OPSET, _OPSET_VERSION, _GRAPH_NAME = 1, 8, 2, 2
_IR, _OPSET = 8, 17
_LAYERS = (
    # name, kernel, stride, channels in, channels out
    ("down.1", 9, 1, 3, 32),
    ("down.2", 3, 2, 32, 64),
    ("down.3", 3, 2, 64, 128),
    *((f"body.{block}.{half}", 3, 1, 128, 128) for block in range(5) for half in "ab"),
    ("up.1", 3, 1, 128, 64),
    ("up.2", 3, 1, 64, 32),
    ("out", 9, 1, 32, 3),
)


def johnson() -> Model:
    """Make the network of Johnson et al. 2016 (https://arxiv.org/abs/1603.08155): 32-64-128 channels, five blocks.

    It follows nearly all implementations since: instance norm in place of batch norm, residual blocks padded rather
    than cropped, and nearest doubling before a convolution in place of each fractionally strided one.
    """
    chance = np.random.default_rng(0)
    nodes: list[Node] = []
    weights: dict[str, FloatArray] = {"doubled": np.array([1, 1, 2, 2], np.float32)}

    def constant(name: str, value: FloatArray) -> str:
        weights[name] = value.astype(np.float32)
        return name

    def node(op: str, inputs: tuple[str, ...], output: str, **settings: proto.AttributeValue) -> str:
        nodes.append(Node(op, inputs, (output,), settings))
        return output

    value = skipped = "image"
    for name, kernel, stride, ins, outs in _LAYERS:
        if name.startswith("up"):
            nearest = {"coordinate_transformation_mode": "asymmetric", "mode": "nearest", "nearest_mode": "floor"}
            value = node("Resize", (value, "", "doubled"), f"{name}.doubled", **nearest)
        if name.endswith("a"):
            skipped = value
        scale = (2 / (ins * kernel * kernel)) ** 0.5
        w = constant(f"{name}.w", chance.standard_normal((outs, ins, kernel, kernel), np.float32) * np.float32(scale))
        b = constant(f"{name}.b", np.zeros(outs, np.float32))
        before = (kernel - stride) // 2
        after = kernel - stride - before
        shape: dict[str, proto.AttributeValue] = {"kernel_shape": (kernel,) * 2, "strides": (stride,) * 2}
        value = node("Conv", (value, w, b), f"{name}.c", **shape, pads=(before, before, after, after))
        if name == "out":
            node("Sigmoid", (value,), "styled")
            break
        ones = constant(f"ones.{outs}", np.ones(outs, np.float32))
        none = constant(f"none.{outs}", np.zeros(outs, np.float32))
        value = node("InstanceNormalization", (value, ones, none), f"{name}.n")
        if name.endswith(".b"):
            value = node("Add", (value, skipped), f"{name}.sum")
        else:
            value = node("Relu", (value,), f"{name}.r")
    return Model.parse(Path("johnson.onnx"), _file(nodes, weights))


def _file(nodes: list[Node], weights: dict[str, FloatArray]) -> bytes:
    """Encode an ONNX file of these nodes and constants, for pictures of any size."""
    picture = (1, 3, "height", "width")
    graph = [
        *(wire.encode(GRAPH_NODE, node.encode()) for node in nodes),
        wire.encode(_GRAPH_NAME, b"johnson"),
        *(wire.encode(GRAPH_INITIALIZER, proto.encode_tensor(*entry)) for entry in weights.items()),
        wire.encode(GRAPH_INPUT, proto.encode_value_info("image", picture)),
        wire.encode(GRAPH_OUTPUT, proto.encode_value_info("styled", picture)),
    ]
    opset = wire.encode(_MODEL_OPSET, wire.encode_number(_OPSET_VERSION, _OPSET))
    head = wire.encode_number(_MODEL_IR, _IR)
    return head + opset + wire.encode(proto.MODEL_GRAPH, b"".join(graph))
