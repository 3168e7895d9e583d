"""The shipped networks through the installed OpenCV, against ONNX's own reference."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from stylecam.engines import opencv
from stylecam.engines.opencv import OpenCVEngine
from stylecam.errors import EngineRunError, EngineUnavailableError, UsageError
from stylecam.media.frame import Size
from stylecam.media.transforms import Tensor, fit, to_tensor
from stylecam.models.catalog import shipped_models
from stylecam.models.grain import grain_map
from stylecam.models.model import Model
from tests.models.networks import IMAGE_INPUT, written

SHIPPED = sorted(shipped_models().glob("*.onnx"))


def portrait(width: int, height: int) -> Tensor:
    picture = cv2.imread(str(Path(opencv.__file__).parents[1] / "assets" / "astronaut.jpg"))
    return to_tensor(fit(picture, Size(width, height)))  # type: ignore[arg-type]


def only(network: Model, index: int = 0) -> tuple[float, ...]:
    return network.one_hot(index)


def small(folder: Path, *, width: int | str = "W", factor: int = 1, op: str = "Relu") -> Model:
    """A network of one node, in the contract's form."""
    node = (
        helper.make_node("Concat", ["image"] * factor, ["styled"], axis=3)
        if factor > 1
        else helper.make_node(op, ["image"], ["styled"])
    )
    graph = helper.make_graph(
        [node],
        "small",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "H", width])],
        [helper.make_tensor_value_info("styled", TensorProto.FLOAT, [1, 3, "H", "X"])],
    )
    path = folder / "small.onnx"
    path.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()
    )
    return Model.read(path)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_opencv_paints_what_the_reference_paints(path: Path) -> None:
    network = Model.read(path)
    image, weights = portrait(64, 64), only(network, 1)
    painted = OpenCVEngine("cpu").session(network, 64, 64).run(image, weights)
    inputs = {"image": image, "style": np.asarray([weights], np.float32)}
    if network.grain_channels:
        inputs["grain"] = grain_map(network.grain_channels, 8, 8)
    expected = ReferenceEvaluator(onnx.load(path)).run(["styled"], inputs)[0]
    assert np.abs(np.clip(painted, 0, 1) - np.clip(expected, 0, 1)).max() < 2 / 255


def test_a_tile_gets_the_grain_of_its_place(tmp_path: Path) -> None:
    kernel = np.repeat(np.eye(4, 3, dtype=np.float32), 64).reshape(4, 3, 8, 8)  # one number to each 8×8 pixels
    nodes = [
        helper.make_node("ConvTranspose", ["grain", "kernel"], ["large"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Add", ["image", "large"], ["styled"]),
    ]
    weights = [numpy_helper.from_array(kernel, "kernel")]
    inputs = {**IMAGE_INPUT, "grain": (1, 4, "rows", "columns")}
    session = OpenCVEngine("cpu").session(Model.read(written(tmp_path / "g.onnx", nodes, weights, inputs)), 64, 48)
    for origin in ((0, 0), (16, 40), (0, 0)):
        image = portrait(64, 48)
        found = (session.run(image, (1.0,), origin) - image)[:, :, ::8, ::8]
        assert np.allclose(found, grain_map(4, 6, 8, origin[0] // 8, origin[1] // 8)[:, :3], atol=1e-5)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_style_paints_its_own_picture(path: Path) -> None:
    network = Model.read(path)
    session = OpenCVEngine("cpu").session(network, 128, 72)
    image = portrait(128, 72)
    painted = [session.run(image, only(network, i)).copy() for i in range(network.style_count)]
    for i, one in enumerate(painted):
        assert np.abs(one - image).mean() > 0.03
        assert all(np.abs(one - other).mean() > 0.02 for other in painted[:i])


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_network_stays_within_black_and_white(path: Path) -> None:
    network = Model.read(path)
    painted = OpenCVEngine("cpu").session(network, 128, 72).run(portrait(128, 72), only(network))
    assert painted.min() >= -1e-5
    assert painted.max() <= 1 + 1e-5


def test_a_blend_of_two_styles_is_between_neither_and_both(bank: Model) -> None:
    session = OpenCVEngine("cpu").session(bank, 128, 72)
    image = portrait(128, 72)
    first, second = (session.run(image, only(bank, i)).copy() for i in (0, 1))
    mixed = session.run(image, (0.5, 0.5, *[0.0] * (bank.style_count - 2))).copy()
    apart = np.abs(first - second).mean()
    assert 0 < np.abs(mixed - first).mean() < apart
    assert 0 < np.abs(mixed - second).mean() < apart


def test_the_same_picture_is_painted_the_same_twice(bank: Model) -> None:
    session = OpenCVEngine("cpu").session(bank, 64, 64)
    image = portrait(64, 64)
    first = session.run(image, only(bank)).copy()
    session.run(image, only(bank, 1))
    assert np.abs(session.run(image, only(bank)) - first).max() < 1e-4


@pytest.mark.parametrize(("width", "height"), [(128, 72), (72, 128), (64, 64), (176, 96)])
def test_a_network_runs_at_any_size_of_the_ladder(bank: Model, width: int, height: int) -> None:
    painted = OpenCVEngine("cpu").session(bank, width, height).run(portrait(width, height), only(bank))
    assert painted.shape == (1, 3, height, width)


def test_a_network_without_a_style_input_runs(tmp_path: Path) -> None:
    image = portrait(64, 64)
    painted = OpenCVEngine("cpu").session(small(tmp_path), 64, 64).run(image, (1.0,))
    assert np.allclose(painted, image)


def test_a_network_that_gives_another_size_is_refused_when_run(tmp_path: Path) -> None:
    session = OpenCVEngine("cpu").session(small(tmp_path, factor=2), 64, 64)
    with pytest.raises(EngineRunError, match="gave shape"):
        session.run(portrait(64, 64), (1.0,))


def test_a_network_opencv_does_not_know_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineRunError, match=r"small\.onnx"):
        OpenCVEngine("cpu").session(small(tmp_path, op="NoSuchLayer"), 64, 64).run(portrait(64, 64), (1.0,))


def test_auto_falls_back_to_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opencv, "available_devices", lambda: ("cpu", "opencl"))
    assert OpenCVEngine("auto").device == "cpu"


def test_auto_takes_cuda_where_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opencv, "available_devices", lambda: ("cuda", "cuda-fp16", "cpu"))
    assert OpenCVEngine("auto").device == "cuda"


@pytest.mark.parametrize("device", ["cuda", "cuda-fp16", "opencl"])
def test_a_device_that_is_not_there_is_refused_with_what_to_install(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opencv, "available_devices", lambda: ("cpu",))
    with pytest.raises(EngineUnavailableError) as caught:
        OpenCVEngine(device)
    assert f"OpenCV {cv2.__version__}" in str(caught.value)
    assert "install" in str(caught.value)
    assert "--device cpu" in str(caught.value)


def test_a_device_of_no_such_name_is_refused_with_the_names() -> None:
    with pytest.raises(UsageError, match="choose auto, cpu, cuda"):
        OpenCVEngine("gpu")


def test_the_processor_is_always_there() -> None:
    assert "cpu" in opencv.available_devices()


def test_the_engine_names_what_really_runs() -> None:
    engine = OpenCVEngine("cpu")
    assert (engine.name, engine.device, engine.version) == ("opencv", "cpu", f"OpenCV {cv2.__version__}")
