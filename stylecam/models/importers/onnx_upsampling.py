"""Rewrite resize layers whose size is computed, or fixed, to resize by a constant factor.

Older exporters divide the target size by the size of the input at run time, which OpenCV 4.14 cannot evaluate, or write
the target size as a number, which fits one picture size only. At the size the network was exported for, both are a
factor.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from stylecam.models.importers.graph_builder import make_model
from stylecam.models.importers.onnx_analysis import OnnxAnalysis, ValueInfo

ASSUMED_SIDE = 224
"""Height and width in pixels of a picture whose size is not fixed."""
_MAX_RESIZES = 12
_MAX_STEPS = 40
_ARITHMETIC = {
    "Shape", "Gather", "Slice", "Concat", "Cast", "Mul", "Div", "Add", "Sub", "Floor", "Ceil", "Unsqueeze", "Squeeze",
    "Constant", "Identity",
}  # fmt: skip
_MAX_ELEMENTS = 16
_ONNX_ERRORS = (
    MemoryError,
    onnx.shape_inference.InferenceError,
    RuntimeError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    AttributeError,
    ArithmeticError,
)
"""What onnx raises on inconsistent graphs; they are left as they are here and refused elsewhere."""

Shapes = dict[str, tuple[int, ...]]
Numbers = npt.NDArray[np.float64]


def resize_by_factor(analysis: OnnxAnalysis) -> tuple[list[Any], list[Any]]:
    """Return the network's nodes and weights with constant resize factors wherever possible, without unused nodes."""
    nodes, weights = list(analysis.nodes), list(analysis.initializers)
    for _ in range(_MAX_RESIZES):
        weight_names = {tensor.name for tensor in weights}
        unresolved = [index for index, node in enumerate(nodes) if _is_unresolved(analysis, node, weight_names)]
        if not unresolved:
            break
        shapes = _infer_shapes(analysis, nodes, weights)
        factors = (
            (index, _factor(analysis, nodes, weights, shapes, nodes[index])) for index in unresolved[:_MAX_RESIZES]
        )
        index, factor = next(((index, factor) for index, factor in factors if factor is not None), (None, None))
        if index is None or factor is None:
            break
        name = f"factor_{len(weights)}_{nodes[index].output[0]}"
        weights.append(numpy_helper.from_array(factor.astype(np.float32), name))
        nodes[index] = _with_factors(nodes[index], name)
    return _used_nodes(nodes, analysis.styled.name), weights


def _is_unresolved(analysis: OnnxAnalysis, node: Any, weight_names: set[str]) -> bool:
    """Return whether `node` resizes by computed factors, or to a constant size."""
    if node.op_type not in ("Upsample", "Resize") or len(node.input) < 2:
        return False
    if len(node.input) == 4 and node.input[3]:
        return analysis.constant(node.input[3]) is not None
    factors = node.input[-1]
    return analysis.constant(factors) is None and factors not in weight_names


def _infer_shapes(analysis: OnnxAnalysis, nodes: list[Any], weights: list[Any]) -> Shapes:
    """Return the shapes of values at the size the network was exported for, as far as onnx can infer them."""
    values = [analysis.image, *([analysis.style_weights] if analysis.style_weights else [])]
    inputs = [helper.make_tensor_value_info(value.name, TensorProto.FLOAT, _fixed_dims(value)) for value in values]
    output = helper.make_tensor_value_info(analysis.styled.name, TensorProto.FLOAT, None)
    try:
        model = make_model(nodes, inputs, [output], weights, analysis.opset)
        inferred = onnx.shape_inference.infer_shapes(model).graph.value_info
    except _ONNX_ERRORS:
        return {}
    found = {value.name: tuple(d.dim_value for d in value.type.tensor_type.shape.dim) for value in inferred}
    return {name: shape for name, shape in found.items() if shape and all(size > 0 for size in shape)}


def _fixed_dims(value: ValueInfo) -> list[int]:
    if len(value.dims) != 4:
        return [dim if isinstance(dim, int) else 1 for dim in value.dims]
    channels_last = value.dims[3] == 3 and value.dims[1] != 3
    assumed = [1, ASSUMED_SIDE, ASSUMED_SIDE, 3] if channels_last else [1, 3, ASSUMED_SIDE, ASSUMED_SIDE]
    return [dim if isinstance(dim, int) else side for dim, side in zip(value.dims, assumed, strict=True)]


def _factor(analysis: OnnxAnalysis, nodes: list[Any], weights: list[Any], shapes: Shapes, node: Any) -> Numbers | None:
    """Return the four factors of `node`, or None while the shape of its input is unknown."""
    shape = shapes.get(node.input[0])
    if shape is None or len(shape) != 4:
        return None
    if len(node.input) == 4 and node.input[3]:
        sizes = analysis.constant(node.input[3])
        factor = None if sizes is None or sizes.shape != (4,) else sizes / np.array(shape)
    else:
        factor = _evaluate(analysis.opset, nodes, weights, shapes, node.input[-1])
    if factor is None or factor.shape != (4,) or not np.isfinite(factor).all():
        return None
    # Each factor must be an integer or the inverse of one; otherwise the size is not a multiple of the input's.
    whole = all(min(abs(f - round(f)), abs(1 / f - round(1 / f))) < 1e-4 for f in factor if f > 0)
    return factor if whole and factor.min() > 0 and factor.max() <= 16 else None


def _evaluate(opset: int, nodes: list[Any], weights: list[Any], shapes: Shapes, name: str) -> Numbers | None:
    """Return the value `name`, or None unless it is simple arithmetic on known shapes."""
    from onnx.reference import ReferenceEvaluator

    producers = {out: node for node in nodes for out in node.output}
    tensors = {tensor.name: tensor for tensor in weights}
    steps: list[Any] = []
    constants: dict[str, Any] = {}
    needed = [name]
    while needed:
        value = needed.pop()
        node = producers.get(value)
        if value in tensors and math.prod(tensors[value].dims) <= _MAX_ELEMENTS:
            constants[value] = tensors[value]
        elif node is None or node.op_type not in _ARITHMETIC or len(steps) > _MAX_STEPS or len(node.input) > 5:
            return None
        elif node.op_type == "Shape" and not node.attribute:
            if node.input[0] not in shapes:
                return None
            constants[value] = numpy_helper.from_array(np.array(shapes[node.input[0]], np.int64), value)
        elif node not in steps:
            steps.append(node)
            needed.extend(source for source in node.input if source)
    try:
        for node in nodes:
            if not any(node is step for step in steps):
                continue
            inputs = [constants[source] for source in dict.fromkeys(node.input) if source]
            outputs = [helper.make_tensor_value_info(out, TensorProto.FLOAT, None) for out in node.output]
            model = make_model([node], [], outputs, inputs, opset)
            for out, value in zip(node.output, ReferenceEvaluator(model).run(None, {}), strict=True):
                if np.size(value) > _MAX_ELEMENTS:  # checked at every step, as repeated products grow without limit
                    return None
                constants[out] = numpy_helper.from_array(np.asarray(value), out)
        return np.asarray(numpy_helper.to_array(constants[name]), np.float64)
    except _ONNX_ERRORS:
        return None


def _with_factors(node: Any, factors: str) -> Any:
    copied = copy.deepcopy(node)
    copied.input[:] = [node.input[0], factors] if len(node.input) == 2 else [node.input[0], node.input[1], factors]
    return copied


def _used_nodes(nodes: list[Any], output: str) -> list[Any]:
    """Return the nodes that `output` depends on; unsupported nodes make OpenCV fail even where they are unused."""
    needed, kept = {output}, []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(node.input)
    return kept[::-1]
