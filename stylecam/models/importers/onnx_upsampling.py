"""Layers that enlarge to a size worked out on the way, rewritten to enlarge by a factor.

Older exporters divide a wanted size by the size at hand, or write the wanted size down as a number; the first OpenCV
4.14 cannot follow, the second fits one picture size only. At the size the network was exported for, both are a factor.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from stylecam.models.importers.builder import IR_VERSION
from stylecam.models.importers.onnx_analysis import Outline, Port

ASSUMED_SIDE = 224
"""Of a picture whose size is left open."""
_MOST_ENLARGINGS = 12
_MOST_STEPS = 40
_ARITHMETIC = {
    "Shape", "Gather", "Slice", "Concat", "Cast", "Mul", "Div", "Add", "Sub", "Floor", "Ceil", "Unsqueeze", "Squeeze",
    "Constant", "Identity",
}  # fmt: skip
_MOST_NUMBERS = 16
_STUMBLES = (
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
"""What onnx raises on graphs that do not fit together; those are left as they are, and complained of elsewhere."""

Shapes = dict[str, tuple[int, ...]]
Numbers = npt.NDArray[np.float64]


def by_factor(outline: Outline) -> tuple[list[Any], list[Any]]:
    """The network's nodes and weights, enlarging by factors wherever that can be worked out, without idle nodes."""
    nodes, weights = list(outline.nodes), list(outline.initializers)
    for _ in range(_MOST_ENLARGINGS):
        fixed = {tensor.name for tensor in weights}
        open_ones = [index for index, node in enumerate(nodes) if _is_open(outline, node, fixed)]
        if not open_ones:
            break
        shapes = _shapes(outline, nodes, weights)
        tried = open_ones[:_MOST_ENLARGINGS]
        found = ((index, _factor(outline, nodes, weights, shapes, nodes[index])) for index in tried)
        index, factor = next(((index, factor) for index, factor in found if factor is not None), (None, None))
        if index is None or factor is None:
            break
        name = f"factor_{len(weights)}_{nodes[index].output[0]}"
        weights.append(numpy_helper.from_array(factor.astype(np.float32), name))
        nodes[index] = _enlarging(nodes[index], name)
    return _reached(nodes, outline.styled.name), weights


def _is_open(outline: Outline, node: Any, fixed: set[str]) -> bool:
    """Whether it enlarges by computed factors, or to a size that is a fixed number; `fixed` names the weights."""
    if node.op_type not in ("Upsample", "Resize") or len(node.input) < 2:
        return False
    if len(node.input) == 4 and node.input[3]:
        return outline.constant(node.input[3]) is not None
    factors = node.input[-1]
    return outline.constant(factors) is None and factors not in fixed


def _shapes(outline: Outline, nodes: list[Any], weights: list[Any]) -> Shapes:
    """The shapes of values at the size the network was exported for, as far as onnx can tell."""
    ports = [outline.image, *([outline.weights[0]] if outline.weights else [])]
    inputs = [helper.make_tensor_value_info(port.name, TensorProto.FLOAT, _fixed(port)) for port in ports]
    output = helper.make_tensor_value_info(outline.styled.name, TensorProto.FLOAT, None)
    try:
        model = helper.make_model(
            helper.make_graph(nodes, "shapes", inputs, [output], weights),
            opset_imports=[helper.make_opsetid("", outline.opset)],
            ir_version=IR_VERSION,
        )
        inferred = onnx.shape_inference.infer_shapes(model).graph.value_info
    except _STUMBLES:
        return {}
    found = {value.name: tuple(d.dim_value for d in value.type.tensor_type.shape.dim) for value in inferred}
    return {name: shape for name, shape in found.items() if shape and all(size > 0 for size in shape)}


def _fixed(port: Port) -> list[int]:
    if len(port.dims) != 4:
        return [dim if isinstance(dim, int) else 1 for dim in port.dims]
    last = port.dims[3] == 3 and port.dims[1] != 3
    assumed = [1, ASSUMED_SIDE, ASSUMED_SIDE, 3] if last else [1, 3, ASSUMED_SIDE, ASSUMED_SIDE]
    return [dim if isinstance(dim, int) else side for dim, side in zip(port.dims, assumed, strict=True)]


def _factor(outline: Outline, nodes: list[Any], weights: list[Any], shapes: Shapes, node: Any) -> Numbers | None:
    """The four factors of `node`, or None while the size of what it enlarges is not known."""
    shape = shapes.get(node.input[0])
    if shape is None or len(shape) != 4:
        return None
    if len(node.input) == 4 and node.input[3]:
        sizes = outline.constant(node.input[3])
        factor = None if sizes is None or sizes.shape != (4,) else sizes / np.array(shape)
    else:
        factor = _worked_out(outline.opset, nodes, weights, shapes, node.input[-1])
    if factor is None or factor.shape != (4,) or not np.isfinite(factor).all():
        return None
    # Each factor is a whole number or one over it: else it is no matter of factors.
    whole = all(min(abs(f - round(f)), abs(1 / f - round(1 / f))) < 1e-4 for f in factor if f > 0)
    return factor if whole and factor.min() > 0 and factor.max() <= 16 else None


def _worked_out(opset: int, nodes: list[Any], weights: list[Any], shapes: Shapes, name: str) -> Numbers | None:
    """The numbers behind `name`, if little arithmetic on known shapes leads to them."""
    from onnx.reference import ReferenceEvaluator

    makers = {out: node for node in nodes for out in node.output}
    fixed = {tensor.name: tensor for tensor in weights}
    steps: list[Any] = []
    constants: dict[str, Any] = {}
    wanted = [name]
    while wanted:
        value = wanted.pop()
        node = makers.get(value)
        if value in fixed and math.prod(fixed[value].dims) <= _MOST_NUMBERS:
            constants[value] = fixed[value]
        elif node is None or node.op_type not in _ARITHMETIC or len(steps) > _MOST_STEPS or len(node.input) > 5:
            return None
        elif node.op_type == "Shape" and not node.attribute:
            if node.input[0] not in shapes:
                return None
            constants[value] = numpy_helper.from_array(np.array(shapes[node.input[0]], np.int64), value)
        elif node not in steps:
            steps.append(node)
            wanted.extend(source for source in node.input if source)
    try:
        for node in nodes:
            if not any(node is step for step in steps):
                continue
            given = [constants[source] for source in dict.fromkeys(node.input) if source]
            made = [helper.make_tensor_value_info(out, TensorProto.FLOAT, None) for out in node.output]
            model = helper.make_model(
                helper.make_graph([node], "step", [], made, given),
                opset_imports=[helper.make_opsetid("", opset)],
                ir_version=IR_VERSION,
            )
            for out, value in zip(node.output, ReferenceEvaluator(model).run(None, {}), strict=True):
                if np.size(value) > _MOST_NUMBERS:  # step by step: products of many axes would grow without end
                    return None
                constants[out] = numpy_helper.from_array(np.asarray(value), out)
        return np.asarray(numpy_helper.to_array(constants[name]), np.float64)
    except _STUMBLES:
        return None


def _enlarging(node: Any, factors: str) -> Any:
    made = copy.deepcopy(node)
    made.input[:] = [node.input[0], factors] if len(node.input) == 2 else [node.input[0], node.input[1], factors]
    return made


def _reached(nodes: list[Any], output: str) -> list[Any]:
    """The nodes that `output` depends on: OpenCV stumbles over idle ones too."""
    needed, kept = {output}, []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(node.input)
    return kept[::-1]
