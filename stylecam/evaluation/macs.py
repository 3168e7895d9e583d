"""How many multiply-adds a network's convolutions take, counted in its graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from stylecam.errors import ModelFormatError
from stylecam.media.frame import Size
from stylecam.models.grain import CELL_SIZE
from stylecam.models.model import Model
from stylecam.models.onnx import proto
from stylecam.models.onnx.proto import GRAPH_INITIALIZER, GRAPH_NODE, Node


# ---- bench.arithmetic
def gmac(model: Model, size: Size) -> float:
    """Billions of multiply-adds in the convolutions of `model` for a picture of `size`.

    Raises:
        ModelFormatError: its shapes cannot be followed: it has steps that style networks hardly have.
    """
    return _Walk(model, size).total() / 1e9


class _Walk:
    """Follows the shapes through a graph, from its first node to its last."""

    def __init__(self, model: Model, size: Size) -> None:
        self._path = model.path
        fields = list(proto.graph_fields(model.data))
        self._nodes = [Node.parse(part.data) for part in fields if part.number == GRAPH_NODE]
        self._numbers = Numbers([part.data for part in fields if part.number == GRAPH_INITIALIZER])
        self._shapes: dict[str, Shape] = {
            "image": (1, 3, size.height, size.width),
            "grain": (1, model.grain_channels, size.height // CELL_SIZE, size.width // CELL_SIZE),
        }

    def total(self) -> int:
        total = 0
        for node in self._nodes:
            if not self._numbers.take(node, self._shapes):
                shape = self._after(node)
                if shape is not None:
                    self._shapes.update(dict.fromkeys(node.outputs, shape))
            if node.op_type in ("Conv", "ConvTranspose"):
                # Each value of a convolution's output, or of a transposed one's input, meets all but one axis of the
                # kernel.
                pixels = self._of(node.outputs[0] if node.op_type == "Conv" else node.inputs[0])
                total += math.prod(pixels) * math.prod(self._numbers.shape(node.inputs[1])[1:])
        return total

    def _after(self, node: Node) -> Shape | None:
        """The shape of what `node` gives; None for what is no picture, such as a style's figures."""
        known = [self._shapes[name] for name in node.inputs if name in self._shapes]
        if not known:
            return None
        if node.op_type in KEEPS:
            return known[0]
        if node.op_type in JOINS:
            return max(known, key=math.prod)
        try:
            return CHANGES[node.op_type](node, [self._shapes.get(name, ()) for name in node.inputs], self._numbers)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:  # a damaged graph leads to any of them
            what = f"{node.op_type} at {node.outputs[0]!r}"
            raise ModelFormatError(f"{self._path}: its arithmetic cannot be counted ({what})") from error

    def _of(self, name: str) -> Shape:
        if name not in self._shapes:
            raise ModelFormatError(f"{self._path}: the shape of {name!r} cannot be told from its graph")
        return self._shapes[name]


# ---- bench.shapes
Shape = tuple[int, ...]

KEEPS = frozenset(
    {
        *("Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Gelu", "Sigmoid", "HardSigmoid", "HardSwish", "Softplus"),
        *("Tanh", "Erf", "Exp", "Log", "Sqrt", "Abs", "Neg", "Floor", "Ceil", "Round", "Reciprocal", "Clip", "Cast"),
        *("Identity", "Dropout", "Softmax", "InstanceNormalization", "BatchNormalization", "GroupNormalization"),
        *("LayerNormalization", "LRN"),
    }
)
"""Steps whose result is shaped as what they get first."""
JOINS = frozenset(["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Where", "Sum", "Mean"])
"""Steps that combine values one by one: the result is shaped as the largest."""


def _convolved(node: Node, shapes: Sequence[Shape], numbers: Numbers) -> Shape:
    batch, _, *sides = shapes[0]
    outs, _, *kernel = numbers.shape(node.inputs[1])
    return batch, outs, *_slid(node, sides, kernel)


def _pooled(node: Node, shapes: Sequence[Shape], _: Numbers) -> Shape:
    batch, channels, *sides = shapes[0]
    return batch, channels, *_slid(node, sides, listed(node, "kernel_shape"))


