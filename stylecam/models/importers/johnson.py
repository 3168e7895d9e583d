"""The Torch7 networks of fast-neural-style (Johnson, Alahi, Fei-Fei 2016), as an ONNX graph.

Both families: `eccv16` (batch norm, a reflected rim of 40 pixels that the blocks eat up, transposed convolutions) and
`instance_norm` (instance norm, nearest-neighbour enlarging). A file is the network, or a table that holds it under
`model` and the options of its training under `opt`; of these only `preprocessing` matters here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from stylecam.errors import ModelFormatError
from stylecam.models.importers import torch7
from stylecam.models.importers.builder import CAFFE, RESNET, Floats, Graph, Range
from stylecam.models.importers.torch7 import Tensor, TorchObject, Value

DEEPEST = 40
"""Containers within containers; Johnson's networks have five."""
MOST_VISITS = 5_000
"""Of layers and containers; Johnson's networks have a hundred. A small file can mention one layer without end."""
MOST_ENLARGED, WIDEST_RIM = 8, 512
"""Times at once, and pixels; Johnson's networks enlarge by 2 and have a rim of 40. Either makes memory of nothing."""


def convert(data: bytes) -> tuple[Graph, tuple[str, ...]]:
    """The network in the binary Torch7 file `data`, from `image` to `styled`, and what to tell about it.

    Raises:
        ModelFormatError: damaged (with a byte offset), or a layer that is not known (with its name and place).
    """
    top = torch7.read(data)
    network, form = _network(top), _preprocessing(top)
    graph = Graph(budget=2 * len(data) + 2**20)
    walk = _Walk(graph)
    value = walk.through(network, graph.enter(form), "network")
    if not isinstance(value, str):
        raise ModelFormatError("its network ends in several pictures; a style network ends in one")
    if walk.channels not in (3, None):
        raise ModelFormatError(f"its network ends in {walk.channels} channels; a style network ends in 3")
    graph.leave(value, form)
    family = "instance norm" if walk.instance_norms else "batch norm"
    order = "BGR minus Caffe's means" if form is CAFFE else "RGB by ImageNet's mean and deviation"
    return graph, (f"Torch7, {family}, {walk.layers} layers", f"colours: {order}")


def _network(top: Value) -> TorchObject:
    if isinstance(top, dict):
        top = top.get("model")
    if not isinstance(top, TorchObject):
        raise ModelFormatError("it is a Torch7 file without a network, neither by itself nor under 'model'")
    return top


def _preprocessing(top: Value) -> Range:
    options = top.get("opt") if isinstance(top, dict) else None
    name = options.get("preprocessing", "vgg") if isinstance(options, dict) else "vgg"
    if name not in ("vgg", "resnet"):
        raise ModelFormatError(f"it was trained with the preprocessing {str(name)[:40]!r}; vgg and resnet are known")
    return RESNET if name == "resnet" else CAFFE


