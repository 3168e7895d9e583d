"""Tests of instance norms that are measured on one picture and frozen for its tiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stylecam.engines.opencv import OpenCVEngine
from stylecam.media.transforms import Tensor
from stylecam.models.catalog import shipped_models
from stylecam.models.model import Model
from stylecam.models.rewrite.freeze_norms import InstanceNorms
from stylecam.models.rewrite.row_input import row_form
from stylecam.models.rewrite.two_styles import two_styles

SHIPPED = sorted(shipped_models().glob("*.onnx"))


def run(model: Model, image: Tensor) -> Tensor:
    weights = model.rows(model.one_hot(), min(image.shape[2:]))
    session = OpenCVEngine("cpu").session(model, image.shape[3], image.shape[2])
    return np.array(session.run(image, weights))


@pytest.fixture
def picture() -> Tensor:
    return np.random.default_rng(1).random((1, 3, 96, 128), np.float32)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_network_frozen_to_a_picture_paints_it_the_same(path: Path, picture: Tensor) -> None:
    model = Model.read(path)
    norms = InstanceNorms(model)
    assert norms.can_freeze
    assert norms.count > 0
    statistics = run(norms.measuring_model(), picture)
    assert statistics.shape == (1, norms.statistics_count, 1, 1)
    frozen = norms.frozen_model(statistics.reshape(-1))
    np.testing.assert_allclose(run(frozen, picture), run(model, picture), atol=5e-4)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_frozen_network_of_two_styles_paints_the_picture_the_same(path: Path, picture: Tensor) -> None:
    bank = row_form(Model.read(path))
    model, mask = two_styles(bank), np.zeros((96, 128), np.uint8)
    mask[16:80, 32:96] = 255
    weights = model.rows(bank.one_hot(1) + bank.one_hot(2), 96)

    def painted(network: Model) -> Tensor:
        return np.array(OpenCVEngine("cpu").session(network, 128, 96).run(picture, weights, mask=mask))

    norms = InstanceNorms(model)
    assert norms.can_freeze
    frozen = norms.frozen_model(painted(norms.measuring_model()).reshape(-1))
    np.testing.assert_allclose(painted(frozen), painted(model), atol=5e-4)


def test_a_frozen_network_ignores_the_rest_of_the_picture(bank: Model, picture: Tensor) -> None:
    norms = InstanceNorms(bank)
    frozen = norms.frozen_model(run(norms.measuring_model(), picture).reshape(-1))
    other = picture.copy()
    other[..., 400 // 4 :] = 0  # the right quarter
    as_it_is, changed = run(bank, picture), run(bank, other)
    assert np.abs(as_it_is - changed)[..., :8].max() > 0.01
    assert np.abs(run(frozen, picture) - run(frozen, other))[..., :8].max() < 1e-3


def test_the_variance_is_the_one_of_the_picture(tmp_path: Path, picture: Tensor) -> None:
    made = one_norm(tmp_path / "one.onnx")
    statistics = run(InstanceNorms(made).measuring_model(), picture).reshape(-1)
    np.testing.assert_allclose(statistics[:3], picture.mean((0, 2, 3)), rtol=1e-4)
    np.testing.assert_allclose(statistics[3:], picture.var((0, 2, 3)), rtol=1e-4)


@pytest.mark.parametrize("operation", ["GlobalAveragePool", "ReduceMean"])
def test_a_network_that_looks_at_the_whole_picture_otherwise_cannot_be_frozen(operation: str, tmp_path: Path) -> None:
    assert not InstanceNorms(one_norm(tmp_path / "one.onnx", operation)).can_freeze


def one_norm(path: Path, extra: str | None = None) -> Model:
    """An instance norm alone, or with another operation beside it whose result nobody reads."""
    onnx = pytest.importorskip("onnx", reason="onnx writes the network of this test")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    nodes = [helper.make_node("InstanceNormalization", ["image", "scale", "shift"], ["styled"], epsilon=1e-5)]
    if extra is not None:
        nodes.insert(0, helper.make_node(extra, ["image"], ["unread"]))
    values = [helper.make_tensor_value_info(name, 1, [1, 3, "H", "W"]) for name in ("image", "styled")]
    weights = [
        numpy_helper.from_array(np.full(3, level, np.float32), name) for name, level in (("scale", 1), ("shift", 0))
    ]
    graph = helper.make_graph(nodes, "one", values[:1], values[1:], weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(made.SerializeToString())
    return Model.read(path)
