"""Convert the Torch7 networks of fast-neural-style (Johnson, Alahi, Fei-Fei 2016).

There are two families: `eccv16` (batch norm, 40 reflected pixels around the picture that the residual blocks crop away,
transposed convolutions) and `instance_norm` (instance norm, nearest-neighbor upsampling). A file is the network, or a
table with the network under `model` and the training options under `opt`, of which `preprocessing` matters here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stylecam.errors import ModelFormatError
from stylecam.models.importers import torch7_reader
from stylecam.models.importers.base import Candidate, ImportOptions
from stylecam.models.importers.color_range import CAFFE, RESNET, ColorRange
from stylecam.models.importers.graph_builder import GraphBuilder
from stylecam.models.importers.torch7_reader import TorchObject, Value
from stylecam.models.onnx.proto import FloatArray
from stylecam.utils.text import format_shape

MAX_DEPTH = 40
"""Containers within containers; Johnson's networks have five."""
MAX_MODULES = 5_000
"""Visits of layers and containers; Johnson's networks have a hundred. A small file can refer to one layer endlessly."""
MAX_UPSAMPLING, MAX_PADDING = 8, 512
"""Factor and pixels; Johnson's networks use 2 and 40. Larger values would take much memory from a small file."""


def accepts(data: bytes) -> bool:
    """Return whether `data` begins like a binary Torch7 file."""
    return torch7_reader.is_torch7(data)


def convert(data: bytes, options: ImportOptions) -> list[Candidate]:
    """Convert the network in the binary Torch7 file `data`, the only way to read it; see `Importer.convert`."""
    options.refuse_conventions()
    content = torch7_reader.read(data)
    network, colors = _network(content), _color_range(content)
    graph = GraphBuilder(max_weight_bytes=2 * len(data) + 2**20)
    converter = _Converter(graph)
    value = converter.convert(network, graph.add_input(colors), "network")
    if not isinstance(value, str):
        raise ModelFormatError("its network ends in several pictures; a style network ends in one")
    if converter.channels not in (3, None):
        raise ModelFormatError(f"its network ends in {converter.channels} channels; a style network ends in 3")
    graph.add_output(value, colors)
    family = "instance norm" if converter.instance_norms else "batch norm"
    order = "BGR minus Caffe's means" if colors is CAFFE else "RGB by ImageNet's mean and deviation"
    return [Candidate(graph, (f"Torch7, {family}, {converter.layers} layers", f"colours: {order}"))]


def _network(content: Value) -> TorchObject:
    if isinstance(content, dict):
        content = content.get("model")
    if not isinstance(content, TorchObject):
        raise ModelFormatError("it is a Torch7 file without a network, neither by itself nor under 'model'")
    return content


def _color_range(content: Value) -> ColorRange:
    options = content.get("opt") if isinstance(content, dict) else None
    name = options.get("preprocessing", "vgg") if isinstance(options, dict) else "vgg"
    if name not in ("vgg", "resnet"):
        raise ModelFormatError(f"it uses the preprocessing {str(name)[:40]!r}; vgg and resnet can be imported")
    return RESNET if name == "resnet" else CAFFE


