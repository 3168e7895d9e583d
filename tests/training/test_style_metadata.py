"""Tests of reading from a bank how a style was trained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stylecam.models.model import Model
from stylecam.training.hyperparameters import Hyperparameters
from stylecam.training.style_image import StyleImage
from stylecam.training.style_metadata import StyleMetadata
from tests.models.networks import network


def model(folder: Path, entry: object) -> Model:
    return Model.read(network(folder / "one.onnx", metadata={"styles": json.dumps([entry])}))


def test_the_training_values_of_a_painting_are_read_back(tmp_path: Path) -> None:
    painting = StyleImage("a", tmp_path, 2.5, None, (0.0, 0.1, 1.0, 0.9))
    entry = {"name": "a", **painting.entry(Hyperparameters(steps=1, content=4, style=2, fine=0, scale=288))}
    assert StyleMetadata.of(model(tmp_path, entry), 0) == StyleMetadata(
        0.0, 1.25, 288, (0.0, 0.1, 1.0, 0.9), tmp_path.name
    )


@pytest.mark.parametrize(
    "learned",
    [
        None,
        3,
        {},
        {"fine": "x", "style": 1, "scale": 288, "crop": None},
        {"fine": 0.1, "style": 1, "scale": 999999, "crop": None},
        {"fine": 0.1, "style": "x", "scale": 288, "crop": None},
        {"fine": 0.1, "style": 0, "scale": 288, "crop": None},
        {"fine": 0.1, "style": 1, "scale": 1e999, "crop": None},
        {"fine": 0.1, "style": 1, "scale": 288, "crop": [1]},
        {"fine": 0.1, "style": 1, "scale": 288, "crop": [0, 0, None, 1]},
    ],
)
def test_invalid_values_are_ignored(tmp_path: Path, learned: object) -> None:
    assert StyleMetadata.of(model(tmp_path, {"name": "a", "learned": learned}), 0) == StyleMetadata()


def test_a_bank_without_training_values_gets_the_defaults(tmp_path: Path) -> None:
    assert StyleMetadata.of(Model.read(network(tmp_path / "one.onnx")), 0) == StyleMetadata()
