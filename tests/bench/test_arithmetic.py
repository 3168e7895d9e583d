"""Multiply-adds counted in a graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stylecam.bench.arithmetic import gmac
from stylecam.bench.baseline import johnson
from stylecam.errors import ModelFormatError
from stylecam.frame import Size
from stylecam.styles.model import Model


@pytest.fixture
def make(tmp_path: Path) -> Any:
    helper = pytest.importorskip("onnx").helper
    from onnx import numpy_helper

    from tests.styles.networks import written

    def build(op: str, ins: int, kernel: tuple[int, ...] | None, **settings: Any) -> Model:
        """One step between two convolutions of 1×1, from 3 channels to `ins` and back to 3."""
        weights = {"a": np.ones((ins, 3, 1, 1), np.float32), "doubled": np.array([1, 1, 2, 2], np.float32)}
        inputs = ["x"]
        if kernel is not None:
            weights["k"] = np.ones(kernel, np.float32)
            inputs.append("k")
        if op == "Resize":
            inputs += ["", "doubled"]
        if op == "Concat":
            inputs.append("x")
        outs = {"DepthToSpace": ins // 4, "Concat": 2 * ins}.get(op, ins)
        outs = kernel[1] if kernel is not None else outs
        weights["b"] = np.ones((3, outs, 1, 1), np.float32)
        nodes = [
            helper.make_node("Conv", ["image", "a"], ["x"]),
            helper.make_node(op, inputs, ["y"], **settings),
            helper.make_node("Conv", ["y", "b"], ["styled"]),
        ]
        constants = [numpy_helper.from_array(value, name) for name, value in weights.items()]
        return Model.read(written(tmp_path / "a.onnx", nodes, constants))

    return build


@pytest.mark.parametrize("size", [Size(640, 360), Size(1280, 720)], ids=str)
def test_the_shipped_bank_counts_as_the_onnx_library_counts(bank: Model, size: Size) -> None:
    pytest.importorskip("onnx")
    from stylecam.evaluation import cost

    assert gmac(bank, size) == pytest.approx(cost.gmac(bank, size))
    assert gmac(johnson(), size) == pytest.approx(cost.gmac(johnson(), size))


@pytest.mark.parametrize(
    ("op", "ins", "kernel", "settings"),
    [
        ("ConvTranspose", 4, (4, 5, 3, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}),
        ("DepthToSpace", 8, None, {"blocksize": 2}),
        ("Resize", 4, None, {"mode": "nearest"}),
        ("Concat", 4, None, {"axis": 1}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_steps_of_other_networks_are_followed(
    make: Any, op: str, ins: int, kernel: tuple[int, ...] | None, settings: dict[str, Any]
) -> None:
    from stylecam.evaluation import cost

    model = make(op, ins, kernel, **settings)
    assert gmac(model, Size(64, 48)) == pytest.approx(cost.gmac(model, Size(64, 48)))


def test_a_step_that_cannot_be_followed_is_named(make: Any) -> None:
    with pytest.raises(ModelFormatError, match="Softmax"):
        gmac(make("Softmax", 4, None, axis=1), Size(64, 48))
