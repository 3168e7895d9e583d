"""What is needed to know of someone else's ONNX graph: its one picture in, its one picture out, and what is between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

from stylecam.errors import ModelFormatError
from stylecam.models.importers.builder import MOST_NODES, MOST_WEIGHTS
from stylecam.utils.text import printable

MOST_STYLES = 4096
_SMALL = 64
"""Numbers of a constant that is looked at: scales and shifts have 1 or 3."""
_WITH_GRAPHS = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)

Dims = tuple[int | str | None, ...]


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output: its name and shape (a number, a name or nothing known for each dimension)."""

    name: str
    dims: Dims

    @property
    def shown(self) -> str:
        """`'input' 1×3×240×320`."""
        return printable(f"{self.name!r} {'×'.join('?' if dim is None else str(dim) for dim in self.dims)}")


class Outline:
    """One parsed model.

    Attributes:
        nodes: its layers; constants among them too.
        image, styled: the picture that goes in and the one that comes out, four-dimensional.
        weights: the input of style weights, if it is a bank, and how many styles there are.
        opset: the version of ONNX's operators it is written in.
    """

    def __init__(self, data: bytes) -> None:
        """Raises ModelFormatError when it is not ONNX, or not a network from one picture to one picture."""
        try:
            model = onnx.load_from_string(data)
        except (DecodeError, ValueError, TypeError) as error:
            raise ModelFormatError("not an ONNX file, or a damaged one; get it again") from error
        graph = model.graph
        self.nodes: list[Any] = list(graph.node)
        self.initializers: list[Any] = list(graph.initializer)
        self._check(model)
        self.opset: int = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=1)
        self._tensors = {tensor.name: tensor for tensor in self.initializers}
        self._tensors |= {
            node.output[0]: helper.get_attribute_value(node.attribute[0])
            for node in self.nodes
            if node.op_type == "Constant" and node.output and [a.name for a in node.attribute] == ["value"]
        }
        ports = [_port(value) for value in graph.input if value.name not in self._tensors]
        pictures = [port for port in ports if len(port.dims) == 4]
        others = [port for port in ports if len(port.dims) != 4]
        outputs = [port for port in map(_port, graph.output) if len(port.dims) in (0, 4)]
        if len(pictures) != 1 or len(others) > 1 or not outputs:
            inputs = ", ".join(port.shown for port in ports) or "none"
            made = ", ".join(_port(value).shown for value in graph.output) or "none"
            raise ModelFormatError(
                f"it is no network from one picture to another (inputs {inputs}; outputs {made}); "
                f"stylecam imports those with one picture 1×3×H×W or 1×H×W×3 in and one out"
            )
        self.image, self.styled = pictures[0], outputs[0]
        if self.image.dims[0] not in (1, None) and not isinstance(self.image.dims[0], str):
            raise ModelFormatError(f"it takes {self.image.dims[0]} pictures at once; one is needed")
        self.weights = _bank(others[0]) if others else None
        self._maker = {name: node for node in self.nodes for name in node.output}
        self._users: dict[str, list[Any]] = {}
        for node in self.nodes:
            for name in node.input:
                self._users.setdefault(name, []).append(node)

    def _check(self, model: Any) -> None:
        if not self.nodes:
            raise ModelFormatError("not an ONNX file, or one with no network in it; get it again")
        if len(self.nodes) > MOST_NODES:
            raise ModelFormatError(f"it has {len(self.nodes)} layers; no style network is like that")
        if len(self.initializers) > MOST_WEIGHTS:
            raise ModelFormatError(f"it has {len(self.initializers)} weights; no style network is like that")
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
            if any(attribute.type in _WITH_GRAPHS for attribute in node.attribute):
                raise ModelFormatError(
                    f"its layer {node.name or node.op_type!r} ({node.op_type}) branches or loops; export it without"
                )

    def maker(self, name: str) -> Any:
        """The node that `name` comes out of, or None."""
        return self._maker.get(name)

    def only_user(self, name: str) -> Any:
        """The one node that takes `name`, or None when there are more or none."""
        users = self._users.get(name, [])
        return users[0] if len(users) == 1 else None

    def constant(self, name: str) -> npt.NDArray[np.float64] | None:
        """The numbers behind `name`, if they are fixed and few."""
        tensor = self._tensors.get(name)
        if not isinstance(tensor, TensorProto) or len(tensor.dims) > 4 or tensor.data_location == TensorProto.EXTERNAL:
            return None
        if any(not 0 < size <= _SMALL for size in tensor.dims) or np.prod(list(tensor.dims), dtype=int) > _SMALL:
            return None
        try:
            return np.asarray(numpy_helper.to_array(tensor), np.float64)
        except (ValueError, TypeError, KeyError):
            return None


def _port(value: Any) -> Port:
    dims = value.type.tensor_type.shape.dim
    return Port(value.name, tuple(dim.dim_value or dim.dim_param or None for dim in dims))


def _bank(port: Port) -> tuple[Port, int]:
    """The input of style weights, N or 1×N."""
    count = port.dims[-1] if port.dims else None
    flat = len(port.dims) == 1 or (len(port.dims) == 2 and port.dims[0] == 1)
    if not flat or not isinstance(count, int) or not 1 <= count <= MOST_STYLES:
        raise ModelFormatError(f"it has a second input {port.shown}, which is no vector of style weights")
    return port, count
