"""Tests that a bank without its conversions makes the same picture as the whole bank."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import ModelProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from stylecam.engines.base import InferenceSession
from stylecam.engines.factory import make_engine
from stylecam.engines.opencv import OpenCVEngine
from stylecam.media.frame import Image
from stylecam.media.transforms import pack_pixels, packed_to_image
from stylecam.models.catalog import shipped_models
from stylecam.models.grain import CELL_SIZE, grain_map
from stylecam.models.model import Model
from stylecam.models.rewrite.uint8_io import fold_conversions
from tests.engines.fixtures import require_library
from tests.models.networks import network

SIZE = 96, 64


@pytest.fixture(scope="module")
def photo() -> Image:
    noise = np.random.default_rng(3).integers(0, 256, (SIZE[1] // 8, SIZE[0] // 8, 3), np.uint8)
    return cv2.resize(noise, SIZE, interpolation=cv2.INTER_CUBIC)  # type: ignore[return-value]


def painted(data: bytes, model: Model, image: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Image:
    """Return the result of ONNX's reference runtime for `image` with the bank's second style."""
    inputs = {"image": image, "style": np.eye(1, model.style_count, 1, dtype=np.float32)}
    if model.grain_channels:
        inputs["grain"] = grain_map(model.grain_channels, SIZE[1] // CELL_SIZE, SIZE[0] // CELL_SIZE)
    return packed_to_image(ReferenceEvaluator(onnx.load_from_string(data)).run(["styled"], inputs)[0])


def by_the_whole(model: Model, photo: Image) -> Image:
    session = OpenCVEngine("cpu").session(model, *SIZE)
    return InferenceSession.stylize(session, photo, model.one_hot(1))


def test_with_cell_input_a_bank_paints_the_same(bank: Model, photo: Image) -> None:
    folded = fold_conversions(bank)
    assert folded is not None
    cells = np.empty((1, 48, SIZE[1] // 4, SIZE[0] // 4), np.float32)
    pack_pixels(photo, cells)
    assert cv2.absdiff(painted(folded.with_cell_input(*SIZE), bank, cells), by_the_whole(bank, photo)).max() <= 1


def test_opencv_paints_the_same_without_the_conversions(bank: Model, photo: Image) -> None:
    session = OpenCVEngine("cpu").session(bank, *SIZE)
    weights = bank.one_hot(1)
    for origin in ((0, 0), (16, 40), (0, 0)):
        assert (
            cv2.absdiff(
                session.stylize(photo, weights, origin), InferenceSession.stylize(session, photo, weights, origin)
            ).max()
            <= 1
        )


def test_the_result_belongs_to_the_caller(bank: Model, photo: Image) -> None:
    session = OpenCVEngine("cpu").session(bank, *SIZE)
    first = session.stylize(photo, bank.one_hot(0))
    kept = first.copy()
    second = session.stylize(photo, bank.one_hot(1))
    assert np.array_equal(first, kept)
    assert not np.array_equal(first, second)


def without_sigmoid(made: ModelProto) -> None:
    made.graph.node[-1].op_type = "Tanh"


def shuffled_in_another_order(made: ModelProto) -> None:
    mode = next(attribute for attribute in made.graph.node[-2].attribute if attribute.name == "mode")
    mode.s = b"DCR"


def looking_at_the_picture_twice(made: ModelProto) -> None:
    made.graph.node.insert(0, helper.make_node("Relu", ["image"], ["unused"]))


def with_a_wider_view(made: ModelProto) -> None:
    head = next(node for node in made.graph.node if "image" in node.input)
    for attribute in head.attribute:
        if attribute.name == "strides":
            attribute.ints[:] = [2, 2]


def with_weights_in_halves(made: ModelProto) -> None:
    weights = next(constant for constant in made.graph.initializer if constant.name == "out.weight")
    weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights).astype(np.float16), "out.weight"))


def sharing_its_last_weights(made: ModelProto) -> None:
    made.graph.node.insert(0, helper.make_node("Relu", ["out.bias"], ["unused"]))


@pytest.mark.parametrize(
    "change",
    [
        without_sigmoid,
        shuffled_in_another_order,
        looking_at_the_picture_twice,
        with_a_wider_view,
        with_weights_in_halves,
        sharing_its_last_weights,
    ],
    ids=lambda change: change.__name__,
)
def test_a_network_of_another_form_is_left_alone(
    change: Callable[[ModelProto], None], bank: Model, tmp_path: Path
) -> None:
    made = onnx.load_from_string(bank.data)
    change(made)
    path = tmp_path / "other.onnx"
    path.write_bytes(made.SerializeToString())
    assert fold_conversions(Model.read(path)) is None


def test_a_foreign_network_is_left_alone(tmp_path: Path) -> None:
    assert fold_conversions(Model.read(network(tmp_path / "plain.onnx"))) is None


def test_a_bank_of_the_rich_tier_reads_the_bytes_of_a_picture_twice(photo: Image) -> None:
    rich = Model.read(max(shipped_models().glob("*.onnx"), key=lambda path: path.stat().st_size))
    folded = fold_conversions(rich)
    assert folded is not None
    assert folded.head_cell is None  # its two convolutions would need cells of two sizes
    require_library("onnxruntime")
    session = make_engine("onnxruntime", "cpu").session(rich, *SIZE)
    weights = rich.rows(rich.one_hot(), min(SIZE))
    in_floats = InferenceSession.stylize(session, photo, weights)
    assert cv2.absdiff(session.stylize(photo, weights), in_floats).max() <= 1
    assert in_floats.std() > 10
