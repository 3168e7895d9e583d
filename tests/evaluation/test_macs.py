"""Tests of counting multiply-adds in a graph."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stylecam.errors import BenchError, ModelFormatError
from stylecam.evaluation.macs import gmac
from stylecam.media.frame import Size
from stylecam.models.model import Model

SIZE = Size(64, 48)
pytest.importorskip("onnx")
from onnx import helper, numpy_helper  # noqa: E402

from tests.models.networks import network, write_network  # noqa: E402


def model_with_nodes(steps: Sequence[Any], path: Path, ins: int, outs: int, **weights: Any) -> Model:
    """Return a model of `steps` (from x to y) between two 1×1 convolutions: 3 to `ins` and `outs` to 3 channels."""
    constants = {"a": np.ones((ins, 3, 1, 1), np.float32), "b": np.ones((3, outs, 1, 1), np.float32), **weights}
    nodes = [
        helper.make_node("Conv", ["image", "a"], ["x"]),
        *steps,
        helper.make_node("Conv", ["y", "b"], ["styled"]),
    ]
    return Model.read(
        write_network(path, nodes, [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()])
    )


def node(op: str, *inputs: str, to: str = "y", **settings: Any) -> Any:
    return helper.make_node(op, ["x", *inputs] if to == "y" else list(inputs), [to], **settings)


def longs(*numbers: int) -> Any:
    return np.array(numbers, np.int64)


@pytest.mark.parametrize(
    ("size", "expected"),
    [(Size(64, 48), 0.015648768), (Size(640, 360), 1.1736576), (Size(1280, 720), 4.6946304)],
    ids=lambda value: str(value),
)
def test_the_shipped_banks_multiply_adds_are_exact_at_every_size(bank: Model, size: Size, expected: float) -> None:
    assert gmac(bank, size) == expected


def test_without_onnx_it_says_what_to_install(bank: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(BenchError, match=r'needs onnx, not installed here; run: pip install "stylecam\[import\]"'):
        gmac(bank, SIZE)


def test_the_shipped_networks_cost_what_their_readme_says(bank: Model) -> None:
    assert bank.path.name == "gallery.onnx"
    assert gmac(bank, Size(640, 480)) == pytest.approx(1.56, abs=0.01)
    assert gmac(bank, Size(640, 360)) == pytest.approx(0.75 * gmac(bank, Size(640, 480)))


def test_a_network_without_convolutions_costs_none(tmp_path: Path) -> None:
    assert gmac(Model.read(network(tmp_path / "a.onnx")), SIZE) == 0


@pytest.mark.parametrize(
    ("kind", "kernel", "attributes", "expected"),
    [
        ("Conv", (16, 3, 5, 5), {"pads": [2, 2, 2, 2]}, 16 * 3 * 25 * 64 * 48),
        ("Conv", (16, 3, 4, 4), {"strides": [4, 4]}, 16 * 3 * 16 * 16 * 12),
        ("Conv", (6, 1, 3, 3), {"pads": [1, 1, 1, 1], "group": 3}, 6 * 9 * 64 * 48),
        ("Conv", (4, 3, 3, 3), {"strides": [2, 2], "auto_pad": "SAME_UPPER"}, 4 * 3 * 9 * 32 * 24),
        ("ConvTranspose", (3, 8, 2, 2), {"strides": [2, 2]}, 3 * 8 * 4 * 64 * 48),
    ],
    ids=["padded", "strided", "grouped", "padded by itself", "transposed"],
)
def test_multiply_adds_are_counted_exactly(
    kind: str, kernel: tuple[int, ...], attributes: dict[str, Any], expected: int, tmp_path: Path
) -> None:
    made = helper.make_node(kind, ["image", "w"], ["styled"], **attributes)
    path = write_network(tmp_path / "a.onnx", [made], [numpy_helper.from_array(np.zeros(kernel, np.float32), "w")])
    assert gmac(Model.read(path), SIZE) == pytest.approx(expected / 1e9, rel=1e-12)


PADS = longs(0, 0, 4, 4, 0, 0, 4, 4)
STEPS: dict[str, Callable[[Path], Model]] = {
    "a transposed convolution": lambda path: model_with_nodes(
        [node("ConvTranspose", "k", strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1])],
        path, 4, 5, k=np.ones((4, 5, 3, 3), np.float32),
    ),
    "pixels shuffled up": lambda path: model_with_nodes([node("DepthToSpace", blocksize=2)], path, 8, 2),
    "pixels shuffled down": lambda path: model_with_nodes([node("SpaceToDepth", blocksize=2)], path, 2, 8),
    "enlarged": lambda path: model_with_nodes(
        [node("Resize", "", "s", mode="nearest")], path, 4, 4, s=np.array([1, 1, 2, 2], np.float32)
    ),
    "enlarged to a size": lambda path: model_with_nodes(
        [node("Resize", "", "", "s", mode="nearest")], path, 4, 4, s=longs(1, 4, 96, 128)
    ),
    "joined": lambda path: model_with_nodes([node("Concat", "x", axis=-3)], path, 4, 8),
    "padded by reflection": lambda path: model_with_nodes([node("Pad", "p", mode="reflect")], path, 4, 4, p=PADS),
    "padded by a number in a node": lambda path: model_with_nodes(
        [node("Constant", to="p", value=numpy_helper.from_array(PADS)), node("Pad", "p")], path, 4, 4
    ),
    "cropped": lambda path: model_with_nodes(
        [node("Slice", "s", "e", "ax")], path, 4, 4, s=longs(2, 2), e=longs(-2, -2), ax=longs(2, 3)
    ),
    "pooled": lambda path: model_with_nodes(
        [node("MaxPool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)], path, 4, 4
    ),
    "turned and back": lambda path: model_with_nodes(
        [
            helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 3, 1]),
            helper.make_node("Softmax", ["t"], ["u"], axis=-1),
            helper.make_node("Transpose", ["u"], ["y"], perm=[0, 3, 1, 2]),
        ],
        path, 4, 4,
    ),
    "less its mean": lambda path: model_with_nodes(
        [
            helper.make_node("ReduceMean", ["x"], ["m"], axes=[-1, -2]),
            helper.make_node("Sub", ["x", "m"], ["y"]),
        ],
        path, 4, 4,
    ),
    "groups of its own": lambda path: model_with_nodes(
        [helper.make_node("Reshape", ["x", "s"], ["r"]), helper.make_node("Reshape", ["r", "back"], ["y"])],
        path, 4, 4, s=longs(0, 2, -1), back=longs(1, 4, 48, 64),
    ),
    "a kernel under another name": lambda path: model_with_nodes(
        [helper.make_node("Identity", ["k"], ["same"]), node("Conv", "same")],
        path, 4, 2, k=np.ones((2, 4, 3, 3), np.float32),
    ),
}  # fmt: skip
EXPECTED_MACS = {
    "a transposed convolution": 774144,
    "pixels shuffled up": 147456,
    "pixels shuffled down": 36864,
    "enlarged": 184320,
    "enlarged to a size": 184320,
    "joined": 110592,
    "padded by reflection": 85248,
    "padded by a number in a node": 85248,
    "cropped": 68544,
    "pooled": 46080,
    "turned and back": 73728,
    "less its mean": 73728,
    "groups of its own": 73728,
    "a kernel under another name": 259320,
}


@pytest.mark.parametrize("name", STEPS)
def test_nodes_of_other_networks_are_counted(name: str, tmp_path: Path) -> None:
    assert gmac(STEPS[name](tmp_path / "a.onnx"), SIZE) == EXPECTED_MACS[name] / 1e9


def test_a_node_that_cannot_be_counted_is_named(tmp_path: Path) -> None:
    strange = helper.make_node("Strange", ["x"], ["y"], domain="elsewhere")
    with pytest.raises(ModelFormatError, match=r"a\.onnx: its multiply-adds cannot be counted: .*Strange"):
        gmac(model_with_nodes([strange], tmp_path / "a.onnx", 3, 3), SIZE)


@pytest.mark.parametrize(
    "step",
    [node("Pad", "nowhere"), node("Conv", "nowhere"), node("Resize", "", "nowhere"), node("Concat", axis=7)],
    ids=lambda step: step.op_type,
)
def test_an_incomplete_graph_is_refused_in_one_line(step: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match="cannot be counted"):
        gmac(model_with_nodes([step], tmp_path / "a.onnx", 3, 3), SIZE)
