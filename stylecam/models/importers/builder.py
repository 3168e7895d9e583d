"""Building the ONNX graph of an imported network, layer by layer, in the form of the model contract."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from stylecam.errors import ModelFormatError

OPSET, IR_VERSION = 13, 8
"""Opset 13 is the newest in which Pad, Slice and Resize mean the same to OpenCV 4.10 as to everyone else."""
MOST_NODES, MOST_WEIGHTS = 5_000, 20_000

Floats: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Range:
    """How a network counts colours: `value = rgb · scale + shift` for `rgb` in 0..1, per channel in the order `order`.

    Attributes:
        name: as users write it.
        scale, shift: three numbers each, in the network's own order of channels.
        order: which of red, green, blue (0, 1, 2) each of its channels is.
    """

    name: str
    scale: tuple[float, float, float]
    shift: tuple[float, float, float]
    order: tuple[int, int, int] = (0, 1, 2)

    def ordered(self, order: str | None) -> Range:
        """The same with the channels in the order `rgb` or `bgr`; None leaves it as it is."""
        wanted = {"rgb": (0, 1, 2), "bgr": (2, 1, 0), None: self.order}[order]
        if wanted == self.order:
            return self
        return replace(self, scale=self.scale[::-1], shift=self.shift[::-1], order=wanted)

    @property
    def shown(self) -> str:
        """As users are told it."""
        return f"{self.name}, {'BGR' if self.order == (2, 1, 0) else 'RGB'}"

    def into(self) -> tuple[Floats, Floats]:
        """Weight (3×3×1×1) and bias of the convolution that makes this of RGB 0..1."""
        weight = np.zeros((3, 3, 1, 1), np.float32)
        for channel, colour in enumerate(self.order):
            weight[channel, colour] = self.scale[channel]
        return weight, np.array(self.shift, np.float32)

    def back(self) -> tuple[Floats, Floats]:
        """Weight and bias of the convolution that makes RGB 0..1 of this."""
        weight, bias = np.zeros((3, 3, 1, 1), np.float32), np.zeros(3, np.float32)
        for channel, colour in enumerate(self.order):
            weight[colour, channel] = 1 / self.scale[channel]
            bias[colour] = -self.shift[channel] / self.scale[channel]
        return weight, bias


UNIT = Range("0..1", (1, 1, 1), (0, 0, 0))
BYTES = Range("0..255", (255, 255, 255), (0, 0, 0))
SIGNED = Range("-1..1", (2, 2, 2), (-1, -1, -1))
# Caffe's VGG networks: blue first, each minus its mean over ImageNet.
CAFFE = Range("caffe", (255, 255, 255), (-103.939, -116.779, -123.68), (2, 1, 0))
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# torchvision's (and fb.resnet.torch's) networks: RGB 0..1 minus mean, over standard deviation.
RESNET = Range(
    "resnet",
    (1 / _DEVIATION[0], 1 / _DEVIATION[1], 1 / _DEVIATION[2]),
    (-_MEAN[0] / _DEVIATION[0], -_MEAN[1] / _DEVIATION[1], -_MEAN[2] / _DEVIATION[2]),
)
RANGES = {known.name: known for known in (UNIT, BYTES, SIGNED, CAFFE, RESNET)}


class Graph:
    """Collects nodes and weights between `image` and `styled`.

    Every method takes the name of a value and returns the name of the new one. `budget` bounds the bytes of weights:
    a small hostile file could otherwise mention one large tensor thousands of times.
    """

    def __init__(self, budget: int, opset: int = OPSET) -> None:
        self._opset = opset
        self._nodes: list[Any] = []
        self._weights: dict[str, Any] = {}
        self._left = budget

    def constant(self, name: str, value: npt.NDArray[Any]) -> str:
        """`value` under `name`; once, however often it is asked for.

        Raises:
            ModelFormatError: the weights are more than the file could hold.
        """
        if name not in self._weights:
            self._left -= value.nbytes
            if self._left < 0:
                raise ModelFormatError("its layers share weights that add up to more than the file holds")
            self._weights[name] = numpy_helper.from_array(value, name)
        return name

    def node(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        """One ONNX node with one output.

        Raises:
            ModelFormatError: there are more nodes than any style network has.
        """
        if len(self._nodes) >= MOST_NODES:
            raise ModelFormatError(f"it has more than {MOST_NODES} layers; no style network is like that")
        name = f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def convolution(
        self,
        value: str,
        weight: Floats,
        bias: Floats | None = None,
        stride: tuple[int, int] = (1, 1),
        pad: tuple[int, int] = (0, 0),
        group: int = 1,
    ) -> str:
        """Conv; `weight` is out×in×height×width, pairs are (vertical, horizontal)."""
        return self.node(
            "Conv",
            [value, *self._parameters(weight, bias)],
            kernel_shape=list(weight.shape[2:]),
            strides=list(stride),
            pads=[*pad, *pad],
            dilations=[1, 1],
            group=group,
        )

    def transposed(
        self,
        value: str,
        weight: Floats,
        bias: Floats | None,
        stride: tuple[int, int],
        pad: tuple[int, int],
        extra: tuple[int, int],
    ) -> str:
        """ConvTranspose; `weight` is in×out×height×width, `extra` rows and columns at the far end."""
        return self.node(
            "ConvTranspose",
            [value, *self._parameters(weight, bias)],
            kernel_shape=list(weight.shape[2:]),
            strides=list(stride),
            pads=[*pad, *pad],
            output_padding=list(extra),
        )

    def instance_norm(self, value: str, weight: Floats, bias: Floats, epsilon: float) -> str:
        """InstanceNormalization with one weight and bias a channel."""
        return self.node("InstanceNormalization", [value, *self._parameters(weight, bias)], epsilon=epsilon)

    def pad(self, value: str, left: int, right: int, top: int, bottom: int, mode: str) -> str:
        """Pad by `reflect`, `edge` or `constant` (zero)."""
        sizes = self.constant(
            f"pad_{left}_{right}_{top}_{bottom}", np.array([0, 0, top, left, 0, 0, bottom, right], np.int64)
        )
        return self.node("Pad", [value, sizes], mode=mode)

    def shave(self, value: str, rim: int) -> str:
        """`value` without `rim` rows and columns on each side."""
        if not rim:
            return value
        start = self.constant(f"from_{rim}", np.array([rim, rim], np.int64))
        end = self.constant(f"to_{rim}", np.array([-rim, -rim], np.int64))
        return self.node("Slice", [value, start, end, self.constant("plane", np.array([2, 3], np.int64))])

    def enlarge(self, value: str, factor: int) -> str:
        """Each pixel `factor` times in both directions."""
        scales = self.constant(f"times_{factor}", np.array([1, 1, factor, factor], np.float32))
        return self.node(
            "Resize",
            [value, "", scales],
            coordinate_transformation_mode="asymmetric",
            mode="nearest",
            nearest_mode="floor",
        )

    def number(self, value: float) -> str:
        """A scalar to add or multiply with."""
        return self.constant(f"number_{value:g}", np.array([value], np.float32))

    def enter(self, form: Range) -> str:
        """What the network wants, made of `image`."""
        return self.convolution("image", *form.into())

    def leave(self, value: str, form: Range) -> None:
        """Make `styled` of what the network gives."""
        value = self.convolution(value, *form.back())
        if self._opset < 11:  # the limits were attributes then
            limits: list[str] = []
            attributes = {"min": 0.0, "max": 1.0}
        else:
            limits = [self.constant(f"limit_{limit}", np.array(limit, np.float32)) for limit in (0, 1)]
            attributes = {}
        self._nodes.append(helper.make_node("Clip", [value, *limits], ["styled"], name="clip", **attributes))

    def embed(self, nodes: Iterable[Any], weights: Iterable[Any]) -> None:
        """Take in nodes and weights of another ONNX graph, whose names must not be ours.

        Raises:
            ModelFormatError: there are more nodes than any style network has.
        """
        self._nodes.extend(nodes)
        if len(self._nodes) > MOST_NODES:
            raise ModelFormatError(f"it has {len(self._nodes)} layers; no style network is like that")
        self._weights |= {tensor.name: tensor for tensor in weights}

    def encode(self, metadata: Mapping[str, str], styles: int | None = None) -> bytes:
        """The ONNX file; with `styles`, it has the weight vector `style` as its second input.

        Raises:
            ModelFormatError: its layers do not fit together.
        """
        picture = [1, 3, "height", "width"]
        inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, picture)]
        if styles is not None:
            inputs.append(helper.make_tensor_value_info("style", TensorProto.FLOAT, [1, styles]))
        graph = helper.make_graph(
            self._nodes,
            "imported style",
            inputs,
            [helper.make_tensor_value_info("styled", TensorProto.FLOAT, picture)],
            list(self._weights.values()),
        )
        proto = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", self._opset)],
            producer_name="stylecam",
            ir_version=IR_VERSION,
        )
        helper.set_model_props(proto, dict(metadata))
        try:
            onnx.checker.check_model(proto)
        except (onnx.checker.ValidationError, ValueError, TypeError) as error:
            reason = (str(error).strip() or "no reason given").splitlines()[0]
            raise ModelFormatError(f"its layers do not fit together: {reason}") from error
        return bytes(proto.SerializeToString())

    def _parameters(self, weight: Floats, bias: Floats | None) -> list[str]:
        number = len(self._nodes)
        names = [self.constant(f"weight_{number}", weight)]
        return names if bias is None else [*names, self.constant(f"bias_{number}", bias)]
