"""Torch7 files: a writer of the binary format, and small networks of both of Johnson's families."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[Any]
_KINDS = {"f4": "Float", "f8": "Double", "i8": "Long", "u1": "Byte", "f2": "Half"}


@dataclass(eq=False)
class TorchModule:
    """An object of a Lua class, such as a layer."""

    kind: str
    fields: dict[Any, Any] = field(default_factory=dict)


class Torch7Writer:
    """Writes what `torch.save(file, value)` writes; lists become tables 1, 2, …, and repeated objects references."""

    def __init__(self, long: int = 8, prefix: str = "") -> None:
        self.out = bytearray()
        self._long = "<q" if long == 8 else "<i"
        self._prefix = prefix  # "Cuda" for tensors as a GPU saves them
        self._seen: dict[int, int] = {}
        self._kept: list[Any] = []  # an id is unique only while its object lives

    def value(self, value: Any) -> Torch7Writer:
        if value is None:
            self._int(0)
        elif isinstance(value, bool):
            self._int(5, int(value))
        elif isinstance(value, int | float):
            self._int(1)
            self.out += struct.pack("<d", value)
        elif isinstance(value, str):
            self._int(2)
            self._text(value)
        elif isinstance(value, np.ndarray):
            self._tensor(value)
        elif isinstance(value, TorchModule):
            if self._begin(4, value):
                self._text("V 1")
                self._text(value.kind)
                self.value(value.fields)
        elif isinstance(value, Mapping):
            self._table(value, value)
        elif isinstance(value, Sequence):
            self._table(value, dict(enumerate(value, 1)))
        return self

    def _table(self, identity: Any, pairs: Mapping[Any, Any]) -> None:
        if self._begin(3, identity):
            self._int(len(pairs))
            for key, value in pairs.items():
                self.value(key)
                self.value(value)

    def _tensor(self, array: Floats) -> None:
        if not self._begin(4, array):
            return
        kind = _KINDS[array.dtype.str[1:]]
        kind = self._prefix if kind == "Float" and self._prefix else kind
        self._text("V 1")
        self._text(f"torch.{kind}Tensor")
        self._int(array.ndim)
        self._longs(*array.shape)
        self._longs(*(stride // array.itemsize for stride in np.ascontiguousarray(array).strides))
        self._longs(1)
        self._begin(4, object())
        self._text("V 1")
        self._text(f"torch.{kind}Storage")
        self._longs(array.size)
        self.out += array.tobytes()

    def _begin(self, tag: int, value: Any) -> bool:
        """Write tag and index; return whether the content must follow, which is not so for a reference."""
        self._int(tag)
        written_before = id(value) in self._seen
        self._int(self._seen.setdefault(id(value), len(self._seen) + 1))
        self._kept.append(value)
        return not written_before

    def _text(self, text: str) -> None:
        self._int(len(text.encode()))
        self.out += text.encode()

    def _int(self, *values: int) -> None:
        for value in values:
            self.out += struct.pack("<i", value)

    def _longs(self, *values: int) -> None:
        for value in values:
            self.out += struct.pack(self._long, value)


def encode_torch7(value: Any, long: int = 8, prefix: str = "") -> bytes:
    return bytes(Torch7Writer(long, prefix).value(value).out)


@dataclass
class LayerFactory:
    """Layers with random weights, scaled so that the picture comes out neither flat nor burnt."""

    random: np.random.Generator
    kind: str = "f4"

    def floats(self, *shape: int, scale: float = 1.0, mean: float = 0.0) -> Floats:
        made = mean + scale * self.random.standard_normal(shape)
        return made.astype(self.kind)

    def convolution(
        self, given: int, made: int, kernel: int, stride: int = 1, pad: int = 0, gain: float = 1.0
    ) -> TorchModule:
        fields = {"nInputPlane": given, "nOutputPlane": made, "kW": kernel, "kH": kernel, "dW": stride, "dH": stride}
        scale = gain * (given * kernel * kernel) ** -0.5
        weights = {
            "weight": self.floats(made, given, kernel, kernel, scale=scale),
            "bias": self.floats(made, scale=0.1),
        }
        return TorchModule(
            "nn.SpatialConvolution", {**fields, "padW": pad, "padH": pad, **weights, "_type": "torch.Float"}
        )

    def transposed(self, given: int, made: int) -> TorchModule:
        fields = {"nInputPlane": given, "nOutputPlane": made, "kW": 3, "kH": 3, "dW": 2, "dH": 2}
        scale = (given * 2.25) ** -0.5
        weights = {"weight": self.floats(given, made, 3, 3, scale=scale), "bias": self.floats(made, scale=0.1)}
        return TorchModule(
            "nn.SpatialFullConvolution", {**fields, "padW": 1, "padH": 1, "adjW": 1, "adjH": 1, **weights}
        )

    def batch_norm(self, channels: int) -> TorchModule:
        return TorchModule(
            "nn.SpatialBatchNormalization",
            {
                "running_mean": self.floats(channels, scale=0.1),
                "running_var": np.abs(self.floats(channels, scale=0.1, mean=1)),
                "weight": self.floats(channels, scale=0.1, mean=1),
                "bias": self.floats(channels, scale=0.1),
                "eps": 1e-5,
                "affine": True,
                "momentum": 0.1,
                "nDim": 4,
            },
        )

    def instance_norm(self, channels: int) -> TorchModule:
        """Return an instance norm with the unused batch norm that Johnson's module contains."""
        return TorchModule(
            "nn.InstanceNormalization",
            {
                "weight": self.floats(channels, scale=0.1, mean=1),
                "bias": self.floats(channels, scale=0.1),
                "eps": 1e-5,
                "nOutput": channels,
                "prev_batch_size": 4,
                "bn": self.batch_norm(4 * channels),
            },
        )


