"""How someone else's ONNX network counts and lays out its pictures, read off its graph.

Nobody writes it down, but the ends of a graph mostly give it away: a last Tanh times 150 plus 127.5 makes 0..255, a
first division by 127.5 takes it, a channel dimension of 3 lies first or last. What the user says wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stylecam.errors import UsageError
from stylecam.models.importers.builder import BYTES, CAFFE, RANGES, SIGNED, UNIT, Range
from stylecam.models.importers.onnx_analysis import Outline, Port

LAYOUTS = ("nchw", "nhwc")
ORDERS = ("rgb", "bgr")
_PASSING = ("Transpose", "Identity", "Cast", "Squeeze", "Unsqueeze", "Reshape", "Dropout")
_AFFINE = ("Mul", "Div", "Add", "Sub")
_MOST_STEPS = 20


@dataclass(frozen=True, slots=True)
class Side:
    """What one end of a network wants or gives.

    Attributes:
        channels_last: pictures are 1×H×W×3 rather than 1×3×H×W.
        colours: how it counts.
        because: what says so, for the user to read.
        sure: the graph or the user says so; otherwise it is what such networks mostly do.
    """

    channels_last: bool
    colours: Range
    because: str
    sure: bool


@dataclass(frozen=True, slots=True)
class Form:
    """Both ends."""

    given: Side
    made: Side

    @property
    def notes(self) -> tuple[str, str]:
        """One line for each end."""
        lines = []
        for side, title in ((self.given, "takes"), (self.made, "gives")):
            layout = "1×H×W×3" if side.channels_last else "1×3×H×W"
            lines.append(f"{title} {layout}, {side.colours.shown}: {side.because}")
        return lines[0], lines[1]


def guess(
    outline: Outline, layout: str | None = None, colours: str | None = None, order: str | None = None
) -> list[Form]:
    """The forms the network can have, the likeliest first; more than one only where nothing tells its range.

    Args:
        outline: the network.
        layout: `nchw` or `nhwc`, where the user knows.
        colours: one of `RANGES`, or two as `IN:OUT`, where the user knows.
        order: `rgb` or `bgr`, where the user knows.

    Raises:
        UsageError: one of these is none of its words.
    """
    said = _said(layout, colours, order)
    last = _layouts(outline, layout)
    given, made = said or _read(outline)
    ways: list[tuple[tuple[Range, str, bool], tuple[Range, str, bool]]]
    if given is None and made is None:
        because = "nothing in it says; most networks of such form do"
        ways = [((form, because, False), (form, because, False)) for form in (BYTES, UNIT, SIGNED)]
    else:
        # Where one end tells, the other mostly is the same.
        ways = [
            (
                given or (_same(made), "as what it gives", False),
                made or (_same(given), "as what it takes", False),
            )
        ]
    if order is None and "bgr" in f"{outline.image.name} {outline.styled.name}".lower():
        order = "bgr"
    return [
        Form(Side(last[0], one[0].ordered(order), one[1], one[2]), Side(last[1], two[0].ordered(order), two[1], two[2]))
        for one, two in ways
    ]


def _same(known: tuple[Range, str, bool] | None) -> Range:
    assert known is not None
    return known[0]


def _said(
    layout: str | None, colours: str | None, order: str | None
) -> tuple[tuple[Range, str, bool], tuple[Range, str, bool]] | None:
    if layout not in (None, *LAYOUTS):
        raise UsageError(f"{layout!r} is no layout; there are {' and '.join(LAYOUTS)}")
    if order not in (None, *ORDERS):
        raise UsageError(f"{order!r} is no order of colours; there are {' and '.join(ORDERS)}")
    if colours is None:
        return None
    first, _, second = colours.partition(":")
    found = [RANGES.get(name) for name in (first, second or first)]
    if found[0] is None or found[1] is None:
        raise UsageError(f"{colours!r} is no range; there are {', '.join(RANGES)}, and two of them as IN:OUT")
    return (found[0], "as you say", True), (found[1], "as you say", True)


def _layouts(outline: Outline, said: str | None) -> tuple[bool, bool]:
    """Whether channels are last at each end."""
    if said is not None:
        return said == "nhwc", said == "nhwc"
    first = _by_dims(outline.image)
    if first is None:
        user = outline.only_user(outline.image.name)
        while user is not None and user.op_type == "Identity":
            user = outline.only_user(user.output[0])
        first = user is not None and user.op_type == "Transpose" and _permutation(user) == [0, 3, 1, 2]
    last = _by_dims(outline.styled)
    if last is None:
        maker = outline.maker(outline.styled.name)
        while maker is not None and maker.op_type == "Identity":
            maker = outline.maker(maker.input[0])
        turned = maker is not None and maker.op_type == "Transpose" and _permutation(maker) == [0, 2, 3, 1]
        # An output of unknown shape mostly lies as the input does; a graph that is turned at one end only shows it.
        last = turned or (first and not outline.styled.dims)
    return first, last


def _by_dims(port: Port) -> bool | None:
    if len(port.dims) == 4:
        if port.dims[1] == 3 and port.dims[3] != 3:
            return False
        if port.dims[3] == 3 and port.dims[1] != 3:
            return True
    return None


def _permutation(node: Any) -> list[int]:
    return next((list(attribute.ints) for attribute in node.attribute if attribute.name == "perm"), [])


def _read(outline: Outline) -> tuple[tuple[Range, str, bool] | None, tuple[Range, str, bool] | None]:
    """What the first and the last nodes say; None where they say nothing."""
    return _first(outline), _last(outline)


Numbers = npt.NDArray[np.float64]


def _first(outline: Outline) -> tuple[Range, str, bool] | None:
    """By the scale and shift that the picture goes through first: `value = scale · given + shift`."""
    scale, shift, seen = np.ones(1), np.zeros(1), []
    name = outline.image.name
    for _ in range(_MOST_STEPS):
        node = outline.only_user(name)
        if node is None or not node.output or node.op_type not in (*_PASSING, *_AFFINE):
            break
        name_before, name = name, node.output[0]
        if node.op_type in _PASSING:
            continue
        at = 0 if node.input[0] == name_before else 1
        number = _flat(outline, node, 1 - at)
        if number is None or len({number.size, scale.size, shift.size, 1}) > 2 or (node.op_type == "Div" and at == 1):
            break
        scale, shift = _forward(node.op_type, at, number, scale, shift)
        seen.append(node.op_type)
    if not seen:
        return None
    because = f"its first layers are {', '.join(seen)}"
    size = float(np.max(np.abs(scale)))
    middle = float(np.max(np.abs(shift) / np.maximum(np.abs(scale), 1e-12)))  # where zero lies in the input's own units
    if size < 0.05 or middle > 2:  # 1/255, 1/127.5, or minus means of a hundred
        blue_first = shift.size == 3 and abs(shift[0]) < abs(shift[2]) and size > 0.5
        return BYTES.ordered("bgr" if blue_first else None), because, True
    return UNIT, because, True


def _forward(kind: str, at: int, number: Numbers, scale: Numbers, shift: Numbers) -> tuple[Numbers, Numbers]:
    if kind == "Mul":
        return scale * number, shift * number
    if kind == "Div":
        with np.errstate(divide="ignore", invalid="ignore"):
            return scale / number, shift / number
    if kind == "Add":
        return scale, shift + number
    return (scale, shift - number) if at == 0 else (-scale, number - shift)


def _last(outline: Outline) -> tuple[Range, str, bool] | None:
    """By the activation before the output and the scale and shift after it: `output = scale · activation + shift`."""
    scale, shift = np.ones(1), np.zeros(1)
    seen: list[str] = []
    node = outline.maker(outline.styled.name)
    for _ in range(_MOST_STEPS):
        if node is None or not node.input:
            return None
        limits = _limits(outline, node)
        if limits is not None:
            ends = np.stack([scale * limits[0] + shift, scale * limits[1] + shift])
            return _named(float(ends.min()), float(ends.max()), [*seen, node.op_type])
        at = 0
        if node.op_type in _AFFINE:
            at = 0 if outline.constant(node.input[0]) is None else 1
            number = _flat(outline, node, 1 - at)
            if number is None or len({number.size, scale.size, shift.size, 1}) > 2:
                return None
            scale, shift = _backward(node.op_type, at, number, scale, shift)
            seen.append(node.op_type)
        elif node.op_type not in _PASSING:
            return None
        node = outline.maker(node.input[at])
    return None


def _backward(kind: str, at: int, number: Numbers, scale: Numbers, shift: Numbers) -> tuple[Numbers, Numbers]:
    if kind == "Mul":
        return scale * number, shift
    if kind == "Div":
        with np.errstate(divide="ignore", invalid="ignore"):
            return scale / number, shift
    if kind == "Add":
        return scale, shift + scale * number
    return (scale, shift - scale * number) if at == 0 else (-scale, shift + scale * number)


def _limits(outline: Outline, node: Any) -> tuple[float, float] | None:
    if node.op_type in ("Tanh", "Sigmoid", "HardSigmoid"):
        return (-1.0, 1.0) if node.op_type == "Tanh" else (0.0, 1.0)
    if node.op_type != "Clip":
        return None
    attributes = {attribute.name: attribute.f for attribute in node.attribute}
    numbers = [outline.constant(name) for name in node.input[1:3]]
    if len(numbers) == 2 and numbers[0] is not None and numbers[1] is not None:
        return float(numbers[0].min()), float(numbers[1].max())
    return (attributes["min"], attributes["max"]) if {"min", "max"} <= attributes.keys() else None


def _named(low: float, high: float, seen: list[str]) -> tuple[Range, str, bool] | None:
    """The known range nearest to `low`..`high`."""
    because = f"its last layers, {', '.join(reversed(seen))}, make {low:g}..{high:g}"
    if high > 64:
        # 150·tanh without a shift is what Johnson's networks make: around Caffe's means.
        return (CAFFE if low < -100 else BYTES), because, True
    if 0.4 < high < 4:
        return (SIGNED if low < -0.3 else UNIT), because, True
    return None


def _flat(outline: Outline, node: Any, at: int) -> Numbers | None:
    """The one or three numbers that the node's input `at` is, if it is that."""
    number = outline.constant(node.input[at]) if len(node.input) == 2 else None
    return None if number is None or number.size not in (1, 3) else number.ravel()