class _Walk:
    """Goes through the modules in the order in which they run. A value is a name, or several after a ConcatTable."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._above: list[TorchObject] = []
        self._visits = 0
        self._layers: dict[str, Callable[[_Layer, str], str]] = {
            "SpatialConvolution": self._convolution,
            "SpatialConvolutionMM": self._convolution,
            "SpatialFullConvolution": self._transposed,
            "SpatialBatchNormalization": self._batch_norm,
            "InstanceNormalization": self._instance_norm,
            "SpatialUpSamplingNearest": lambda layer, value: graph.enlarge(
                value, layer.whole("scale_factor", least=1, most=MOST_ENLARGED)
            ),
            "SpatialReflectionPadding": lambda layer, value: graph.pad(value, *layer.rim(), "reflect"),
            "SpatialReplicationPadding": lambda layer, value: graph.pad(value, *layer.rim(), "edge"),
            "SpatialZeroPadding": lambda layer, value: graph.pad(value, *layer.rim(), "constant"),
            "ShaveImage": lambda layer, value: graph.shave(value, layer.whole("size", most=WIDEST_RIM)),
            "ReLU": lambda _, value: graph.node("Relu", [value]),
            "LeakyReLU": lambda layer, value: graph.node("LeakyRelu", [value], alpha=layer.number("negval")),
            "Tanh": lambda _, value: graph.node("Tanh", [value]),
            "Sigmoid": lambda _, value: graph.node("Sigmoid", [value]),
            "MulConstant": lambda layer, value: graph.node(
                "Mul", [value, graph.number(layer.number("constant_scalar"))]
            ),
            "AddConstant": lambda layer, value: graph.node(
                "Add", [value, graph.number(layer.number("constant_scalar"))]
            ),
            "TotalVariation": lambda _, value: value,  # a loss of the training; it passes pictures on
            "Identity": lambda _, value: value,
            "Dropout": lambda _, value: value,
        }
        self.layers = 0
        self.instance_norms = 0
        self.channels: int | None = 3

    def through(self, module: Value, value: str | list[str], place: str) -> str | list[str]:
        """What `module`, found at `place`, makes of `value`.

        Raises:
            ModelFormatError: it is no module, not one known, or holds itself.
        """
        if not isinstance(module, TorchObject):
            raise ModelFormatError(f"{place} of its network is no layer")
        layer = _Layer(module, place)
        if any(above is module for above in self._above) or len(self._above) >= DEEPEST:
            raise layer.wrong("holds itself, or is nested too deep")
        self._visits += 1
        if self._visits > MOST_VISITS:
            raise layer.wrong(f"is the {MOST_VISITS}th; no style network has so many")
        self._above.append(module)
        made = self._made(layer, value)
        self._above.pop()
        return made

    def _made(self, layer: _Layer, value: str | list[str]) -> str | list[str]:
        if layer.name == "Sequential":
            for number, inner in enumerate(layer.modules(), 1):
                value = self.through(inner, value, f"{layer.place}.{number}")
            return value
        if layer.name == "CAddTable":
            return self._sum(layer, value)
        if isinstance(value, list):
            raise layer.wrong("gets several pictures and takes one")
        if layer.name == "ConcatTable":
            return self._branches(layer, value)
        if layer.name not in self._layers:
            raise layer.wrong("is a layer that stylecam does not know")
        self.layers += 1
        return self._layers[layer.name](layer, value)

    def _branches(self, layer: _Layer, value: str) -> list[str]:
        channels, ends, widths = self.channels, [], set[int | None]()
        for number, inner in enumerate(layer.modules(), 1):
            self.channels = channels
            end = self.through(inner, value, f"{layer.place}.{number}")
            if not isinstance(end, str):
                raise layer.wrong("has a branch that ends in several pictures")
            ends.append(end)
            widths.add(self.channels)
        if len(widths) > 1:
            raise layer.wrong(f"adds up branches of {' and '.join(sorted(map(str, widths)))} channels")
        return ends

    def _sum(self, layer: _Layer, value: str | list[str]) -> str:
        if isinstance(value, str) or len(value) < 2:
            raise layer.wrong("adds up pictures and gets only one")
        total = value[0]
        for other in value[1:]:
            total = self._graph.node("Add", [total, other])
        return total

    def _convolution(self, layer: _Layer, value: str) -> str:
        weight = layer.weights("weight", 2, 4)
        kernel = layer.whole("kH", least=1), layer.whole("kW", least=1)
        group = layer.whole("groups", 1, least=1)
        if weight.ndim == 2:  # SpatialConvolutionMM keeps its weights as a matrix
            area = kernel[0] * kernel[1]
            if weight.shape[1] % area:
                raise layer.wrong(f"has weights of {_shown(weight)} for a kernel of {kernel[0]}×{kernel[1]}")
            weight = weight.reshape(weight.shape[0], weight.shape[1] // area, *kernel)
        self._fits(layer, weight.shape[1] * group)
        if weight.shape[0] % group:
            raise layer.wrong(f"has {group} groups for {weight.shape[0]} channels")
        bias = layer.per_channel("bias", weight.shape[0], optional=True)
        self.channels = weight.shape[0]
        return self._graph.convolution(value, weight, bias, layer.stride(), layer.padding(), group)

    def _transposed(self, layer: _Layer, value: str) -> str:
        weight = layer.weights("weight", 4)
        self._fits(layer, weight.shape[0])
        bias = layer.per_channel("bias", weight.shape[1], optional=True)
        self.channels = weight.shape[1]
        extra = layer.whole("adjH", 0, most=MOST_ENLARGED), layer.whole("adjW", 0, most=MOST_ENLARGED)
        return self._graph.transposed(value, weight, bias, layer.stride(), layer.padding(), extra)

    def _batch_norm(self, layer: _Layer, value: str) -> str:
        mean = layer.weights("running_mean", 1)
        count = len(mean)
        self._fits(layer, count)
        epsilon = layer.number("eps", 1e-5)
        if "running_var" in layer.fields:
            variance = layer.per_channel("running_var", count)
        else:  # before 2015 it kept 1/sqrt(variance + eps)
            variance = (1 / layer.per_channel("running_std", count) ** 2 - epsilon).astype(np.float32)
        weight, bias = layer.affine(count)
        graph, number = self._graph, self.layers
        parameters = zip(("scale", "shift", "mean", "variance"), (weight, bias, mean, variance), strict=True)
        names = [graph.constant(f"{name}_{number}", array) for name, array in parameters]
        return graph.node("BatchNormalization", [value, *names], epsilon=epsilon)

    def _instance_norm(self, layer: _Layer, value: str) -> str:
        # Its nested `bn` is what it last normalised with, for a batch of some other size: stale, and not looked at.
        weight = layer.weights("weight", 1)
        self._fits(layer, len(weight))
        self.instance_norms += 1
        return self._graph.instance_norm(
            value, weight, layer.per_channel("bias", len(weight)), layer.number("eps", 1e-5)
        )

    def _fits(self, layer: _Layer, channels: int) -> None:
        if self.channels is not None and channels != self.channels:
            raise layer.wrong(f"takes {channels} channels and gets {self.channels}")


class _Layer:
    """One module with its place in the network (`network.4.1.2`), and its fields as what they must be."""

    def __init__(self, module: TorchObject, place: str) -> None:
        self.fields = module.fields
        self.name = module.kind.removeprefix("nn.").removeprefix("cudnn.")
        self.place = place
        self._offset = module.offset

    def wrong(self, what: str) -> ModelFormatError:
        """The error that says `what` of this layer."""
        return ModelFormatError(f"the layer {self.place} ({self.name}, byte {self._offset}) {what}")

    def modules(self) -> list[Value]:
        """A container's content, in order."""
        table = self.fields.get("modules")
        if not isinstance(table, dict) or not table or any(float(i) not in table for i in range(1, len(table) + 1)):
            raise self.wrong("holds no list of layers")
        return [table[float(i)] for i in range(1, len(table) + 1)]

    def number(self, name: str, default: float | None = None) -> float:
        """A finite number."""
        value = self.fields.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e30:
            raise self.wrong(f"has no number {name!r}")
        return float(value)

    def whole(self, name: str, default: int | None = None, least: int = 0, most: int = 4096) -> int:
        """A whole number from `least` to `most`."""
        value = self.number(name, default)
        if value != int(value) or not least <= value <= most:
            raise self.wrong(f"has {name} = {value:g}")
        return int(value)

    def stride(self) -> tuple[int, int]:
        """Vertical and horizontal; of a transposed convolution, how often it enlarges."""
        return self.whole("dH", least=1, most=MOST_ENLARGED), self.whole("dW", least=1, most=MOST_ENLARGED)

    def padding(self) -> tuple[int, int]:
        """Vertical and horizontal; old files have one number for both."""
        both = self.whole("padding", 0, most=WIDEST_RIM)
        return self.whole("padH", both, most=WIDEST_RIM), self.whole("padW", both, most=WIDEST_RIM)

    def rim(self) -> tuple[int, int, int, int]:
        """Left, right, top, bottom of a padding layer."""
        left, right, top, bottom = (self.whole(f"pad_{side}", most=WIDEST_RIM) for side in "lrtb")
        return left, right, top, bottom

    def weights(self, name: str, *dims: int) -> Floats:
        """A tensor of floating-point numbers, all finite, of as many dimensions as one of `dims`."""
        value = self.fields.get(name)
        if not isinstance(value, Tensor) or value.array.dtype.kind != "f" or not value.array.size:
            raise self.wrong(f"has no weights {name!r}")
        array = value.array
        if array.ndim not in dims:
            raise self.wrong(f"has weights {name!r} of {_shown(array)}")
        with np.errstate(over="ignore"):
            made: Floats = array.astype(np.float32)
        if not np.isfinite(made).all():
            raise self.wrong(f"has weights {name!r} that are not numbers")
        return made

    def per_channel(self, name: str, count: int, optional: bool = False) -> Any:
        """One weight for each of `count` channels; None where it may be missing and is."""
        if optional and self.fields.get(name) is None:
            return None
        array = self.weights(name, 1)
        if len(array) != count:
            raise self.wrong(f"has {len(array)} weights {name!r} for {count} channels")
        return array

    def affine(self, count: int) -> tuple[Floats, Floats]:
        """Weight and bias; ones and zeros where it has none."""
        weight, bias = (self.per_channel(name, count, optional=True) for name in ("weight", "bias"))
        return (
            np.ones(count, np.float32) if weight is None else weight,
            np.zeros(count, np.float32) if bias is None else bias,
        )


def _shown(array: Floats) -> str:
    return "×".join(map(str, array.shape))
