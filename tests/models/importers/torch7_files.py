"""Torch7 files for the tests: a writer of the binary form, and small networks of both of Johnson's families."""

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
class Made:
    """An instance of a Lua class."""

    kind: str
    fields: dict[Any, Any] = field(default_factory=dict)


class Writer:
    """What `torch.save(file, value)` writes. Lists become tables 1, 2, …; what was written once is referred to."""

    def __init__(self, long: int = 8, prefix: str = "") -> None:
        self.out = bytearray()
        self._long = "<q" if long == 8 else "<i"
        self._prefix = prefix  # "Cuda" for tensors as a GPU saves them
        self._seen: dict[int, int] = {}
        self._kept: list[Any] = []  # ids are only good while the objects live

    def value(self, value: Any) -> Writer:
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
        elif isinstance(value, Made):
            if self._begun(4, value):
                self._text("V 1")
                self._text(value.kind)
                self.value(value.fields)
        elif isinstance(value, Mapping):
            self._table(value, value)
        elif isinstance(value, Sequence):
            self._table(value, dict(enumerate(value, 1)))
        return self

    def _table(self, identity: Any, pairs: Mapping[Any, Any]) -> None:
        if self._begun(3, identity):
            self._int(len(pairs))
            for key, value in pairs.items():
                self.value(key)
                self.value(value)

    def _tensor(self, array: Floats) -> None:
        if not self._begun(4, array):
            return
        kind = _KINDS[array.dtype.str[1:]]
        kind = self._prefix if kind == "Float" and self._prefix else kind
        self._text("V 1")
        self._text(f"torch.{kind}Tensor")
        self._int(array.ndim)
        self._longs(*array.shape)
        self._longs(*(stride // array.itemsize for stride in np.ascontiguousarray(array).strides))
        self._longs(1)
        self._begun(4, object())
        self._text("V 1")
        self._text(f"torch.{kind}Storage")
        self._longs(array.size)
        self.out += array.tobytes()

    def _begun(self, tag: int, value: Any) -> bool:
        """Write tag and index; whether the content is to follow."""
        self._int(tag)
        known = id(value) in self._seen
        self._int(self._seen.setdefault(id(value), len(self._seen) + 1))
        self._kept.append(value)
        return not known

    def _text(self, text: str) -> None:
        self._int(len(text.encode()))
        self.out += text.encode()

    def _int(self, *values: int) -> None:
        for value in values:
            self.out += struct.pack("<i", value)

    def _longs(self, *values: int) -> None:
        for value in values:
            self.out += struct.pack(self._long, value)


def saved(value: Any, long: int = 8, prefix: str = "") -> bytes:
    return bytes(Writer(long, prefix).value(value).out)


@dataclass
class Maker:
    """Layers with random weights, scaled so that the picture comes out neither flat nor burnt."""

    random: np.random.Generator
    kind: str = "f4"

    def floats(self, *shape: int, scale: float = 1.0, about: float = 0.0) -> Floats:
        made = about + scale * self.random.standard_normal(shape)
        return made.astype(self.kind)

    def convolution(self, given: int, made: int, kernel: int, stride: int = 1, pad: int = 0, gain: float = 1.0) -> Made:
        fields = {"nInputPlane": given, "nOutputPlane": made, "kW": kernel, "kH": kernel, "dW": stride, "dH": stride}
        scale = gain * (given * kernel * kernel) ** -0.5
        weights = {
            "weight": self.floats(made, given, kernel, kernel, scale=scale),
            "bias": self.floats(made, scale=0.1),
        }
        return Made("nn.SpatialConvolution", {**fields, "padW": pad, "padH": pad, **weights, "_type": "torch.Float"})

    def transposed(self, given: int, made: int) -> Made:
        fields = {"nInputPlane": given, "nOutputPlane": made, "kW": 3, "kH": 3, "dW": 2, "dH": 2}
        scale = (given * 2.25) ** -0.5
        weights = {"weight": self.floats(given, made, 3, 3, scale=scale), "bias": self.floats(made, scale=0.1)}
        return Made("nn.SpatialFullConvolution", {**fields, "padW": 1, "padH": 1, "adjW": 1, "adjH": 1, **weights})

    def batch_norm(self, channels: int) -> Made:
        return Made(
            "nn.SpatialBatchNormalization",
            {
                "running_mean": self.floats(channels, scale=0.1),
                "running_var": np.abs(self.floats(channels, scale=0.1, about=1)),
                "weight": self.floats(channels, scale=0.1, about=1),
                "bias": self.floats(channels, scale=0.1),
                "eps": 1e-5,
                "affine": True,
                "momentum": 0.1,
                "nDim": 4,
            },
        )

    def instance_norm(self, channels: int) -> Made:
        """With the nested, stale batch norm that Johnson's module drags along."""
        return Made(
            "nn.InstanceNormalization",
            {
                "weight": self.floats(channels, scale=0.1, about=1),
                "bias": self.floats(channels, scale=0.1),
                "eps": 1e-5,
                "nOutput": channels,
                "prev_batch_size": 4,
                "bn": self.batch_norm(4 * channels),
            },
        )


def sequence(*modules: Made) -> Made:
    return Made("nn.Sequential", {"modules": list(modules), "train": False})


def rectified() -> Made:
    return Made("nn.ReLU", {"inplace": True, "threshold": 0, "val": 0})


def rim(kind: str, size: int) -> Made:
    return Made(f"nn.Spatial{kind}Padding", dict.fromkeys(("pad_l", "pad_r", "pad_t", "pad_b"), size))


def ended() -> list[Made]:
    return [
        Made("nn.Tanh"),
        Made("nn.MulConstant", {"constant_scalar": 150, "inplace": False}),
        Made("nn.TotalVariation", {"strength": 1e-6}),
    ]


def eccv16(make: Maker, width: int = 4, blocks: int = 5) -> Made:
    """Batch norm; 40 reflected pixels that five unpadded blocks eat up; transposed convolutions."""
    modules = [rim("Reflection", 8 * blocks)]
    for given, made, kernel, stride in ((3, width, 9, 1), (width, 2 * width, 3, 2), (2 * width, 4 * width, 3, 2)):
        pad = (kernel - 1) // 2
        modules += [make.convolution(given, made, kernel, stride, pad), make.batch_norm(made), rectified()]
    deep = 4 * width
    for _ in range(blocks):
        inner = sequence(
            make.convolution(deep, deep, 3),
            make.batch_norm(deep),
            rectified(),
            make.convolution(deep, deep, 3),
            make.batch_norm(deep),
        )
        shaved = Made("nn.ShaveImage", {"size": 2})
        modules.append(sequence(Made("nn.ConcatTable", {"modules": [inner, shaved]}), Made("nn.CAddTable")))
    for given, made in ((deep, 2 * width), (2 * width, width)):
        modules += [make.transposed(given, made), make.batch_norm(made), rectified()]
    return sequence(*modules, make.convolution(width, 3, 9, 1, 4, gain=0.05), *ended())


def instance_norm(make: Maker, width: int = 4, blocks: int = 2, padding: str = "Reflection") -> Made:
    """Instance norm; every convolution with its own reflected rim; enlarging by repeated pixels."""
    modules: list[Made] = []
    for given, made, kernel, stride in ((3, width, 9, 1), (width, 2 * width, 3, 2), (2 * width, 4 * width, 3, 2)):
        modules += [rim(padding, (kernel - 1) // 2), make.convolution(given, made, kernel, stride)]
        modules += [make.instance_norm(made), rectified()]
    deep = 4 * width
    for _ in range(blocks):
        inner = sequence(
            rim(padding, 1),
            make.convolution(deep, deep, 3),
            make.instance_norm(deep),
            rectified(),
            rim(padding, 1),
            make.convolution(deep, deep, 3),
            make.instance_norm(deep),
        )
        modules.append(
            sequence(Made("nn.ConcatTable", {"modules": [inner, Made("nn.Identity")]}), Made("nn.CAddTable"))
        )
    for given, made in ((deep, 2 * width), (2 * width, width)):
        modules += [
            Made("nn.SpatialUpSamplingNearest", {"scale_factor": 2}),
            rim(padding, 1),
            make.convolution(given, made, 3),
        ]
        modules += [make.instance_norm(made), rectified()]
    return sequence(*modules, rim(padding, 4), make.convolution(width, 3, 9, gain=0.5), *ended())


def trained(network: Made, preprocessing: str = "vgg") -> dict[str, Any]:
    """The table that fast-neural-style saves."""
    return {"model": network, "opt": {"preprocessing": preprocessing, "arch": "c9s1-32,d64", "resume": None}}
