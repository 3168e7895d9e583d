"""Tests of the OpenCV engine: the shipped networks against ONNX's reference, and the devices."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from stylecam.engines import opencv
from stylecam.engines.opencv import OpenCVEngine
from stylecam.errors import EngineRunError, EngineUnavailableError, UsageError
from stylecam.models.catalog import shipped_models
from stylecam.models.grain import grain_map
from stylecam.models.model import Model
from tests.engines.fixtures import one_node_model, photo_tensor
from tests.models.networks import IMAGE_INPUT, write_network

SHIPPED = sorted(shipped_models().glob("*.onnx"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_opencv_matches_the_reference_evaluator(path: Path) -> None:
    network = Model.read(path)
    image, weights = photo_tensor(64, 64), network.rows(network.one_hot(1), 64)
    styled = OpenCVEngine("cpu").session(network, 64, 64).run(image, weights)
    inputs = {"image": image, "style": np.asarray([weights], np.float32)}
    if network.grain_channels:
        inputs["grain"] = grain_map(network.grain_channels, 8, 8, deviations=network.grain_deviations)
    expected = ReferenceEvaluator(onnx.load(path)).run(["styled"], inputs)[0]
    assert np.abs(np.clip(styled, 0, 1) - np.clip(expected, 0, 1)).max() < 2 / 255


def test_a_tile_gets_the_grain_of_its_position(tmp_path: Path) -> None:
    kernel = np.repeat(np.eye(4, 3, dtype=np.float32), 64).reshape(4, 3, 8, 8)  # one value for each 8×8 pixels
    nodes = [
        helper.make_node("ConvTranspose", ["grain", "kernel"], ["large"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Add", ["image", "large"], ["styled"]),
    ]
    weights = [numpy_helper.from_array(kernel, "kernel")]
    inputs = {**IMAGE_INPUT, "grain": (1, 4, "rows", "columns")}
    session = OpenCVEngine("cpu").session(
        Model.read(write_network(tmp_path / "g.onnx", nodes, weights, inputs)), 64, 48
    )
    for origin in ((0, 0), (16, 40), (0, 0)):
        image = photo_tensor(64, 48)
        found = (session.run(image, (1.0,), origin) - image)[:, :, ::8, ::8]
        assert np.allclose(found, grain_map(4, 6, 8, origin[0] // 8, origin[1] // 8)[:, :3], atol=1e-5)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_style_differs_from_the_input_and_from_the_others(path: Path) -> None:
    network = Model.read(path)
    session = OpenCVEngine("cpu").session(network, 128, 80)
    image = photo_tensor(128, 80)
    weights = [network.rows(network.one_hot(i), 80) for i in range(network.style_count)]
    styled = [session.run(image, each).copy() for each in weights]
    for i, one in enumerate(styled):
        assert np.abs(one - image).mean() > 0.03
        assert all(np.abs(one - other).mean() > 0.02 for other in styled[:i])


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_result_of_a_shipped_network_lies_between_0_and_1(path: Path) -> None:
    network = Model.read(path)
    weights = network.rows(network.one_hot(), 80)
    styled = OpenCVEngine("cpu").session(network, 128, 80).run(photo_tensor(128, 80), weights)
    assert styled.min() >= -1e-5
    assert styled.max() <= 1 + 1e-5


def test_a_blend_of_two_styles_differs_from_both_and_lies_between_them(bank: Model) -> None:
    session = OpenCVEngine("cpu").session(bank, 128, 72)
    image = photo_tensor(128, 72)
    first, second = (session.run(image, bank.one_hot(i)).copy() for i in (0, 1))
    mixed = session.run(image, (0.5, 0.5, *[0.0] * (bank.style_count - 2))).copy()
    apart = np.abs(first - second).mean()
    assert 0 < np.abs(mixed - first).mean() < apart
    assert 0 < np.abs(mixed - second).mean() < apart


def test_the_same_picture_is_styled_the_same_twice(bank: Model) -> None:
    session = OpenCVEngine("cpu").session(bank, 64, 64)
    image = photo_tensor(64, 64)
    first = session.run(image, bank.one_hot()).copy()
    session.run(image, bank.one_hot(1))
    assert np.abs(session.run(image, bank.one_hot()) - first).max() < 1e-4


@pytest.mark.parametrize(("width", "height"), [(128, 72), (72, 128), (64, 64), (176, 96)])
def test_a_network_runs_at_any_size_of_the_ladder(bank: Model, width: int, height: int) -> None:
    styled = OpenCVEngine("cpu").session(bank, width, height).run(photo_tensor(width, height), bank.one_hot())
    assert styled.shape == (1, 3, height, width)


def test_a_network_without_a_style_input_runs(tmp_path: Path) -> None:
    image = photo_tensor(64, 64)
    styled = OpenCVEngine("cpu").session(one_node_model(tmp_path), 64, 64).run(image, (1.0,))
    assert np.allclose(styled, image)


def test_a_network_with_a_result_of_another_size_is_refused_when_run(tmp_path: Path) -> None:
    session = OpenCVEngine("cpu").session(one_node_model(tmp_path, factor=2), 64, 64)
    with pytest.raises(EngineRunError, match="gave shape"):
        session.run(photo_tensor(64, 64), (1.0,))


def test_a_network_that_opencv_cannot_load_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineRunError, match=r"small\.onnx"):
        OpenCVEngine("cpu").session(one_node_model(tmp_path, op="NoSuchLayer"), 64, 64).run(
            photo_tensor(64, 64), (1.0,)
        )


def test_auto_falls_back_to_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opencv, "available_devices", lambda: ("cpu", "opencl"))
    assert OpenCVEngine("auto").device == "cpu"


def test_auto_uses_cuda_where_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opencv, "available_devices", lambda: ("cuda", "cuda-fp16", "cpu"))
    assert OpenCVEngine("auto").device == "cuda"


@pytest.mark.parametrize("device", ["cuda", "cuda-fp16", "opencl"])
def test_a_missing_device_is_refused_with_what_to_install(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opencv, "available_devices", lambda: ("cpu",))
    with pytest.raises(EngineUnavailableError) as caught:
        OpenCVEngine(device)
    assert f"OpenCV {cv2.__version__}" in str(caught.value)
    assert "install" in str(caught.value)
    assert "--device cpu" in str(caught.value)


def test_a_device_that_opencv_quietly_leaves_for_the_processor_is_refused(
    bank: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "opencl" in opencv.available_devices():
        pytest.skip("OpenCV runs networks on a card here")
    monkeypatch.setattr(opencv, "available_devices", lambda: ("cpu", "opencl"))
    session = OpenCVEngine("opencl").session(bank, 64, 64)
    with pytest.raises(EngineRunError, match="on the processor in place of opencl; use --device cpu"):
        session.run(photo_tensor(64, 64), bank.one_hot())


def test_an_unknown_device_is_refused_with_the_valid_names() -> None:
    with pytest.raises(UsageError, match="choose auto, cpu, cuda"):
        OpenCVEngine("gpu")


def test_the_cpu_is_always_available() -> None:
    assert "cpu" in opencv.available_devices()


def test_the_engine_names_the_library_and_device_that_run() -> None:
    engine = OpenCVEngine("cpu")
    assert (engine.name, engine.device, engine.version) == ("opencv", "cpu", f"OpenCV {cv2.__version__}")
