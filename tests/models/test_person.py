"""Tests of the networks in models/person, which measure pictures instead of painting them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from stylecam.errors import ModelFormatError
from stylecam.media.transforms import to_tensor
from stylecam.models.catalog import Catalog, shipped_models
from stylecam.models.model import Model
from tests.engines.fixtures import engine_on, photo

FOLDER = shipped_models() / "person"
NETWORKS = sorted(FOLDER.glob("*.onnx"))


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
def test_a_shipped_network_is_whole_and_says_whose_it_is(path: Path) -> None:
    onnx.checker.check_model(onnx.load(path))
    model = Model.read_measuring(path)
    assert model.metadata["licence"] == "Apache-2.0"
    assert model.metadata["source"].startswith("npm @mediapipe/")
    assert "Apache License" in (FOLDER / "LICENSE").read_text()


def test_they_are_no_styles() -> None:
    catalog = Catalog.load([shipped_models()])
    assert not catalog.problems
    assert not {path.stem for path in NETWORKS} & {card.bank for card in catalog.all_cards}


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_every_engine_measures_the_same(path: Path, name: str) -> None:
    model = Model.read_measuring(path)
    dims = onnx.load(path).graph.input[0].type.tensor_type.shape.dim
    width, height = dims[3].dim_value, dims[2].dim_value
    tensor = to_tensor(photo(width, height))
    measured = [
        engine_on(engine, "cpu").session(model, width, height).run(tensor, ()).copy() for engine in ("opencv", name)
    ]
    assert measured[0].shape == model.measures
    np.testing.assert_allclose(measured[1], measured[0], atol=1e-3)


def test_a_style_network_is_refused_as_a_measuring_one() -> None:
    with pytest.raises(ModelFormatError, match=r"gallery\.onnx is not a network that measures pictures"):
        Model.read_measuring(shipped_models() / "gallery.onnx")
