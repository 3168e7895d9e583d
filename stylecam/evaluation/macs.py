"""Count the multiply-adds of a network's convolutions, with the onnx package."""

from __future__ import annotations

import math

from stylecam.errors import BenchError, ModelFormatError
from stylecam.media.frame import Size
from stylecam.models.model import Model
from stylecam.utils.optional import load


def gmac(model: Model, size: Size) -> float:
    """Count the multiply-adds in the convolutions of `model` for one picture of `size`, in billions.

    The size is written into the graph's inputs first, because a bank's own input sizes may be symbolic.

    Raises:
        BenchError: the package onnx is not installed.
        ModelFormatError: the shapes of the graph cannot be inferred.
    """
    onnx = load("onnx", purpose="counting multiply-adds", extra="import", error=BenchError)
    proto = onnx.load_from_string(model.with_input_size(*size))
    del proto.graph.output[:]  # their declared size may contradict the inputs'
    try:
        graph = onnx.shape_inference.infer_shapes(proto, data_prop=True).graph
    except onnx.shape_inference.InferenceError as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelFormatError(f"{model.path}: its multiply-adds cannot be counted: {reason}") from error
    shapes = {
        value.name: [axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in (*graph.value_info, *graph.input)
    }
    shapes |= {weight.name: list(weight.dims) for weight in graph.initializer}
    total = 0
    for node in graph.node:
        if node.op_type in ("Conv", "ConvTranspose"):
            # Each value of a Conv's output, or of a ConvTranspose's input, meets all but one axis of the kernel.
            name = node.output[0] if node.op_type == "Conv" else node.input[0]
            products = math.prod(shapes.get(name, ())) * math.prod(shapes.get(node.input[1], ())[1:])
            if name not in shapes or node.input[1] not in shapes or not products:  # an axis of unknown length reads 0
                raise ModelFormatError(
                    f"{model.path}: its multiply-adds cannot be counted: the shape of {name!r} is unknown"
                )
            total += products
    return total / 1e9
