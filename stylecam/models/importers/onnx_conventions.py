"""Find out how somebody else's ONNX network encodes and lays out its pictures.

ONNX files do not record this, but the first and last layers of a graph mostly show it: a last Tanh times 150 plus 127.5
makes 0..255, a first division by 127.5 takes it, a channel dimension of 3 is the second or the last. What the user says
has precedence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stylecam.errors import UsageError
from stylecam.models.importers.base import ImportOptions
from stylecam.models.importers.color_range import BYTES, CAFFE, COLOR_RANGES, SIGNED, UNIT, ColorRange
from stylecam.models.importers.onnx_analysis import OnnxAnalysis, ValueInfo, attributes_of

LAYOUTS = ("nchw", "nhwc")
ORDERS = ("rgb", "bgr")
_PASS_THROUGH = ("Transpose", "Identity", "Cast", "Squeeze", "Unsqueeze", "Reshape", "Dropout")
_AFFINE = ("Mul", "Div", "Add", "Sub")
_MAX_STEPS = 20

Numbers = npt.NDArray[np.float64]
Finding = tuple[ColorRange, str]
"""A color range and the reason for it, in words for the user."""


@dataclass(frozen=True, slots=True)
class PictureConvention:
    """How a network's input or output represents a picture, 1×H×W×3 with `channels_last` and otherwise 1×3×H×W.

    The `reason` explains to the user how the color encoding was found.
    """

    channels_last: bool
    colors: ColorRange
    reason: str

    def describe(self, verb: str) -> str:
        """Return one line for the user that begins with `verb`."""
        layout = "1×H×W×3" if self.channels_last else "1×3×H×W"
        return f"{verb} {layout}, {self.colors.description}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Conventions:
    """The conventions of a network's input and output."""

    input: PictureConvention
    output: PictureConvention

    @property
    def notes(self) -> tuple[str, str]:
        """One line about the input and one about the output."""
        return self.input.describe("takes"), self.output.describe("gives")


def guess_conventions(analysis: OnnxAnalysis, options: ImportOptions) -> list[Conventions]:
    """Return the conventions the network can have, the likeliest first; several only where nothing shows its range.

    Raises:
        UsageError: the layout, range or order in `options` does not exist.
    """
    requested = _requested_ranges(options)
    input_last, output_last = _channels_last(analysis, options.layout)
    before, after = requested or (_input_range(analysis), _output_range(analysis))
    pairs: list[tuple[Finding, Finding]]
    if before is None and after is None:
        reason = "nothing in it tells; most such networks do"
        pairs = [((colors, reason), (colors, reason)) for colors in (BYTES, UNIT, SIGNED)]
    elif before is None or after is None:  # where one end shows it, the other is mostly the same
        found = before or after
        assert found is not None
        pairs = [(before or (found[0], "like its output"), after or (found[0], "like its input"))]
    else:
        pairs = [(before, after)]
    order = options.order
    if order is None and "bgr" in f"{analysis.image.name} {analysis.styled.name}".lower():
        order = "bgr"
    return [
        Conventions(
            PictureConvention(input_last, before[0].with_order(order), before[1]),
            PictureConvention(output_last, after[0].with_order(order), after[1]),
        )
        for before, after in pairs
    ]


def _requested_ranges(options: ImportOptions) -> tuple[Finding, Finding] | None:
    if options.layout not in (None, *LAYOUTS):
        raise UsageError(f"{options.layout!r} is not a layout; choose from {' and '.join(LAYOUTS)}")
    if options.order not in (None, *ORDERS):
        raise UsageError(f"{options.order!r} is not an order of colours; choose from {' and '.join(ORDERS)}")
    if options.color_range is None:
        return None
    first, _, second = options.color_range.partition(":")
    before, after = COLOR_RANGES.get(first), COLOR_RANGES.get(second or first)
    if before is None or after is None:
        raise UsageError(
            f"{options.color_range!r} is not a range; choose from {', '.join(COLOR_RANGES)}, and two of them as IN:OUT"
        )
    return (before, "as requested"), (after, "as requested")


def _channels_last(analysis: OnnxAnalysis, layout: str | None) -> tuple[bool, bool]:
    """Return whether the channels are the last dimension of the input, and of the output."""
    if layout is not None:
        return layout == "nhwc", layout == "nhwc"
    input_last = _channels_last_by_dims(analysis.image)
    if input_last is None:
        node = analysis.only_consumer(analysis.image.name)
        while node is not None and node.op_type == "Identity":
            node = analysis.only_consumer(node.output[0])
        input_last = _is_transpose(node, [0, 3, 1, 2])
    output_last = _channels_last_by_dims(analysis.styled)
    if output_last is None:
        node = analysis.producer(analysis.styled.name)
        while node is not None and node.op_type == "Identity":
            node = analysis.producer(node.input[0])
        # An output of unknown shape mostly has the input's layout.
        output_last = _is_transpose(node, [0, 2, 3, 1]) or (input_last and not analysis.styled.dims)
    return input_last, output_last


