"""What a network costs."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from onnx import helper, numpy_helper

from stylecam.bench.baseline import johnson
from stylecam.errors import ModelFormatError
from stylecam.evaluation.cost import Cost, Machine, gmac, times
from stylecam.evaluation.painter import Painter
from stylecam.frame import Size
from stylecam.styles.model import Model
from tests.styles.networks import network, written


def convolution(path: Path, kind: str, kernel: tuple[int, ...], **attributes: object) -> Model:
    node = helper.make_node(kind, ["image", "w"], ["styled"], **attributes)
    return Model.read(written(path, [node], [numpy_helper.from_array(np.zeros(kernel, np.float32), "w")]))


@pytest.mark.parametrize(
    ("kind", "kernel", "attributes", "wanted"),
    [
        ("Conv", (16, 3, 5, 5), {"pads": [2, 2, 2, 2]}, 16 * 3 * 25 * 64 * 48),
        ("Conv", (16, 3, 4, 4), {"strides": [4, 4]}, 16 * 3 * 16 * 16 * 12),
        ("Conv", (6, 1, 3, 3), {"pads": [1, 1, 1, 1], "group": 3}, 6 * 9 * 64 * 48),
        ("ConvTranspose", (3, 8, 2, 2), {"strides": [2, 2]}, 3 * 8 * 4 * 64 * 48),
    ],
    ids=["padded", "strided", "grouped", "transposed"],
)
def test_multiply_adds_are_counted_exactly(
    kind: str, kernel: tuple[int, ...], attributes: dict[str, object], wanted: int, tmp_path: Path
) -> None:
    model = convolution(tmp_path / "a.onnx", kind, kernel, **attributes)
    assert gmac(model, Size(64, 48)) == pytest.approx(wanted / 1e9, rel=1e-12)


def test_johnsons_network_costs_what_everyone_says() -> None:
    assert gmac(johnson(), Size(640, 480)) == pytest.approx(47.2, abs=0.1)


def test_the_shipped_networks_cost_what_their_readme_says(bank: Model) -> None:
    assert bank.path.name == "gallery.onnx"
    assert gmac(bank, Size(640, 480)) == pytest.approx(1.56, abs=0.01)
    assert gmac(bank, Size(640, 360)) == pytest.approx(0.75 * gmac(bank, Size(640, 480)))


def test_a_network_without_convolutions_costs_none(tmp_path: Path) -> None:
    assert gmac(Model.read(network(tmp_path / "a.onnx")), Size(64, 48)) == 0


def test_shapes_that_cannot_be_followed_are_said(tmp_path: Path) -> None:
    nodes = [helper.make_node("Strange", ["image"], ["x"], domain="elsewhere"),
             helper.make_node("Conv", ["x", "w"], ["styled"])]  # fmt: skip
    weights = [numpy_helper.from_array(np.zeros((3, 3, 1, 1), np.float32), "w")]
    with pytest.raises(ModelFormatError, match=r"a\.onnx"):
        gmac(Model.read(written(tmp_path / "a.onnx", nodes, weights)), Size(64, 48))


def test_johnsons_network_runs_and_paints_what_it_gets() -> None:
    painted = Painter(johnson()).style(0)(np.full((48, 64, 3), 128, np.uint8))
    assert painted.shape == (48, 64, 3)
    assert np.isfinite(painted).all()


def test_times_are_medians_taken_turn_by_turn(tmp_path: Path) -> None:
    class Ticks:
        """Each look costs one more: so both networks' runs take ever longer, and equally."""

        def __init__(self) -> None:
            self.at, self.step = 0.0, 0.0

        def now(self) -> float:
            self.step += 0.001
            self.at += self.step
            return self.at

        def busy(self) -> float:
            raise AssertionError

        def wait_until(self, deadline: float, stop: threading.Event | None = None) -> bool:
            raise AssertionError

    painter = Painter(Model.read(network(tmp_path / "a.onnx")))
    first, second = times([painter, Painter(painter.model)], Size(64, 48), Ticks())
    assert second - first == pytest.approx(2)  # the turn after: two looks later
    assert first == pytest.approx(26)  # four looks while warming up, five turns of four, and the second of the sixth


def test_the_ratio_is_the_others_over_ones_own() -> None:
    found = Cost(2.0, 10.0).against(Cost(47.0, 200.0))
    assert (found.times_less, found.times_faster) == (23.5, 20.0)


def test_the_machine_says_with_what_it_ran(bank: Model) -> None:
    import cv2

    machine = Machine.here(Painter(bank))
    assert f"OpenCV {cv2.__version__} on cpu" in str(machine)
    assert machine.threads == cv2.getNumThreads()
