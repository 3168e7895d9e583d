"""Build the ONNX graph of an imported network, layer by layer, in the form of the model contract."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from stylecam.errors import ModelFormatError
from stylecam.models.importers.color_range import ColorRange
from stylecam.models.onnx.proto import FloatArray

OPSET, IR_VERSION = 13, 8
"""Opset 13 is the newest in which Pad, Slice and Resize mean the same to OpenCV 4.10 as to everyone else."""
MAX_NODES, MAX_WEIGHTS = 5_000, 20_000


class GraphBuilder:
    """Collects nodes and weights between `image` and `styled`.

    Most methods take the name of a value, add a node and return the name of the node's output. They raise
    `ModelFormatError` for more nodes or weights than a style network, or the original file, can have.
    """

    def __init__(self, max_weight_bytes: int, opset: int = OPSET) -> None:
        """Start an empty graph.

        Args:
            max_weight_bytes: the most that all weights together may take. A small hostile file could otherwise refer
                to one large tensor thousands of times.
            opset: the version of ONNX's operators.
        """
        self._opset = opset
        self._nodes: list[Any] = []
        self._weights: dict[str, Any] = {}
        self._bytes_left = max_weight_bytes

    def constant(self, name: str, value: npt.NDArray[Any]) -> str:
        """Add the constant `name`, unless it is there, and return its name."""
        if name not in self._weights:
            self._bytes_left -= value.nbytes
            if self._bytes_left < 0:
                raise ModelFormatError("its layers share weights that add up to more than the file holds")
            self._weights[name] = numpy_helper.from_array(value, name)
        return name

    def scalar(self, value: float) -> str:
        """Add a constant to add or to multiply with."""
        return self.constant(f"number_{value:g}", np.array([value], np.float32))

    def node(self, op_type: str, inputs: list[str], **attributes: Any) -> str:
        """Add a node with one output."""
        if len(self._nodes) >= MAX_NODES:
            raise ModelFormatError(f"it has more than {MAX_NODES} layers; a style network has far fewer")
        name = f"{op_type.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(op_type, inputs, [name], name=name, **attributes))
        return name

    def convolution(
        self,
        value: str,
        weight: FloatArray,
        bias: FloatArray | None = None,
        stride: tuple[int, int] = (1, 1),
        pad: tuple[int, int] = (0, 0),
        group: int = 1,
    ) -> str:
        """Add a Conv; `weight` is out×in×height×width, stride and padding are (vertical, horizontal)."""
        return self.node(
            "Conv",
            [value, *self._parameters(weight, bias)],
            kernel_shape=list(weight.shape[2:]),
            strides=list(stride),
            pads=[*pad, *pad],
            dilations=[1, 1],
            group=group,
        )

    def transposed_convolution(
        self,
        value: str,
        weight: FloatArray,
        bias: FloatArray | None,
        stride: tuple[int, int],
        pad: tuple[int, int],
        output_padding: tuple[int, int],
    ) -> str:
        """Add a ConvTranspose; `weight` is in×out×height×width, the pairs are (vertical, horizontal)."""
        return self.node(
            "ConvTranspose",
            [value, *self._parameters(weight, bias)],
            kernel_shape=list(weight.shape[2:]),
            strides=list(stride),
            pads=[*pad, *pad],
            output_padding=list(output_padding),
        )

    def instance_norm(self, value: str, weight: FloatArray, bias: FloatArray, epsilon: float) -> str:
        """Add an InstanceNormalization with one weight and bias per channel."""
        return self.node("InstanceNormalization", [value, *self._parameters(weight, bias)], epsilon=epsilon)

    def pad(self, value: str, left: int, right: int, top: int, bottom: int, mode: str) -> str:
        """Add a Pad with mode `reflect`, `edge` or `constant` (zero)."""
        sizes = self.constant(
            f"pad_{left}_{right}_{top}_{bottom}", np.array([0, 0, top, left, 0, 0, bottom, right], np.int64)
        )
        return self.node("Pad", [value, sizes], mode=mode)

    def crop(self, value: str, margin: int) -> str:
        """Add a Slice that removes `margin` rows and columns on each side."""
        if not margin:
            return value
        start = self.constant(f"from_{margin}", np.array([margin, margin], np.int64))
        end = self.constant(f"to_{margin}", np.array([-margin, -margin], np.int64))
        return self.node("Slice", [value, start, end, self.constant("plane", np.array([2, 3], np.int64))])

    def upsample_nearest(self, value: str, factor: int) -> str:
        """Add a Resize that repeats each pixel `factor` times in both directions."""
        scales = self.constant(f"times_{factor}", np.array([1, 1, factor, factor], np.float32))
        return self.node(
            "Resize",
            [value, "", scales],
            coordinate_transformation_mode="asymmetric",
            mode="nearest",
            nearest_mode="floor",
        )

    def add_input(self, colors: ColorRange) -> str:
        """Convert `image` to the network's color encoding."""
        return self.convolution("image", *colors.from_unit_rgb())

    def add_output(self, value: str, colors: ColorRange) -> None:
        """Convert the network's result `value` to RGB 0..1 and name it `styled`."""
        value = self.convolution(value, *colors.to_unit_rgb())
        if self._opset < 11:  # the limits were attributes then
            limits: list[str] = []
            attributes = {"min": 0.0, "max": 1.0}
        else:
            limits = [self.constant(f"limit_{limit}", np.array(limit, np.float32)) for limit in (0, 1)]
            attributes = {}
        self._nodes.append(helper.make_node("Clip", [value, *limits], ["styled"], name="clip", **attributes))

    def embed(self, nodes: Iterable[Any], weights: Iterable[Any] = ()) -> None:
        """Add nodes and weights of another ONNX graph, whose names must not occur in this one."""
        self._nodes.extend(nodes)
        if len(self._nodes) > MAX_NODES:
            raise ModelFormatError(f"it has {len(self._nodes)} layers; a style network has far fewer")
        self._weights |= {tensor.name: tensor for tensor in weights}

    def encode(self, metadata: Mapping[str, str], style_count: int | None = None) -> bytes:
        """Return the ONNX file; with `style_count`, it has the style weights `style` as its second input.

        Raises:
            ModelFormatError: the layers do not fit together.
        """
        image_dims = [1, 3, "height", "width"]
        inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, image_dims)]
        if style_count is not None:
            inputs.append(helper.make_tensor_value_info("style", TensorProto.FLOAT, [1, style_count]))
        styled = helper.make_tensor_value_info("styled", TensorProto.FLOAT, image_dims)
        model = make_model(self._nodes, inputs, [styled], self._weights.values(), self._opset)
        helper.set_model_props(model, dict(metadata))
        try:
            onnx.checker.check_model(model)
        except (onnx.checker.ValidationError, ValueError, TypeError) as error:
            reason = (str(error).strip() or "no reason given").splitlines()[0]
            raise ModelFormatError(f"its layers do not fit together: {reason}") from error
        return bytes(model.SerializeToString())

    def _parameters(self, weight: FloatArray, bias: FloatArray | None) -> list[str]:
        """Add weight and bias of the next node and return their names."""
        number = len(self._nodes)
        names = [self.constant(f"weight_{number}", weight)]
        return names if bias is None else [*names, self.constant(f"bias_{number}", bias)]


def make_model(
    nodes: Iterable[Any],
    inputs: list[Any],
    outputs: list[Any],
    weights: Iterable[Any],
    opset: int,
    name: str = "imported style",
) -> Any:
    """Return the ONNX model of a graph called `name`."""
    graph = helper.make_graph(list(nodes), name, inputs, outputs, list(weights))
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, producer_name="stylecam", ir_version=IR_VERSION)