def _channels_last_by_dims(value: ValueInfo) -> bool | None:
    if len(value.dims) == 4:
        if value.dims[1] == 3 and value.dims[3] != 3:
            return False
        if value.dims[3] == 3 and value.dims[1] != 3:
            return True
    return None


def _is_transpose(node: Any, permutation: list[int]) -> bool:
    return node is not None and node.op_type == "Transpose" and attributes_of(node).get("perm") == permutation


@np.errstate(all="ignore")
def _input_range(analysis: OnnxAnalysis) -> Finding | None:
    """Read the range off the first scale and shift of the picture, `value = scale · picture + shift`."""
    scale, shift, seen = np.ones(1), np.zeros(1), []
    name = analysis.image.name
    for _ in range(_MAX_STEPS):
        node = analysis.only_consumer(name)
        if node is None or not node.output or node.op_type not in (*_PASS_THROUGH, *_AFFINE):
            break
        input_name, name = name, node.output[0]
        if node.op_type in _PASS_THROUGH:
            continue
        position = 0 if node.input[0] == input_name else 1
        number = _color_constant(analysis, node, 1 - position)
        if number is None or _mixed_sizes(number, scale, shift) or (node.op_type == "Div" and position == 1):
            break
        factor, offset = _affine(node.op_type, position, number)
        scale, shift = scale * factor, shift * factor + offset
        seen.append(node.op_type)
    if not seen:
        return None
    reason = f"its first layers are {', '.join(seen)}"
    size = float(np.max(np.abs(scale)))
    zero = float(np.max(np.abs(shift) / np.maximum(np.abs(scale), 1e-12)))  # where zero lies in the picture's units
    if size < 0.05 or zero > 2:  # 1/255, 1/127.5, or minus means of about a hundred
        blue_first = shift.size == 3 and abs(shift[0]) < abs(shift[2]) and size > 0.5
        return BYTES.with_order("bgr" if blue_first else None), reason
    return UNIT, reason


def _affine(op_type: str, position: int, number: Numbers) -> tuple[Numbers, Numbers]:
    """Return factor and offset of an operator on a constant and the value, which is its input `position`."""
    if op_type == "Mul":
        return number, np.zeros(1)
    if op_type == "Div":
        return 1 / number, np.zeros(1)
    if op_type == "Add":
        return np.ones(1), number
    return (np.ones(1), -number) if position == 0 else (-np.ones(1), number)


@np.errstate(all="ignore")
def _output_range(analysis: OnnxAnalysis) -> Finding | None:
    """Read the range off the last activation and what follows it, `output = scale · activation + shift`."""
    scale, shift = np.ones(1), np.zeros(1)
    seen: list[str] = []
    node = analysis.producer(analysis.styled.name)
    for _ in range(_MAX_STEPS):
        if node is None or not node.input:
            return None
        limits = _activation_limits(analysis, node)
        if limits is not None:
            ends = np.stack([scale * limits[0] + shift, scale * limits[1] + shift])
            return _nearest_range(float(ends.min()), float(ends.max()), [*seen, node.op_type])
        position = 0
        if node.op_type in _AFFINE:
            position = 0 if analysis.constant(node.input[0]) is None else 1
            number = _color_constant(analysis, node, 1 - position)
            if number is None or _mixed_sizes(number, scale, shift):
                return None
            factor, offset = _affine(node.op_type, position, number)
            scale, shift = scale * factor, shift + scale * offset
            seen.append(node.op_type)
        elif node.op_type not in _PASS_THROUGH:
            return None
        node = analysis.producer(node.input[position])
    return None


def _activation_limits(analysis: OnnxAnalysis, node: Any) -> tuple[float, float] | None:
    """Return the least and largest value of an activation, or None for another node."""
    if node.op_type in ("Tanh", "Sigmoid", "HardSigmoid"):
        return (-1.0, 1.0) if node.op_type == "Tanh" else (0.0, 1.0)
    if node.op_type != "Clip":
        return None
    limits = [analysis.constant(name) for name in node.input[1:3]]
    if len(limits) == 2 and limits[0] is not None and limits[1] is not None:
        return float(limits[0].min()), float(limits[1].max())
    attributes = attributes_of(node)
    return (attributes["min"], attributes["max"]) if {"min", "max"} <= attributes.keys() else None


def _nearest_range(low: float, high: float, seen: list[str]) -> Finding | None:
    """Return the known range nearest to `low`..`high`."""
    reason = f"its last layers, {', '.join(reversed(seen))}, make {low:g}..{high:g}"
    if high > 64:
        # Johnson's networks end in 150·tanh without a shift: BGR around Caffe's means.
        return (CAFFE if low < -100 else BYTES), reason
    if 0.4 < high < 4:
        return (SIGNED if low < -0.3 else UNIT), reason
    return None


def _color_constant(analysis: OnnxAnalysis, node: Any, position: int) -> Numbers | None:
    """Return input `position` of a node with two inputs if it is a constant of one or three values, else None."""
    number = analysis.constant(node.input[position]) if len(node.input) == 2 else None
    return None if number is None or number.size not in (1, 3) else number.ravel()


def _mixed_sizes(*numbers: Numbers) -> bool:
    return len({1, *(number.size for number in numbers)}) > 2