def _slid(node: Node, sides: Sequence[int], kernel: Sequence[int]) -> list[int]:
    """How often a window of the size of `kernel` finds place along each of `sides`."""
    steps, spreads = ints(node, "strides", len(sides), 1), ints(node, "dilations", len(sides), 1)
    if str(node.attributes.get("auto_pad", "")).startswith("SAME"):
        return [-(-side // step) for side, step in zip(sides, steps, strict=True)]
    pads = ints(node, "pads", 2 * len(sides), 0)
    around = [before + after for before, after in zip(pads[: len(sides)], pads[len(sides) :], strict=True)]
    rounded = math.ceil if node.attributes.get("ceil_mode") else math.floor
    return [
        rounded((side + rim - spread * (length - 1) - 1) / step) + 1
        for side, rim, spread, length, step in zip(sides, around, spreads, kernel, steps, strict=True)
    ]


def _transposed(node: Node, shapes: Sequence[Shape], numbers: Numbers) -> Shape:
    batch, _, *sides = shapes[0]
    _, outs, *kernel = numbers.shape(node.inputs[1])
    pads, steps = ints(node, "pads", 4, 0), ints(node, "strides", 2, 1)
    more, spreads = ints(node, "output_padding", 2, 0), ints(node, "dilations", 2, 1)
    (groups,) = ints(node, "group", 1, 1)
    if str(node.attributes.get("auto_pad", "")).startswith("SAME"):
        enlarged = [side * step for side, step in zip(sides, steps, strict=True)]
    else:
        enlarged = [
            (sides[axis] - 1) * steps[axis] - pads[axis] - pads[axis + 2] + spreads[axis] * (kernel[axis] - 1) + 1
            + more[axis]
            for axis in (0, 1)
        ]  # fmt: skip
    return batch, outs * groups, *enlarged


def _resized(node: Node, shapes: Sequence[Shape], numbers: Numbers) -> Shape:
    if len(node.inputs) > 3 and node.inputs[3]:
        return tuple(int(side) for side in numbers.of(node.inputs[3]))
    scales = numbers.of(node.inputs[2] if len(node.inputs) > 2 else node.inputs[1])
    return tuple(math.floor(side * float(scale)) for side, scale in zip(shapes[0], scales, strict=True))


def _shuffled(node: Node, shapes: Sequence[Shape], _: Numbers) -> Shape:
    batch, channels, height, width = shapes[0]
    (side,) = ints(node, "blocksize", 1, 1)
    if node.op_type == "SpaceToDepth":
        return batch, channels * side**2, height // side, width // side
    return batch, channels // side**2, height * side, width * side


def _joined(node: Node, shapes: Sequence[Shape], _: Numbers) -> Shape:
    (axis,) = ints(node, "axis", 1, 1)
    joined = list(shapes[0])
    joined[axis] = sum(shape[axis] for shape in shapes)
    return tuple(joined)


def _padded(node: Node, shapes: Sequence[Shape], numbers: Numbers) -> Shape:
    rank = len(shapes[0])
    pads = [int(pad) for pad in numbers.of(node.inputs[1])] if len(node.inputs) > 1 else listed(node, "pads")
    return tuple(side + pads[axis] + pads[axis + rank] for axis, side in enumerate(shapes[0]))


def _sliced(node: Node, shapes: Sequence[Shape], numbers: Numbers) -> Shape:
    kept = list(shapes[0])
    for axis, part in part_of(node, numbers, len(kept)):
        kept[axis] = len(range(*part.indices(kept[axis])))
    return tuple(kept)


def _turned(node: Node, shapes: Sequence[Shape], _: Numbers) -> Shape:
    order = listed(node, "perm") or tuple(reversed(range(len(shapes[0]))))
    return tuple(shapes[0][axis] for axis in order)


def _reshaped(node: Node, shapes: Sequence[Shape], numbers: Numbers) -> Shape:
    wanted = [int(length) for length in numbers.of(node.inputs[1])]
    lengths = [shapes[0][axis] if length == 0 else length for axis, length in enumerate(wanted)]
    if -1 in lengths:
        lengths[lengths.index(-1)] = math.prod(shapes[0]) // -math.prod(lengths)
    return tuple(lengths)


def _reduced(node: Node, shapes: Sequence[Shape], numbers: Numbers) -> Shape:
    rank = len(shapes[0])
    given = numbers.of(node.inputs[1]) if len(node.inputs) > 1 and node.inputs[1] else listed(node, "axes")
    axes = {int(axis) % rank for axis in (given if len(given) else range(rank))}
    (kept,) = ints(node, "keepdims", 1, 1)
    return tuple(1 if axis in axes else side for axis, side in enumerate(shapes[0]) if kept or axis not in axes)


def _averaged(_: Node, shapes: Sequence[Shape], __: Numbers) -> Shape:
    return (*shapes[0][:2], *(1 for _ in shapes[0][2:]))


CHANGES: Mapping[str, Callable[[Node, Sequence[Shape], Numbers], Shape]] = {
    "Conv": _convolved,
    "ConvTranspose": _transposed,
    "MaxPool": _pooled,
    "AveragePool": _pooled,
    "GlobalAveragePool": _averaged,
    "Resize": _resized,
    "Upsample": _resized,
    "DepthToSpace": _shuffled,
    "SpaceToDepth": _shuffled,
    "Concat": _joined,
    "Pad": _padded,
    "Slice": _sliced,
    "Transpose": _turned,
    "Reshape": _reshaped,
    **dict.fromkeys(("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceSumSquare", "ReduceL2"), _reduced),
}
"""All other steps we know; a function raises LookupError or ValueError where the graph does not tell enough.

It gets the node, the shapes of its inputs (empty where unknown) and the numbers that are known.
"""


# ---- bench.numbers
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
            self._keep(proto.read_tensor_header(data)[0], data)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a constant; LookupError where it is none."""
        return self._shapes[name]

    def of(self, name: str) -> Values:
        """The numbers of a small constant; LookupError where it is none."""
        return self._values[name]

    def take(self, node: Node, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Whether what `node` gives is known now without looking at the picture, but for its shape in `shapes`."""
        (name,) = node.outputs[:1] or ("",)
        if node.op_type == "Constant":
            data = node.tensor_attribute("value")
            if data is None:
                plain = listed(node, "value_ints") or (listed(node, "value_int") or (None,))[0]
                if plain is None:
                    return False
                self._put(name, np.asarray(plain))
            else:
                self._keep(name, data)
        elif node.op_type == "Shape" and node.inputs and node.inputs[0] in shapes:
            self._put(name, np.asarray(shapes[node.inputs[0]]))
        elif node.op_type == "Identity" and node.inputs and node.inputs[0] in self._shapes:
            self._shapes[name] = self._shapes[node.inputs[0]]
            if node.inputs[0] in self._values:
                self._values[name] = self._values[node.inputs[0]]
        elif node.op_type in _MADE and all(given in self._values for given in node.inputs if given):
            try:
                self._put(
                    name, _MADE[node.op_type](node, [self._values[given] for given in node.inputs if given], self)
                )
            except (LookupError, TypeError, ValueError):  # found out where it is wanted
                return False
        else:
            return False
        return True

    def _keep(self, name: str, data: memoryview) -> None:
        self._shapes[name] = proto.read_tensor_header(data)[1]
        if math.prod(self._shapes[name]) <= _MOST:
            values = proto.read_tensor(data)
            if values is not None:
                self._values[name] = values

    def _put(self, name: str, values: Values) -> None:
        self._shapes[name], self._values[name] = values.shape, values


def listed(node: Node, name: str) -> tuple[int, ...]:
    """A setting that is a list of whole numbers, or one of them; empty where it is not there."""
    value = node.attributes.get(name, ())
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
    data = node.tensor_attribute("value")
    value = None if data is None else proto.read_tensor(data)
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
    "Cast": lambda node, given, _: given[0].astype(np.int64) if node.attributes.get("to") in (6, 7) else given[0],
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
