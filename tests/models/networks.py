"""Write small ONNX files for the tests, in the form of the model contract and in others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

Shape = Sequence[int | str]
IMAGE_INPUT: Mapping[str, Shape] = {"image": (1, 3, "H", "W")}


def network(
    path: Path,
    inputs: Mapping[str, Shape] = IMAGE_INPUT,
    output: str = "styled",
    metadata: Mapping[str, str] | None = None,
    salt: str = "",
) -> Path:
    """Write a network that returns its first input; return its path."""
    nodes = [helper.make_node("Identity", [next(iter(inputs), "nothing")], [output])]
    return write_network(path, nodes, [], inputs, output, metadata, salt)


def bank_of(path: Path, names: Sequence[str], tier: str = "lean") -> Path:
    """Write a bank of `tier` with styles of these names; return its path."""
    metadata = {"styles": json.dumps([{"name": name} for name in names]), "tier": tier}
    return network(path, {**IMAGE_INPUT, "style": (1, len(names))}, metadata=metadata, salt=path.stem)


def bank_with_rows(
    path: Path, rows: Mapping[str, float], body: float = 1.0, licence: str = "MIT", sizes: Sequence[float] = (1,)
) -> Path:
    """Write a bank that paints the image times `body`, times the row of its style; return its path.

    `rows` has the scale of each style by its name, and `sizes` a factor for each size of strokes; `licence` is that of
    the file.
    """
    matrix = np.array([[scale * size] for scale in rows.values() for size in sizes])
    values = {"norm.g": matrix, "body": np.array(body)}
    nodes = [
        helper.make_node("MatMul", ["style", "norm.g"], ["mixed"]),
        helper.make_node("Mul", ["image", "mixed"], ["scaled"]),
        helper.make_node("Mul", ["scaled", "body"], ["styled"]),
    ]
    weights = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in values.items()]
    entries = json.dumps([{"name": name, "title": name.title()} for name in rows])
    metadata = {"styles": entries, "licence": licence}
    if len(sizes) > 1:
        metadata["stroke_scales"] = "300 900"
    inputs = {**IMAGE_INPUT, "style": (1, len(matrix))}
    return write_network(path, nodes, weights, inputs, metadata=metadata)


def negative(path: Path) -> Path:
    """Write a network that paints the negative of its picture; return its path."""
    one = numpy_helper.from_array(np.ones((1, 1, 1, 1), np.float32), "one")
    return write_network(path, [helper.make_node("Sub", ["one", "image"], ["styled"])], [one])


def write_network(
    path: Path,
    nodes: Sequence[Any],
    weights: Sequence[Any] = (),
    inputs: Mapping[str, Shape] = IMAGE_INPUT,
    output: str = "styled",
    metadata: Mapping[str, str] | None = None,
    salt: str = "",
) -> Path:
    """Write a network of these nodes and return its path."""
    graph = helper.make_graph(
        list(nodes),
        f"tiny{salt}",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, (1, 3, "H", "W"))],
        list(weights),
    )
    model: Any = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, dict(metadata or {}))
    path.write_bytes(model.SerializeToString())
    return path
