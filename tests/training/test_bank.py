"""Tests of writing banks as ONNX files and reading them back."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from stylecam.engines.factory import make_engine
from stylecam.errors import ModelFormatError
from stylecam.media.transforms import to_tensor
from stylecam.models.card import read_cards
from stylecam.models.catalog import shipped_models
from stylecam.models.grain import grain_map
from stylecam.models.model import Model
from stylecam.training.bank import Bank, encode_bank, read_bank, write_bank
from stylecam.training.network import make_network
from tests.models.networks import network
from tests.training import fixtures

GALLERY = shipped_models() / "gallery.onnx"
SIZE = (96, 64)


@pytest.fixture(params=["lean", "rich"])
def bank(request: pytest.FixtureRequest) -> Bank:
    torch.manual_seed(3)
    net = make_network(request.param, 2, 16, 2, sizes=1)
    for name, value in net.named_parameters():
        if ".n." in name:
            torch.nn.init.normal_(value, 0.5, 0.5)
    return Bank(net, {"styles": json.dumps([{"name": "a"}, {"name": "b"}]), "licence": "CC0-1.0"})


def picture() -> np.ndarray:
    return np.random.default_rng(0).random((1, 3, SIZE[1], SIZE[0]), dtype=np.float32)


def run_in_torch(bank: Bank, weights: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return bank.network(torch.from_numpy(picture()), torch.from_numpy(weights)).numpy()


def grain(model: Model) -> np.ndarray:
    return grain_map(model.grain_channels, SIZE[1] // 8, SIZE[0] // 8, deviations=model.grain_deviations)


def run_in_opencv(path: Path, weights: np.ndarray) -> np.ndarray:
    model = Model.read(path)
    net = cv2.dnn.readNetFromONNX(np.frombuffer(model.with_input_size(*SIZE), np.uint8))
    net.setInput(picture(), "image")
    net.setInput(weights, "style")
    if model.grain_channels:
        net.setInput(grain(model), "grain")
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
    inputs = {"image": picture(), "style": mix, "grain": grain(Model.read(tmp_path / "b.onnx"))}
    (styled,) = session.run(None, inputs)
    assert np.abs(styled - run_in_torch(bank, mix)).max() < 1e-4


@pytest.mark.parametrize("size", [(96, 64), (104, 72)], ids=str)
@pytest.mark.parametrize("name", ["opencv", "onnxruntime", "openvino"])
def test_every_engine_paints_the_same_on_pixels_of_any_size(
    bank: Bank, tmp_path: Path, name: str, size: tuple[int, int]
) -> None:
    if name != "opencv":
        pytest.importorskip(name)
    write_bank(tmp_path / "b.onnx", bank)
    model = Model.read(tmp_path / "b.onnx")
    noise = np.random.default_rng(1).integers(0, 256, (size[1] // 8, size[0] // 8, 3), np.uint8)
    photo = cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    right, bottom = (-side % bank.network.alignment for side in size)
    larger = cv2.copyMakeBorder(photo, 0, bottom, 0, right, cv2.BORDER_REFLECT_101).astype(np.uint8)
    with torch.no_grad():
        planes = bank.network(torch.from_numpy(to_tensor(larger)), torch.tensor([[0.3, 0.7]]))[0].numpy()
    expected = 255 * planes[::-1, : size[1], : size[0]].transpose(1, 2, 0)
    session = make_engine(name, "cpu").session(model, *size)
    pixels = session.stylize(photo, (0.3, 0.7))
    values = 255 * session.run(to_tensor(photo), (0.3, 0.7))[0, ::-1].transpose(1, 2, 0)
    assert pixels.shape == values.shape == photo.shape
    assert np.abs(pixels - expected).max() < 1.01
    assert np.abs(values - expected).max() < 0.1


def test_a_bank_that_is_read_and_written_again_has_the_same_bytes(bank: Bank, tmp_path: Path) -> None:
    path = tmp_path / "b.onnx"
    write_bank(path, bank)
    reread = read_bank(path)
    assert all(
        torch.equal(value, reread.network.state_dict()[name]) for name, value in bank.network.state_dict().items()
    )
    assert reread.metadata.items() >= bank.metadata.items()
    assert reread.network.shape == bank.network.shape
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
    weights = np.eye(1, shipped.network.rows, 1, np.float32)
    before, after = run_in_opencv(GALLERY, weights), run_in_opencv(tmp_path / "reread.onnx", weights)
    assert np.abs(before - after).max() < 1e-5
    assert np.abs(run_in_torch(shipped, weights) - after).max() < 1e-4


@pytest.mark.parametrize("bank", ["lean"], indirect=True)
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
