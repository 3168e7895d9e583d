"""Analyze somebody else's ONNX graph: its one picture in, its one picture out, and the nodes between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

from stylecam.errors import ModelFormatError
from stylecam.models.importers.graph_builder import MAX_NODES, MAX_WEIGHTS
from stylecam.utils.text import format_shape, printable

MAX_STYLES = 4096
_MAX_CONSTANT_SIZE = 64
"""Elements of a constant that is looked at; scales and shifts of colors have 1 or 3."""
_GRAPH_ATTRIBUTES = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)


@dataclass(frozen=True, slots=True)
class ValueInfo:
    """An input or output of a graph; each of its `dims` is a size, a name, or None where nothing is known."""

    name: str
    dims: tuple[int | str | None, ...]

    @property
    def description(self) -> str:
        """Name and shape for messages, as `'input' 1×3×240×320`."""
        return printable(f"{self.name!r} {format_shape(self.dims)}")


class OnnxAnalysis:
    """One parsed model.

    Attributes:
        nodes: its nodes, including constants.
        initializers: its weights.
        image: the input picture, four-dimensional.
        styled: the output picture, four-dimensional or of unknown shape.
        style_weights: the input of style weights of a bank, else None.
        style_count: the number of styles of a bank, else None.
        opset: the version of ONNX's operators it is written in.
    """

    def __init__(self, data: bytes) -> None:
        """Parse the ONNX file `data`.

        Raises:
            ModelFormatError: not ONNX, or not a network from one picture to one picture.
        """
        try:
            model = onnx.load_from_string(data)
        except (DecodeError, ValueError, TypeError) as error:
            raise ModelFormatError("not an ONNX file, or a damaged one; download it again") from error
        self.nodes: list[Any] = list(model.graph.node)
        self.initializers: list[Any] = list(model.graph.initializer)
        self._check(model)
        self.opset: int = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=1)
        self._tensors = {tensor.name: tensor for tensor in self.initializers}
        self._tensors |= {
            node.output[0]: helper.get_attribute_value(node.attribute[0])
            for node in self.nodes
            if node.op_type == "Constant" and node.output and [a.name for a in node.attribute] == ["value"]
        }
        self._find_pictures(model.graph)
        self._producers = {name: node for node in self.nodes for name in node.output}
        self._consumers: dict[str, list[Any]] = {}
        for node in self.nodes:
            for name in node.input:
                self._consumers.setdefault(name, []).append(node)

    def _check(self, model: Any) -> None:
        if not self.nodes:
            raise ModelFormatError("not an ONNX file, or one with no network in it; download it again")
        if len(self.nodes) > MAX_NODES:
            raise ModelFormatError(f"it has {len(self.nodes)} layers; a style network has far fewer")
        if len(self.initializers) > MAX_WEIGHTS:
            raise ModelFormatError(f"it has {len(self.initializers)} weights; a style network has far fewer")
        if model.functions:
            raise ModelFormatError("it defines layers of its own; export it without ONNX functions")
        for tensor in self.initializers:
            if tensor.data_location == TensorProto.EXTERNAL:
                raise ModelFormatError("its weights lie in another file; save it as one file and import that")
        for node in self.nodes:
            if node.domain not in ("", "ai.onnx"):
                raise ModelFormatError(
                    f"its layer {node.name or node.op_type!r} ({node.domain[:60]}.{node.op_type[:60]}) is not standard "
                    f"ONNX; export it with standard layers only"
                )
            if any(attribute.type in _GRAPH_ATTRIBUTES for attribute in node.attribute):
                raise ModelFormatError(
                    f"its layer {node.name or node.op_type!r} ({node.op_type}) branches or loops; export it without"
                )

    def _find_pictures(self, graph: Any) -> None:
        """Set `image`, `styled`, `style_weights` and `style_count`."""
        inputs = [_value_info(value) for value in graph.input if value.name not in self._tensors]
        pictures = [value for value in inputs if len(value.dims) == 4]
        others = [value for value in inputs if len(value.dims) != 4]
        outputs = [value for value in map(_value_info, graph.output) if len(value.dims) in (0, 4)]
        if len(pictures) != 1 or len(others) > 1 or not outputs:
            takes = ", ".join(value.description for value in inputs) or "none"
            gives = ", ".join(_value_info(value).description for value in graph.output) or "none"
            raise ModelFormatError(
                f"it is not a network from one picture to another (inputs {takes}; outputs {gives}); "
                f"stylecam imports those with one picture 1×3×H×W or 1×H×W×3 in and one out"
            )
        self.image, self.styled = pictures[0], outputs[0]
        if self.image.dims[0] not in (1, None) and not isinstance(self.image.dims[0], str):
            raise ModelFormatError(f"it takes {self.image.dims[0]} pictures at once; one is needed")
        self.style_weights = others[0] if others else None
        self.style_count = _style_count(others[0]) if others else None

    def producer(self, name: str) -> Any:
        """Return the node that produces the value `name`, or None."""
        return self._producers.get(name)

    def only_consumer(self, name: str) -> Any:
        """Return the one node that consumes the value `name`, or None if there are none or several."""
        consumers = self._consumers.get(name, [])
        return consumers[0] if len(consumers) == 1 else None

    def constant(self, name: str) -> npt.NDArray[np.float64] | None:
        """Return the constant `name`, or None if the value is not constant or has many elements."""
        tensor = self._tensors.get(name)
        if not isinstance(tensor, TensorProto) or len(tensor.dims) > 4 or tensor.data_location == TensorProto.EXTERNAL:
            return None
        if any(not 0 < size <= _MAX_CONSTANT_SIZE for size in tensor.dims):
            return None
        if np.prod(list(tensor.dims), dtype=int) > _MAX_CONSTANT_SIZE:
            return None
        try:
            return np.asarray(numpy_helper.to_array(tensor), np.float64)
        except (ValueError, TypeError, KeyError):
            return None


def attributes_of(node: Any) -> dict[str, Any]:
    """Return the attributes of an ONNX node by name; strings are bytes."""
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _value_info(value: Any) -> ValueInfo:
    dims = value.type.tensor_type.shape.dim
    return ValueInfo(value.name, tuple(dim.dim_value or dim.dim_param or None for dim in dims))


def _style_count(weights: ValueInfo) -> int:
    """Return the length of the input of style weights, N or 1×N."""
    count = weights.dims[-1] if weights.dims else None
    flat = len(weights.dims) == 1 or (len(weights.dims) == 2 and weights.dims[0] == 1)
    if not flat or not isinstance(count, int) or not 1 <= count <= MAX_STYLES:
        raise ModelFormatError(f"it has a second input {weights.description}, which is not a vector of style weights")
    return count
