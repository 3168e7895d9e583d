"""Someone else's ONNX network, wrapped so that it keeps our model contract.

In front of it, RGB 0..1 becomes what it wants; behind it, what it gives becomes RGB 0..1. Its picture may then have any
size. Layers that OpenCV computes wrongly or not at all are rewritten into what they mean.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from stylecam.errors import ModelFormatError, StylecamError
from stylecam.models.importers.builder import Graph
from stylecam.models.importers.onnx_analysis import Outline
from stylecam.models.importers.onnx_conventions import Form, Side, guess
from stylecam.models.importers.onnx_upsampling import by_factor

_PREFIX = "their_"  # their names may be ours, so each gets this before it
_NEWEST_OPSET = 21
_FAR = 2**31 - 1


def convert(
    data: bytes, layout: str | None = None, colours: str | None = None, order: str | None = None
) -> Iterator[tuple[Graph, int | None, tuple[str, ...]]]:
    """The ONNX network `data` in each form it can have, the likeliest first: graph, number of styles, what to tell.

    The number of styles is None unless it is a bank. See `guess` for the other arguments.

    Raises:
        ModelFormatError: damaged, not from one picture to another, or with layers that are not standard; names them.
        UsageError: a layout, range or order that there is not.
    """
    try:
        outline = Outline(data)
        if not 7 <= outline.opset <= _NEWEST_OPSET:
            raise ModelFormatError(f"it is written in version {outline.opset} of ONNX; 7 to {_NEWEST_OPSET} are known")
        ports = f"ONNX, input {outline.image.shown}, output {outline.styled.shown}"
        styles = outline.weights[1] if outline.weights else None
        for form in guess(outline, layout, colours, order):
            yield _wrapped(outline, form), styles, (ports, *form.notes)
    except StylecamError:
        raise
    except (TypeError, ValueError, KeyError, IndexError) as error:
        # protobuf hands out whatever a damaged file holds: names that are no text, kinds of numbers there are not
        raise ModelFormatError(f"a damaged ONNX file ({type(error).__name__}: {error}); get it again") from error


def _wrapped(outline: Outline, form: Form) -> Graph:
    graph = Graph(budget=2**20, opset=outline.opset)
    nodes, weights = _theirs(outline)
    graph.embed([], weights)
    _rename(graph, _turned(graph, graph.enter(form.given.colours), form.given, [0, 2, 3, 1]), outline.image.name)
    if outline.weights is not None:
        port, _ = outline.weights
        value = "style"
        if len(port.dims) == 1:
            value = graph.node("Reshape", [value, graph.constant("flat", np.array([-1], np.int64))])
        _rename(graph, value, port.name)
    for node in nodes:
        graph.embed(_mended(graph, node, weights, outline.opset), [])
    graph.leave(_turned(graph, _PREFIX + outline.styled.name, form.made, [0, 3, 1, 2]), form.made.colours)
    return graph


def _rename(graph: Graph, value: str, name: str) -> None:
    graph.embed([helper.make_node("Identity", [value], [_PREFIX + name])], [])


def _turned(graph: Graph, value: str, side: Side, permutation: list[int]) -> str:
    return graph.node("Transpose", [value], perm=permutation) if side.channels_last else value


def _theirs(outline: Outline) -> tuple[list[Any], list[Any]]:
    """Copies of the nodes and weights under names that are not ours."""
    nodes, weights = [], []
    theirs, tensors = by_factor(outline)
    for original in theirs:
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


def _mended(graph: Graph, node: Any, weights: list[Any], opset: int) -> list[Any]:
    """`node`, or what it means in layers that OpenCV computes rightly.

    OpenCV 4.14 ignores the far pads of a ConvTranspose, and takes fixed output sizes, as TensorFlow's exporters write
    them, for good: so it becomes one without pads, and a Slice that takes the rim away. OpenCV 4.10 wants to be told
    the size of the kernel, which the standard leaves to the weight.
    """
    if node.op_type != "ConvTranspose":
        return [node]
    if all(attribute.name != "kernel_shape" for attribute in node.attribute) and (kernel := _kernel(node, weights)):
        node = copy.deepcopy(node)
        node.attribute.append(helper.make_attribute("kernel_shape", kernel))
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    pads = _pads(node, attributes, weights)
    if pads is None or (pads[:2] == pads[2:] and not attributes.keys() & {"auto_pad", "output_shape"}):
        return [node]
    full = copy.deepcopy(node)
    kept = [a for a in node.attribute if a.name not in ("pads", "auto_pad", "output_shape")]
    del full.attribute[:]
    full.attribute.extend(kept)
    full.output[0] = f"{node.output[0]}_full"
    starts, ends = pads[:2], [-pad if pad else _FAR for pad in pads[2:]]
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
    """Top, left, bottom, right of what a two-dimensional ConvTranspose takes away; None where it cannot be known."""
    automatic = bytes(attributes.get("auto_pad", b"NOTSET"))
    strides = list(attributes.get("strides", [1, 1]))
    if automatic in (b"SAME_UPPER", b"SAME_LOWER") or "output_shape" in attributes:
        # The output is `stride` times the input, so what is too much is kernel minus stride.
        kernel = attributes.get("kernel_shape") or _kernel(node, weights)
        if kernel is None or len(kernel) != 2 or any(k < s for k, s in zip(kernel, strides, strict=False)):
            return None
        extra = [k - s for k, s in zip(kernel, strides, strict=True)]
        small = [number // 2 for number in extra]
        large = [number - half for number, half in zip(extra, small, strict=True)]
        return [*small, *large] if automatic == b"SAME_UPPER" else [*large, *small]
    pads = list(attributes.get("pads", [0, 0, 0, 0]))
    return pads if len(pads) == 4 and all(pad >= 0 for pad in pads) else None


def _kernel(node: Any, weights: list[Any]) -> list[int] | None:
    found = [list(numpy_helper.to_array(tensor).shape[2:]) for tensor in weights if tensor.name == node.input[1]]
    return found[0] if found else None
