"""Convert somebody else's ONNX network by wrapping it, so that it follows the model contract.

Nodes before it convert RGB 0..1 to what it takes, nodes after it convert its result to RGB 0..1. Fixed picture sizes
are removed. Layers that OpenCV computes wrongly or not at all are rewritten into equivalent ones.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from stylecam.errors import ModelFormatError, StylecamError
from stylecam.models.importers.base import Candidate, ImportOptions
from stylecam.models.importers.graph_builder import GraphBuilder
from stylecam.models.importers.onnx_analysis import OnnxAnalysis, attributes_of
from stylecam.models.importers.onnx_conventions import Conventions, guess_conventions
from stylecam.models.importers.onnx_upsampling import resize_by_factor

_PREFIX = "their_"  # before every foreign name, so that none equals one of the builder's
_MAX_OPSET = 21
_TO_THE_END = 2**31 - 1


def accepts(data: bytes) -> bool:
    """Return whether `data` can be ONNX: it begins with the version's field, for protobuf has no magic number."""
    return data[:1] == b"\x08"


def convert(data: bytes, options: ImportOptions) -> Iterator[Candidate]:
    """Convert the ONNX network `data` with each convention it can have, the likeliest first; see `Importer.convert`."""
    try:
        analysis = OnnxAnalysis(data)
        if not 7 <= analysis.opset <= _MAX_OPSET:
            raise ModelFormatError(f"it uses ONNX opset {analysis.opset}; 7 to {_MAX_OPSET} can be imported")
        note = f"ONNX, input {analysis.image.description}, output {analysis.styled.description}"
        for conventions in guess_conventions(analysis, options):
            yield Candidate(_wrap(analysis, conventions), (note, *conventions.notes), analysis.style_count)
    except StylecamError:
        raise
    except (TypeError, ValueError, KeyError, IndexError) as error:
        # protobuf returns whatever a damaged file holds, such as invalid text or unknown element types
        raise ModelFormatError(f"a damaged ONNX file ({type(error).__name__}: {error}); download it again") from error


def _wrap(analysis: OnnxAnalysis, conventions: Conventions) -> GraphBuilder:
    """Return the network between a conversion of `image` to its input and one of its output to `styled`."""
    graph = GraphBuilder(max_weight_bytes=2**20, opset=analysis.opset)
    nodes, weights = _prefixed_copies(analysis)
    graph.embed([], weights)
    value = graph.add_input(conventions.input.colors)
    if conventions.input.channels_last:
        value = graph.node("Transpose", [value], perm=[0, 2, 3, 1])
    _rename(graph, value, analysis.image.name)
    if analysis.style_weights is not None:
        value = "style"
        if len(analysis.style_weights.dims) == 1:
            value = graph.node("Reshape", [value, graph.constant("flat", np.array([-1], np.int64))])
        _rename(graph, value, analysis.style_weights.name)
    for node in nodes:
        graph.embed(_repair(graph, node, weights, analysis.opset))
    value = _PREFIX + analysis.styled.name
    if conventions.output.channels_last:
        value = graph.node("Transpose", [value], perm=[0, 3, 1, 2])
    graph.add_output(value, conventions.output.colors)
    return graph


def _rename(graph: GraphBuilder, value: str, name: str) -> None:
    graph.embed([helper.make_node("Identity", [value], [_PREFIX + name])])


def _prefixed_copies(analysis: OnnxAnalysis) -> tuple[list[Any], list[Any]]:
    """Return copies of the nodes and weights with `_PREFIX` before every name."""
    nodes, weights = [], []
    originals, tensors = resize_by_factor(analysis)
    for original in originals:
        node = copy.deepcopy(original)
        node.input[:] = [name and _PREFIX + name for name in original.input]
        node.output[:] = [name and _PREFIX + name for name in original.output]
        node.name = node.name and _PREFIX + node.name
        nodes.append(node)
    for tensor in tensors:
        kept = TensorProto()
        kept.CopyFrom(tensor)
        kept.name = _PREFIX + tensor.name
        weights.append(kept)
    return nodes, weights


def _repair(graph: GraphBuilder, node: Any, weights: list[Any], opset: int) -> list[Any]:
    """Return `node`, or equivalent nodes that OpenCV computes correctly.

    OpenCV 4.14 ignores the end pads of a ConvTranspose, and keeps output sizes that TensorFlow's exporters fix. So such
    a node becomes one without pads, followed by a Slice that crops the result. OpenCV 4.10 requires the attribute
    `kernel_shape`, which the standard leaves to the weight.
    """
    if node.op_type != "ConvTranspose":
        return [node]
    if "kernel_shape" not in attributes_of(node) and (kernel := _kernel_shape(node, weights)):
        node = copy.deepcopy(node)
        node.attribute.append(helper.make_attribute("kernel_shape", kernel))
    attributes = attributes_of(node)
    pads = _pads(node, attributes, weights)
    if pads is None or (pads[:2] == pads[2:] and not attributes.keys() & {"auto_pad", "output_shape"}):
        return [node]
    full = copy.deepcopy(node)
    kept = [a for a in node.attribute if a.name not in ("pads", "auto_pad", "output_shape")]
    del full.attribute[:]
    full.attribute.extend(kept)
    full.output[0] = f"{node.output[0]}_full"
    starts, ends = pads[:2], [-pad if pad else _TO_THE_END for pad in pads[2:]]
    if opset < 10:  # these were attributes then
        sliced = helper.make_node("Slice", [full.output[0]], list(node.output), starts=starts, ends=ends, axes=[2, 3])
    else:
        tables = [
            graph.constant(f"{name}_{node.output[0]}", np.array(numbers, np.int64))
            for name, numbers in (("starts", starts), ("ends", ends), ("axes", [2, 3]))
        ]
        sliced = helper.make_node("Slice", [full.output[0], *tables], list(node.output))
    return [full, sliced]


def _pads(node: Any, attributes: dict[str, Any], weights: list[Any]) -> list[int] | None:
    """Return the pads (top, left, bottom, right) of a two-dimensional ConvTranspose, or None if they are unknown."""
    automatic = bytes(attributes.get("auto_pad", b"NOTSET"))
    strides = list(attributes.get("strides", [1, 1]))
    if automatic in (b"SAME_UPPER", b"SAME_LOWER") or "output_shape" in attributes:
        # The output is `stride` times the input, so kernel minus stride is cropped.
        kernel = attributes.get("kernel_shape") or _kernel_shape(node, weights)
        if kernel is None or len(kernel) != 2 or any(k < s for k, s in zip(kernel, strides, strict=False)):
            return None
        extra = [k - s for k, s in zip(kernel, strides, strict=True)]
        small = [number // 2 for number in extra]
        large = [number - half for number, half in zip(extra, small, strict=True)]
        return [*small, *large] if automatic == b"SAME_UPPER" else [*large, *small]
    pads = list(attributes.get("pads", [0, 0, 0, 0]))
    return pads if len(pads) == 4 and all(pad >= 0 for pad in pads) else None


def _kernel_shape(node: Any, weights: list[Any]) -> list[int] | None:
    shapes = [list(numpy_helper.to_array(tensor).shape[2:]) for tensor in weights if tensor.name == node.input[1]]
    return shapes[0] if shapes else None
