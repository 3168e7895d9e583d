"""The few numbers in a network's graph that decide about shapes: constants, and what is made of them on the way."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from stylecam.styles import parts
from stylecam.styles.parts import Node

Values = npt.NDArray[Any]

_MOST = 4096
"""Of more numbers than this none is a shape."""


class Numbers:
    """What is known by name: the shape of every constant, and the numbers of small ones."""

    def __init__(self, initializers: Sequence[memoryview]) -> None:
        """`initializers` are the bytes of `TensorProto`s."""
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._values: dict[str, Values] = {}
        for data in initializers:
            self._keep(parts.tensor_head(data)[0], data)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a constant; LookupError where it is none."""
        return self._shapes[name]

    def of(self, name: str) -> Values:
        """The numbers of a small constant; LookupError where it is none."""
        return self._values[name]

    def take(self, node: Node, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Whether what `node` gives is known now without looking at the picture, but for its shape in `shapes`."""
        (name,) = node.outputs[:1] or ("",)
        if node.op == "Constant":
            data = node.tensor("value")
            if data is None:
                plain = listed(node, "value_ints") or (listed(node, "value_int") or (None,))[0]
                if plain is None:
                    return False
                self._put(name, np.asarray(plain))
            else:
                self._keep(name, data)
        elif node.op == "Shape" and node.inputs and node.inputs[0] in shapes:
            self._put(name, np.asarray(shapes[node.inputs[0]]))
        elif node.op == "Identity" and node.inputs and node.inputs[0] in self._shapes:
            self._shapes[name] = self._shapes[node.inputs[0]]
            if node.inputs[0] in self._values:
                self._values[name] = self._values[node.inputs[0]]
        elif node.op in _MADE and all(given in self._values for given in node.inputs if given):
            try:
                self._put(name, _MADE[node.op](node, [self._values[given] for given in node.inputs if given], self))
            except (LookupError, TypeError, ValueError):  # found out where it is wanted
                return False
        else:
            return False
        return True

    def _keep(self, name: str, data: memoryview) -> None:
        self._shapes[name] = parts.tensor_head(data)[1]
        if math.prod(self._shapes[name]) <= _MOST:
            values = parts.tensor_numbers(data)
            if values is not None:
                self._values[name] = values

    def _put(self, name: str, values: Values) -> None:
        self._shapes[name], self._values[name] = values.shape, values


def listed(node: Node, name: str) -> tuple[int, ...]:
    """A setting that is a list of whole numbers, or one of them; empty where it is not there."""
    value = node.settings.get(name, ())
    found = value if isinstance(value, tuple) else (int(value),)
    return tuple(number - 2**64 if number >= 2**63 else number for number in found)  # read as if they had no sign


def ints(node: Node, name: str, count: int, usual: int) -> tuple[int, ...]:
    """A setting that is a list of `count` whole numbers, or one of them; ValueError where it is something else."""
    value = listed(node, name) or (usual,) * count
    if len(value) != count:
        raise ValueError(f"{name} is {value!r}")
    return value


def part_of(node: Node, numbers: Numbers, rank: int) -> Iterator[tuple[int, slice]]:
    """What a `Slice` keeps of each axis it names: by its inputs, or before opset 10 by its settings."""
    if len(node.inputs) > 1:
        given = [[int(number) for number in numbers.of(name)] if name else [] for name in node.inputs[1:]]
    else:
        given = [list(listed(node, name)) for name in ("starts", "ends", "axes")]
    starts, ends, axes, steps = (*given, [], [])[:4]
    for place, (start, end) in enumerate(zip(starts, ends, strict=True)):
        axis, step = axes[place] if axes else place, steps[place] if steps else 1
        whole = step < 0 and end < -(2**30)  # to the very first
        yield axis % rank, slice(start, None if whole else end, step)


def _filled(node: Node, given: Sequence[Values], _: Numbers) -> Values:
    data = node.tensor("value")
    value = None if data is None else parts.tensor_numbers(data)
    if math.prod(given[0].tolist()) > _MOST:
        raise ValueError("too many")
    return np.full(given[0].astype(int), 0.0 if value is None else value.reshape(-1)[0])


def _part(node: Node, given: Sequence[Values], numbers: Numbers) -> Values:
    kept: list[slice] = [slice(None)] * given[0].ndim
    for axis, part in part_of(node, numbers, given[0].ndim):
        kept[axis] = part
    return given[0][tuple(kept)]


def _axes(node: Node, given: Sequence[Values]) -> tuple[int, ...]:
    return tuple(int(axis) for axis in given[1]) if len(given) > 1 else listed(node, "axes")


_MADE: Mapping[str, Callable[[Node, Sequence[Values], Numbers], Values]] = {
    "Cast": lambda node, given, _: given[0].astype(np.int64) if node.settings.get("to") in (6, 7) else given[0],
    "ConstantOfShape": _filled,
    "Concat": lambda node, given, _: np.concatenate(given, ints(node, "axis", 1, 0)[0]),
    "Slice": _part,
    "Gather": lambda node, given, _: np.take(given[0], given[1].astype(int), ints(node, "axis", 1, 0)[0]),
    "Transpose": lambda node, given, _: np.transpose(given[0], listed(node, "perm") or None),
    "Reshape": lambda _, given, __: given[0].reshape(given[1].astype(int)),
    "Unsqueeze": lambda node, given, _: np.expand_dims(given[0], _axes(node, given)),
    "Squeeze": lambda node, given, _: np.squeeze(given[0], _axes(node, given) or None),
    "Add": lambda _, given, __: given[0] + given[1],
    "Sub": lambda _, given, __: given[0] - given[1],
    "Mul": lambda _, given, __: given[0] * given[1],
    "Div": lambda _, given, __: given[0] // given[1] if given[0].dtype == np.int64 else given[0] / given[1],
}
"""Steps that exporters compute paddings and sizes with."""
