"""Make Johnson's network, the usual reference for speed, with random weights: for its cost, not its pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stylecam.errors import BenchError
from stylecam.models.model import Model
from stylecam.utils.optional import load

_MAX_WEIGHT_BYTES = 2**24
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

    Raises:
        BenchError: the package onnx is not installed.
    """
    onnx = load("onnx", purpose="a comparison with Johnson's network", extra="bench", error=BenchError)
    from stylecam.models.importers.graph_builder import GraphBuilder

    rng = np.random.default_rng(0)
    graph = GraphBuilder(_MAX_WEIGHT_BYTES)
    value = skipped = "image"
    for name, kernel, stride, ins, outs in _LAYERS:
        if name.startswith("up"):
            value = graph.upsample_nearest(value, 2)
        if name.endswith("a"):
            skipped = value
        weight = rng.standard_normal((outs, ins, kernel, kernel), np.float32)
        weight *= np.float32((2 / (ins * kernel * kernel)) ** 0.5)
        zeros, ones = np.zeros(outs, np.float32), np.ones(outs, np.float32)
        value = graph.convolution(value, weight, zeros, (stride, stride), (kernel // 2, kernel // 2))
        if name != "out":
            value = graph.instance_norm(value, ones, zeros, 1e-5)
            value = graph.node("Add", [value, skipped]) if name.endswith("b") else graph.node("Relu", [value])
    graph.embed([onnx.helper.make_node("Sigmoid", [value], ["styled"])])
    return Model.parse(Path("johnson.onnx"), graph.encode({}))
