"""What a step of a network makes of the shape it gets; https://onnx.ai/onnx/operators/ says how."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from stylecam.bench.numbers import Numbers, ints, listed, part_of
from stylecam.styles.parts import Node

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
    if str(node.settings.get("auto_pad", "")).startswith("SAME"):
        return [-(-side // step) for side, step in zip(sides, steps, strict=True)]
    pads = ints(node, "pads", 2 * len(sides), 0)
    around = [before + after for before, after in zip(pads[: len(sides)], pads[len(sides) :], strict=True)]
    rounded = math.ceil if node.settings.get("ceil_mode") else math.floor
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
    if str(node.settings.get("auto_pad", "")).startswith("SAME"):
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
    if node.op == "SpaceToDepth":
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
