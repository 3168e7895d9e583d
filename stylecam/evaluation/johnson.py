"""The network everyone compares with, as an ONNX file of ours with random weights: for its cost, not its pictures."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from stylecam.styles.model import Model

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
    """Johnson et al. 2016 (https://arxiv.org/abs/1603.08155, supplementary): 32-64-128 channels, five residual blocks.

    As nearly all implementations since: instance norm in place of batch norm, residual blocks padded rather than
    cropped, and nearest doubling before a convolution in place of each fractionally strided one (with those it would
    have 38.7 GMAC at 640×480 instead of 47.2).
    """
    chance = np.random.default_rng(0)
    nodes: list[Any] = []
    weights: dict[str, Any] = {"doubled": numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "doubled")}

    def constant(name: str, value: Any) -> str:
        weights[name] = numpy_helper.from_array(value, name)
        return name

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    value = skipped = "image"
    for name, kernel, stride, ins, outs in _LAYERS:
        if name.startswith("up"):
            nearest = {"coordinate_transformation_mode": "asymmetric", "mode": "nearest", "nearest_mode": "floor"}
            value = node("Resize", [value, "", "doubled"], f"{name}.doubled", **nearest)
        if name.endswith("a"):
            skipped = value
        shape = (outs, ins, kernel, kernel)
        w = (chance.standard_normal(shape) * (2 / (ins * kernel * kernel)) ** 0.5).astype(np.float32)
        inputs = [value, constant(f"{name}.w", w), constant(f"{name}.b", np.zeros(outs, np.float32))]
        before = (kernel - stride) // 2
        pads = [before, before, kernel - stride - before, kernel - stride - before]
        value = node("Conv", inputs, f"{name}.c", kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads)
        if name == "out":
            node("Sigmoid", [value], "styled")
            break
        norm = [constant(f"ones.{outs}", np.ones(outs, np.float32)), constant(f"no.{outs}", np.zeros(outs, np.float32))]
        value = node("InstanceNormalization", [value, *norm], f"{name}.n", epsilon=1e-5)
        if name.endswith(".b"):
            value = node("Add", [value, skipped], f"{name}.sum")
        else:
            value = node("Relu", [value], f"{name}.r")
    shape_ = [1, 3, "height", "width"]
    graph = helper.make_graph(
        nodes,
        "johnson",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape_)],
        [helper.make_tensor_value_info("styled", TensorProto.FLOAT, shape_)],
        list(weights.values()),
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    data = bytes(proto.SerializeToString())
    return Model(Path("johnson.onnx"), data, 1, False, {}, hashlib.sha256(data).hexdigest()[:12])
