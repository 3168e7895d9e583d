"""VGG-16 up to relu4_3, which comes with stylecam: its weights, and a network that measures a picture's style.

The weights are Simonyan and Zisserman's (2014, https://arxiv.org/abs/1409.1556; CC BY 4.0), rounded to eight bits with
one scale for each output channel. They expect blue, green and red from 0 to 255, less the mean of ImageNet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from stylecam.errors import ModelFormatError
from stylecam.models.catalog import shipped_models
from stylecam.models.model import Model
from stylecam.models.onnx import proto, wire
from stylecam.models.onnx.proto import FloatArray, Node
from stylecam.utils.npz import read_npz

LAYERS = (
    *("conv1_1", "conv1_2", "pool"),
    *("conv2_1", "conv2_2", "pool"),
    *("conv3_1", "conv3_2", "conv3_3", "pool"),
    *("conv4_1", "conv4_2", "conv4_3"),
)
TAPS = ("conv1_2", "conv2_2", "conv3_3", "conv4_3")
"""Layers whose output after the ReLU is a feature map: relu1_2, relu2_2, relu3_3, relu4_3 (Johnson 2016)."""
MEAN = (103.939, 116.779, 123.68)
"""Of blue, green and red, 0..255."""
CHANNELS = (64, 128, 256, 512)
"""Of each feature map."""
ALIGNMENT = 8
"""Width and height of a picture to measure are multiples of this, as the layers pool."""
_IR_VERSION, _OPSET = 8, 13


def shipped_vgg() -> Path:
    """Return the file of the weights that comes with stylecam."""
    return shipped_models() / "vgg16.npz"


def read_weights(path: Path) -> dict[str, FloatArray]:
    """Return the weights (O×I×3×3 float32) and biases (O) of each layer of the shipped file `path`.

    The names are `conv1_1.w`, `conv1_1.b` and so on.

    Raises:
        ModelFormatError: the file is missing or damaged.
    """
    try:
        arrays = {name: values.astype(np.float32) for name, values in read_npz(path).items()}
        weights = {}
        for layer in LAYERS:
            if layer != "pool":
                scale = arrays[f"{layer}.scale"]
                weights[f"{layer}.w"] = arrays[f"{layer}.w"] * scale[:, None, None, None]
                weights[f"{layer}.b"] = arrays[f"{layer}.b"]
    except (OSError, ValueError, KeyError) as error:
        raise ModelFormatError(f"{path} is missing or damaged ({error}); install stylecam again") from error
    return weights


def statistics_network(weights: dict[str, FloatArray]) -> Model:
    """Return a network that measures the style of a picture of any size: what each channel of each feature map holds.

    Its output, 1×2C×1×1 with C the sum of `CHANNELS`, has of each map first the means E[F], then the means of the
    squares E[F²].
    """
    shape = (1, 2 * sum(CHANNELS), 1, 1)
    constants: dict[str, FloatArray] = {
        "levels": np.full((1, 3, 1, 1), 255, np.float32),
        "mean": -np.array(MEAN[::-1], np.float32).reshape(1, 3, 1, 1),
    }
    for name, values in weights.items():  # the picture is RGB, the first layer's weights are for BGR
        constants[name] = np.ascontiguousarray(values[:, ::-1]) if name == "conv1_1.w" else values
    fields = [
        *(wire.encode(proto.GRAPH_NODE, node.encode()) for node in _nodes()),
        *(wire.encode(proto.GRAPH_INITIALIZER, proto.encode_tensor(*entry)) for entry in constants.items()),
        wire.encode(proto.GRAPH_INPUT, proto.encode_value_info("image", (1, 3, "height", "width"))),
        wire.encode(proto.GRAPH_OUTPUT, proto.encode_value_info("statistics", shape)),
    ]
    data = proto.encode_model(fields, _IR_VERSION, _OPSET)
    key = f"vgg16.{hashlib.sha256(constants['conv4_3.w'].tobytes()).hexdigest()[:12]}"
    return Model(Path("vgg16.onnx"), data, 1, False, {}, key, output="statistics", measures=shape)


def _nodes() -> Iterator[Node]:
    yield Node("Mul", ("image", "levels"), ("scaled",))
    yield Node("Add", ("scaled", "mean"), ("centered",))
    value, pools, measured = "centered", 0, list[str]()
    for layer in LAYERS:
        if layer == "pool":
            pools += 1
            yield Node("MaxPool", (value,), (f"pool{pools}",), {"kernel_shape": (2, 2), "strides": (2, 2)})
            value = f"pool{pools}"
            continue
        shape: dict[str, proto.AttributeValue] = {"kernel_shape": (3, 3), "pads": (1, 1, 1, 1)}
        yield Node("Conv", (value, f"{layer}.w", f"{layer}.b"), (f"{layer}.value",), shape)
        value = layer.replace("conv", "relu")
        yield Node("Relu", (f"{layer}.value",), (value,))
        if layer in TAPS:
            yield Node("GlobalAveragePool", (value,), (f"{value}.mean",))
            yield Node("Mul", (value, value), (f"{value}.square",))
            yield Node("GlobalAveragePool", (f"{value}.square",), (f"{value}.power",))
            measured += [f"{value}.mean", f"{value}.power"]
    yield Node("Concat", tuple(measured), ("statistics",), {"axis": 1})
