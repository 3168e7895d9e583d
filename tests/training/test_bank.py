"""Tests of writing banks as ONNX files and reading them back."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from stylecam.errors import ModelFormatError
from stylecam.models.card import read_cards
from stylecam.models.catalog import shipped_models
from stylecam.models.grain import grain_map
from stylecam.models.model import Model
from stylecam.training.bank import Bank, encode_bank, read_bank, write_bank
from stylecam.training.network import LeanNetwork
from tests.models.networks import network
from tests.training import fixtures

GALLERY = shipped_models() / "gallery.onnx"
SIZE = (64, 48)


@pytest.fixture
def bank() -> Bank:
    torch.manual_seed(3)
    net = LeanNetwork(2, 16, 2)
    for name, value in net.named_parameters():
        if ".n." in name:
            torch.nn.init.normal_(value, 0.5, 0.5)
    return Bank(net, {"styles": json.dumps([{"name": "a"}, {"name": "b"}]), "licence": "CC0-1.0"})


def picture() -> np.ndarray:
    return np.random.default_rng(0).random((1, 3, SIZE[1], SIZE[0]), dtype=np.float32)


def run_in_torch(bank: Bank, weights: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return bank.network(torch.from_numpy(picture()), torch.from_numpy(weights)).numpy()


def run_in_opencv(path: Path, weights: np.ndarray) -> np.ndarray:
    model = Model.read(path)
    net = cv2.dnn.readNetFromONNX(np.frombuffer(model.with_input_size(*SIZE), np.uint8))
    net.setInput(picture(), "image")
    net.setInput(weights, "style")
    if model.grain_channels:
        net.setInput(grain_map(8, SIZE[1] // 8, SIZE[0] // 8), "grain")
    return np.asarray(net.forward())


@pytest.mark.parametrize("weights", [[1, 0], [0, 1], [0.3, 0.7]], ids=str)
def test_opencv_gives_the_same_picture_as_torch(bank: Bank, tmp_path: Path, weights: list[float]) -> None:
    write_bank(tmp_path / "b.onnx", bank)
    mix = np.array([weights], np.float32)
    assert np.abs(run_in_opencv(tmp_path / "b.onnx", mix) - run_in_torch(bank, mix)).max() < 1e-4


def test_onnx_runtime_gives_the_same_picture_as_torch(bank: Bank, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    write_bank(tmp_path / "b.onnx", bank)
    session = runtime.InferenceSession(str(tmp_path / "b.onnx"), providers=["CPUExecutionProvider"])
    mix = np.array([[0.6, 0.4]], np.float32)
    (styled,) = session.run(None, {"image": picture(), "style": mix, "grain": grain_map(8, SIZE[1] // 8, SIZE[0] // 8)})
    assert np.abs(styled - run_in_torch(bank, mix)).max() < 1e-4


def test_a_bank_that_is_read_and_written_again_has_the_same_bytes(bank: Bank, tmp_path: Path) -> None:
    path = tmp_path / "b.onnx"
    write_bank(path, bank)
    reread = read_bank(path)
    assert all(
        torch.equal(value, reread.network.state_dict()[name]) for name, value in bank.network.state_dict().items()
    )
    assert reread.metadata == bank.metadata
    assert encode_bank(reread) == path.read_bytes()


def test_the_catalog_reads_its_cards(bank: Bank, tmp_path: Path) -> None:
    write_bank(tmp_path / "b.onnx", bank)
    assert [(card.full_name, card.licence) for card in read_cards(Model.read(tmp_path / "b.onnx"))] == [
        ("b/a", "CC0-1.0"),
        ("b/b", "CC0-1.0"),
    ]


def test_the_shipped_bank_written_again_gives_the_same_picture(tmp_path: Path) -> None:
    shipped = read_bank(GALLERY)
    write_bank(tmp_path / "reread.onnx", shipped)
    assert [entry["name"] for entry in shipped.entries][:3] == ["starry_night", "great_wave", "the_scream"]
    weights = np.eye(1, shipped.network.styles, 1, np.float32)
    before, after = run_in_opencv(GALLERY, weights), run_in_opencv(tmp_path / "reread.onnx", weights)
    assert np.abs(before - after).max() < 1e-5
    assert np.abs(run_in_torch(shipped, weights) - after).max() < 1e-4


def test_a_bank_without_a_grain_input_is_read_and_gives_the_same_picture(bank: Bank, tmp_path: Path) -> None:
    torch.nn.init.zeros_(bank.network.grain.n.g)
    torch.nn.init.zeros_(bank.network.grain.n.b)
    write_bank(tmp_path / "new.onnx", bank)
    older = fixtures.without_grain(tmp_path / "new.onnx")
    assert not Model.read(older).grain_channels
    reread, weights = read_bank(older), np.eye(1, 2, dtype=np.float32)
    assert np.abs(run_in_torch(reread, weights) - run_in_torch(bank, weights)).max() < 1e-6


def test_a_bank_of_another_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match=r"holds no weight 'h4\.c\.weight'"):
        read_bank(network(tmp_path / "other.onnx"))


def test_a_file_that_is_not_a_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nothing.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelFormatError):
        read_bank(tmp_path / "nothing.onnx")