class _Converter:
    """Converts modules in the order in which they run. A value is a name, or a list of names after a ConcatTable."""

    def __init__(self, graph: GraphBuilder) -> None:
        self._graph = graph
        self._ancestors: list[TorchObject] = []
        self._visits = 0
        self._layers: dict[str, Callable[[_Layer, str], str]] = {
            "SpatialConvolution": self._convolution,
            "SpatialConvolutionMM": self._convolution,
            "SpatialFullConvolution": self._transposed_convolution,
            "SpatialBatchNormalization": self._batch_norm,
            "InstanceNormalization": self._instance_norm,
            "SpatialUpSamplingNearest": lambda layer, value: graph.upsample_nearest(
                value, layer.integer("scale_factor", least=1, most=MAX_UPSAMPLING)
            ),
            "SpatialReflectionPadding": lambda layer, value: graph.pad(value, *layer.padding_sizes(), "reflect"),
            "SpatialReplicationPadding": lambda layer, value: graph.pad(value, *layer.padding_sizes(), "edge"),
            "SpatialZeroPadding": lambda layer, value: graph.pad(value, *layer.padding_sizes(), "constant"),
            "ShaveImage": lambda layer, value: graph.crop(value, layer.integer("size", most=MAX_PADDING)),
            "ReLU": lambda _, value: graph.node("Relu", [value]),
            "LeakyReLU": lambda layer, value: graph.node("LeakyRelu", [value], alpha=layer.number("negval")),
            "Tanh": lambda _, value: graph.node("Tanh", [value]),
            "Sigmoid": lambda _, value: graph.node("Sigmoid", [value]),
            "MulConstant": lambda layer, value: graph.node(
                "Mul", [value, graph.scalar(layer.number("constant_scalar"))]
            ),
            "AddConstant": lambda layer, value: graph.node(
                "Add", [value, graph.scalar(layer.number("constant_scalar"))]
            ),
            "TotalVariation": lambda _, value: value,  # a training loss, which passes its input on
            "Identity": lambda _, value: value,
            "Dropout": lambda _, value: value,
        }
        self.layers = 0
        self.instance_norms = 0
        self.channels: int | None = 3

    def convert(self, module: Value, value: str | list[str], place: str) -> str | list[str]:
        """Add `module`, which is at `place` in the network, to the graph and return its output."""
        if not isinstance(module, TorchObject):
            raise ModelFormatError(f"{place} of its network is not a layer")
        layer = _Layer(module, place)
        if any(ancestor is module for ancestor in self._ancestors) or len(self._ancestors) >= MAX_DEPTH:
            raise layer.error("holds itself, or is nested too deep")
        self._visits += 1
        if self._visits > MAX_MODULES:
            raise layer.error(f"is the {MAX_MODULES}th; no style network has so many")
        self._ancestors.append(module)
        output = self._convert_layer(layer, value)
        self._ancestors.pop()
        return output

    def _convert_layer(self, layer: _Layer, value: str | list[str]) -> str | list[str]:
        if layer.name == "Sequential":
            for number, inner in enumerate(layer.modules(), 1):
                value = self.convert(inner, value, f"{layer.place}.{number}")
            return value
        if layer.name == "CAddTable":
            return self._sum(layer, value)
        if isinstance(value, list):
            raise layer.error("gets several pictures and takes one")
        if layer.name == "ConcatTable":
            return self._branches(layer, value)
        if layer.name not in self._layers:
            raise layer.error("is a layer that stylecam does not know")
        self.layers += 1
        return self._layers[layer.name](layer, value)

    def _branches(self, layer: _Layer, value: str) -> list[str]:
        channels, outputs, widths = self.channels, [], set[int | None]()
        for number, inner in enumerate(layer.modules(), 1):
            self.channels = channels
            output = self.convert(inner, value, f"{layer.place}.{number}")
            if not isinstance(output, str):
                raise layer.error("has a branch that ends in several pictures")
            outputs.append(output)
            widths.add(self.channels)
        if len(widths) > 1:
            raise layer.error(f"adds up branches of {' and '.join(sorted(map(str, widths)))} channels")
        return outputs

    def _sum(self, layer: _Layer, value: str | list[str]) -> str:
        if isinstance(value, str) or len(value) < 2:
            raise layer.error("adds up pictures and gets only one")
        total = value[0]
        for other in value[1:]:
            total = self._graph.node("Add", [total, other])
        return total

    def _convolution(self, layer: _Layer, value: str) -> str:
        weight = layer.weights("weight", 2, 4)
        kernel = layer.integer("kH", least=1), layer.integer("kW", least=1)
        group = layer.integer("groups", 1, least=1)
        if weight.ndim == 2:  # SpatialConvolutionMM keeps its weights as a matrix
            area = kernel[0] * kernel[1]
            if weight.shape[1] % area:
                raise layer.error(
                    f"has weights of {format_shape(weight.shape)} for a kernel of {kernel[0]}×{kernel[1]}"
                )
            weight = weight.reshape(weight.shape[0], weight.shape[1] // area, *kernel)
        self._check_channels(layer, weight.shape[1] * group)
        if weight.shape[0] % group:
            raise layer.error(f"has {group} groups for {weight.shape[0]} channels")
        bias = layer.per_channel("bias", weight.shape[0]) if layer.fields.get("bias") is not None else None
        self.channels = weight.shape[0]
        return self._graph.convolution(value, weight, bias, layer.stride(), layer.padding(), group)

    def _transposed_convolution(self, layer: _Layer, value: str) -> str:
        weight = layer.weights("weight", 4)
        self._check_channels(layer, weight.shape[0])
        bias = layer.per_channel("bias", weight.shape[1]) if layer.fields.get("bias") is not None else None
        self.channels = weight.shape[1]
        output_padding = layer.integer("adjH", 0, most=MAX_UPSAMPLING), layer.integer("adjW", 0, most=MAX_UPSAMPLING)
        return self._graph.transposed_convolution(value, weight, bias, layer.stride(), layer.padding(), output_padding)

    def _batch_norm(self, layer: _Layer, value: str) -> str:
        mean = layer.weights("running_mean", 1)
        count = len(mean)
        self._check_channels(layer, count)
        epsilon = layer.number("eps", 1e-5)
        if "running_var" in layer.fields:
            variance = layer.per_channel("running_var", count)
        else:  # files from before 2015 hold 1/sqrt(variance + eps)
            variance = (1 / layer.per_channel("running_std", count) ** 2 - epsilon).astype(np.float32)
        weight, bias = layer.per_channel("weight", count, missing=1.0), layer.per_channel("bias", count, missing=0.0)
        graph, number = self._graph, self.layers
        parameters = zip(("scale", "shift", "mean", "variance"), (weight, bias, mean, variance), strict=True)
        names = [graph.constant(f"{name}_{number}", array) for name, array in parameters]
        return graph.node("BatchNormalization", [value, *names], epsilon=epsilon)

    def _instance_norm(self, layer: _Layer, value: str) -> str:
        # The nested `bn` is a leftover of the last batch, of another size, and is ignored.
        weight = layer.weights("weight", 1)
        self._check_channels(layer, len(weight))
        self.instance_norms += 1
        return self._graph.instance_norm(
            value, weight, layer.per_channel("bias", len(weight)), layer.number("eps", 1e-5)
        )

    def _check_channels(self, layer: _Layer, channels: int) -> None:
        if self.channels is not None and channels != self.channels:
            raise layer.error(f"takes {channels} channels and gets {self.channels}")


class _Layer:
    """One module at a place in the network (`network.4.1.2`), with checked access to its fields."""

    def __init__(self, module: TorchObject, place: str) -> None:
        self.fields = module.fields
        self.name = module.class_name.removeprefix("nn.").removeprefix("cudnn.")
        self.place = place
        self._offset = module.offset

    def error(self, what: str) -> ModelFormatError:
        """Return the error that says `what` about this layer."""
        return ModelFormatError(f"the layer {self.place} ({self.name}, byte {self._offset}) {what}")

    def modules(self) -> list[Value]:
        """Return a container's modules, in order."""
        table = self.fields.get("modules")
        if not isinstance(table, dict) or not table or any(float(i) not in table for i in range(1, len(table) + 1)):
            raise self.error("holds no list of layers")
        return [table[float(i)] for i in range(1, len(table) + 1)]

    def number(self, name: str, default: float | None = None) -> float:
        """Return the finite number in the field `name`."""
        value = self.fields.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e30:
            raise self.error(f"has no number {name!r}")
        return float(value)

    def integer(self, name: str, default: int | None = None, least: int = 0, most: int = 4096) -> int:
        """Return the integer in the field `name`, which must be between `least` and `most`."""
        value = self.number(name, default)
        if value != int(value) or not least <= value <= most:
            raise self.error(f"has {name} = {value:g}")
        return int(value)

    def stride(self) -> tuple[int, int]:
        """Return (vertical, horizontal); of a transposed convolution, its upsampling factors."""
        return self.integer("dH", least=1, most=MAX_UPSAMPLING), self.integer("dW", least=1, most=MAX_UPSAMPLING)

    def padding(self) -> tuple[int, int]:
        """Return (vertical, horizontal); old files have one number for both."""
        both = self.integer("padding", 0, most=MAX_PADDING)
        return self.integer("padH", both, most=MAX_PADDING), self.integer("padW", both, most=MAX_PADDING)

    def padding_sizes(self) -> tuple[int, int, int, int]:
        """Return (left, right, top, bottom) of a padding layer."""
        left, right, top, bottom = (self.integer(f"pad_{side}", most=MAX_PADDING) for side in "lrtb")
        return left, right, top, bottom

    def weights(self, name: str, *dims: int) -> FloatArray:
        """Return a tensor of finite floats as float32; its number of dimensions must be one of `dims`."""
        value = self.fields.get(name)
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or not value.size:
            raise self.error(f"has no weights {name!r}")
        if value.ndim not in dims:
            raise self.error(f"has weights {name!r} of {format_shape(value.shape)}")
        with np.errstate(over="ignore"):
            weights: FloatArray = value.astype(np.float32)
        if not np.isfinite(weights).all():
            raise self.error(f"has weights {name!r} that are not numbers")
        return weights

    def per_channel(self, name: str, count: int, missing: float | None = None) -> FloatArray:
        """Return one weight for each of `count` channels; all of them are `missing`, if given, where there is none."""
        if missing is not None and self.fields.get(name) is None:
            return np.full(count, missing, np.float32)
        array = self.weights(name, 1)
        if len(array) != count:
            raise self.error(f"has {len(array)} weights {name!r} for {count} channels")
        return array
