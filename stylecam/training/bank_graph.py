"""Write the ONNX graph of a style network straight from its weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from stylecam.models.importers.graph_builder import make_model
from stylecam.training.network import GRAIN, RichNetwork, StyleNetwork

OPSET = 17
_INNER = {"inner.first": [1, 1], "inner.last": [-1, -1], "inner.axes": [2, 3]}
_EPSILON = 1e-5  # the default of torch's instance norm


class GraphWriter:
    """Collects the nodes and weights of one network. The name of a value names the layer that computes it."""

    def __init__(self, network: StyleNetwork) -> None:
        self._network = network
        self._nodes: list[Any] = []
        self._weights: dict[str, Any] = {}
        state = network.state_dict()
        if isinstance(network, RichNetwork) and not network.out.is_smooth():
            state["out.weight"], state["out.bias"] = network.out.smooth()
        for name, value in state.items():
            self._constant(name, value.detach().cpu().float().numpy())
        self._constant("per_channel", np.array([1, -1, 1, 1], dtype=np.int64))
        self._constant("doubled", np.array([1, 1, 2, 2], dtype=np.float32))

    def finish(self) -> Any:
        """Return the graph as an ONNX `ModelProto` without metadata."""
        network = self._network
        value, blocksize = self._rich(network) if isinstance(network, RichNetwork) else self._lean(network)
        value = self._node("DepthToSpace", [value], "shuffled", blocksize=blocksize, mode="CRD")
        self._nodes.append(helper.make_node("Sigmoid", [value], ["styled"], name="sigmoid"))
        picture = [1, 3, "height", "width"]
        dims = {
            "image": picture,
            "style": [1, network.rows],
            "grain": [1, GRAIN, "rows", "columns"],
            "styled": picture,
        }
        *inputs, output = (
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in dims.items()
        )
        return make_model(self._nodes, inputs, [output], self._weights.values(), OPSET, "stylecam bank")

    def _lean(self, network: Any) -> tuple[str, int]:
        """Add the lean network; return the value before the shuffle, and the shuffle's factor."""
        fine = self._layer("h4", network.h4, "image")
        value = self._layer("h8", network.h8, fine)
        value = self._node("Add", [value, self._layer("grain", network.grain, "grain")], "grained")
        for number, block in enumerate(network.body):
            value = self._residual(f"body.{number}", block, value)
        value = self._node(
            "Resize",
            [value, "", "doubled"],
            "double",
            coordinate_transformation_mode="asymmetric",
            mode="nearest",
            nearest_mode="floor",
        )
        value = self._node("Add", [self._layer("u4", network.u4, value), fine], "joined")
        return self._convolution("out", network.out, value), 4

    def _rich(self, network: Any) -> tuple[str, int]:
        """Add the rich network; return the value before the shuffle, and the shuffle's factor."""
        fine = self._layer("h4", network.h4, "image")
        value = self._layer("h8", network.h8, fine)
        value = self._node("Add", [value, self._layer("grain", network.grain, "grain")], "grained")
        beside = self._residual("down", network.down, value)
        value = self._layer("h16", network.h16, beside)
        for number, block in enumerate(network.body):
            value = self._residual(f"body.{number}", block, value)
        value = self._bilinear("double.8", self._layer("u8", network.u8, value))
        value = self._residual("up", network.up, self._node("Add", [beside, value], "joined.8"))
        value = self._layer("u4", network.u4, self._bilinear("double.4", value))
        value = self._convolution("narrow", network.narrow, self._node("Add", [value, fine], "joined.4"))
        value = self._bilinear("double.2", value)
        value = self._node("Add", [value, self._layer("h2", network.h2, "image")], "joined.2")
        return self._convolution("out", network.out, self._layer("u2", network.u2, value)), 2

    def _residual(self, name: str, block: Any, value: str) -> str:
        inner = self._layer(f"{name}.b", block.b, self._layer(f"{name}.a", block.a, value))
        return self._node("Add", [value, inner], name)

    def _bilinear(self, name: str, value: str) -> str:
        return self._node(
            "Resize", [value, "", "doubled"], name, coordinate_transformation_mode="half_pixel", mode="linear"
        )

    def _constant(self, name: str, value: Any) -> str:
        if name not in self._weights:
            self._weights[name] = numpy_helper.from_array(value, name)
        return name

    def _node(self, kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        self._nodes.append(helper.make_node(kind, inputs, [f"{name}.value"], name=name, **attributes))
        return f"{name}.value"

    def _convolution(self, name: str, module: Any, value: str) -> str:
        (kernel, _), (stride, _), (pad, _) = module.kernel_size, module.stride, module.padding
        if module.padding_mode == "reflect":
            value, pad = self._mirrored(f"{name}.around", value, pad), 0
        return self._node(
            "Conv",
            [value, f"{name}.weight", f"{name}.bias"],
            name,
            dilations=[1, 1],
            group=1,
            kernel_shape=[kernel] * 2,
            pads=[pad] * 4,
            strides=[stride] * 2,
        )

    def _mirrored(self, name: str, value: str, pad: int) -> str:
        pads = self._constant(f"around.{pad}", np.array([0, 0, pad, pad] * 2, np.int64))
        return self._node("Pad", [value, pads], name, mode="reflect")

    def _layer(self, name: str, layer: Any, value: str) -> str:
        channels = layer.c.out_channels
        value = self._convolution(f"{name}.c", layer.c, value)
        if layer.trimmed:
            first, last, axes = (self._constant(key, np.array(at, np.int64)) for key, at in _INNER.items())
            value = self._node("Slice", [value, first, last, axes], f"{name}.inner")
            value = self._mirrored(f"{name}.trimmed", value, 1)
        ones = self._constant(f"ones.{channels}", np.ones(channels, np.float32))
        zeros = self._constant(f"zeros.{channels}", np.zeros(channels, np.float32))
        value = self._node("InstanceNormalization", [value, ones, zeros], f"{name}.n", epsilon=_EPSILON)
        for kind, rows in (("Mul", "g"), ("Add", "b")):
            mixed = self._node("MatMul", ["style", f"{name}.n.{rows}"], f"{name}.n.{rows}.mixed")
            shaped = self._node("Reshape", [mixed, "per_channel"], f"{name}.n.{rows}.shaped")
            value = self._node(kind, [value, shaped], f"{name}.n.{rows}.applied")
        return self._node("Relu", [value], f"{name}.rectified") if layer.rectify else value