def sequence(*modules: TorchModule) -> TorchModule:
    return TorchModule("nn.Sequential", {"modules": list(modules), "train": False})


def relu() -> TorchModule:
    return TorchModule("nn.ReLU", {"inplace": True, "threshold": 0, "val": 0})


def padding_layer(kind: str, size: int) -> TorchModule:
    return TorchModule(f"nn.Spatial{kind}Padding", dict.fromkeys(("pad_l", "pad_r", "pad_t", "pad_b"), size))


def output_layers() -> list[TorchModule]:
    return [
        TorchModule("nn.Tanh"),
        TorchModule("nn.MulConstant", {"constant_scalar": 150, "inplace": False}),
        TorchModule("nn.TotalVariation", {"strength": 1e-6}),
    ]


def eccv16(make: LayerFactory, width: int = 4, blocks: int = 5) -> TorchModule:
    """Return a network with batch norm, padding at its input only, and transposed convolutions."""
    modules = [padding_layer("Reflection", 8 * blocks)]
    for given, made, kernel, stride in ((3, width, 9, 1), (width, 2 * width, 3, 2), (2 * width, 4 * width, 3, 2)):
        pad = (kernel - 1) // 2
        modules += [make.convolution(given, made, kernel, stride, pad), make.batch_norm(made), relu()]
    deep = 4 * width
    for _ in range(blocks):
        inner = sequence(
            make.convolution(deep, deep, 3),
            make.batch_norm(deep),
            relu(),
            make.convolution(deep, deep, 3),
            make.batch_norm(deep),
        )
        shaved = TorchModule("nn.ShaveImage", {"size": 2})
        modules.append(
            sequence(TorchModule("nn.ConcatTable", {"modules": [inner, shaved]}), TorchModule("nn.CAddTable"))
        )
    for given, made in ((deep, 2 * width), (2 * width, width)):
        modules += [make.transposed(given, made), make.batch_norm(made), relu()]
    return sequence(*modules, make.convolution(width, 3, 9, 1, 4, gain=0.05), *output_layers())


def instance_norm(make: LayerFactory, width: int = 4, blocks: int = 2, padding: str = "Reflection") -> TorchModule:
    """Return a network with instance norm, padding at each convolution and nearest-neighbour upsampling."""
    modules: list[TorchModule] = []
    for given, made, kernel, stride in ((3, width, 9, 1), (width, 2 * width, 3, 2), (2 * width, 4 * width, 3, 2)):
        modules += [padding_layer(padding, (kernel - 1) // 2), make.convolution(given, made, kernel, stride)]
        modules += [make.instance_norm(made), relu()]
    deep = 4 * width
    for _ in range(blocks):
        inner = sequence(
            padding_layer(padding, 1),
            make.convolution(deep, deep, 3),
            make.instance_norm(deep),
            relu(),
            padding_layer(padding, 1),
            make.convolution(deep, deep, 3),
            make.instance_norm(deep),
        )
        modules.append(
            sequence(
                TorchModule("nn.ConcatTable", {"modules": [inner, TorchModule("nn.Identity")]}),
                TorchModule("nn.CAddTable"),
            )
        )
    for given, made in ((deep, 2 * width), (2 * width, width)):
        modules += [
            TorchModule("nn.SpatialUpSamplingNearest", {"scale_factor": 2}),
            padding_layer(padding, 1),
            make.convolution(given, made, 3),
        ]
        modules += [make.instance_norm(made), relu()]
    return sequence(*modules, padding_layer(padding, 4), make.convolution(width, 3, 9, gain=0.5), *output_layers())


def checkpoint(network: TorchModule, preprocessing: str = "vgg") -> dict[str, Any]:
    """Return the table that fast-neural-style saves."""
    return {"model": network, "opt": {"preprocessing": preprocessing, "arch": "c9s1-32,d64", "resume": None}}
